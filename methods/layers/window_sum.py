"""Weighted sums over windows of a table's rows, which is what warping through kernels is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import csc_array
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_HELD = 1 << 23  # numbers of gathered rows at once


def window_sum(table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    """Weighted sums of table rows at constant distances from a corner.

    Args:
        table: RC.
        weights: NT, for each pixel that of each row of its window.
        corner: N, the first row of each window.
        taps: T, how far each row lies from the first; the same for all windows.

    Returns:
        NC, differentiable in ``table`` and ``weights``.
    """
    summed: Tensor = _WindowSum.apply(table, weights, corner, taps)
    return summed


class _WindowSum(Function):
    """What an embedding bag computes, without ever holding the shifted images.

    Its own gradient for the table sorts all N T indices, which takes longer than all the rest.
    The windows are a sparse matrix of N lines with T entries each: on a CPU the gradients
    are its transposed product and its sampled one. Elsewhere atomic sums would differ from
    run to run, so the N corners are sorted (``_transpose``).
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(table, weights, corner, taps)
        summed: Tensor = _window_sum(table, weights, corner, taps)
        return summed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        needed = list(ctx.needs_input_grad[:2])
        found = iter(_window_gradients(grad, *ctx.saved_tensors, needed))
        grad_table, grad_weights = (next(found) if wanted else None for wanted in needed)
        return grad_table, grad_weights, None, None


# Operators of their own, so that a counter of arithmetic sees them, and so that shapes alone
# can pass through: sorting takes values.
@torch.library.custom_op(
    "interslice::window_sum",
    mutates_args=(),
    schema="(Tensor table, Tensor weights, Tensor corner, Tensor taps) -> Tensor",
)
def _window_sum(table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    return functional.embedding_bag(
        _indices(corner, taps), table, per_sample_weights=weights, mode="sum"
    )


@_window_sum.register_fake
def _empty_sum(table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    del weights, taps
    return table.new_empty(len(corner), table.shape[1])


@torch.library.custom_op(
    "interslice::window_sum_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor table, Tensor weights, Tensor corner, Tensor taps, bool[] needed)"
    " -> Tensor[]",
)
def _window_gradients(
    grad: Tensor, table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor, needed: list[bool]
) -> list[Tensor]:
    grad = grad.flatten().view(grad.shape)
    # Neither library's sparse products take half precision.
    sparse = grad.device.type == "cpu" and grad.dtype in (torch.float32, torch.float64)
    found = []
    if needed[0]:
        readers = _sparse_readers if sparse else _sorted_readers
        found.append(readers(grad, weights, corner, taps, len(table)))
    if needed[1]:
        products = _sparse_products if sparse else _gathered_products
        found.append(products(grad, table, corner, taps))
    return found


@_window_gradients.register_fake
def _empty_window_gradients(
    grad: Tensor, table: Tensor, weights: Tensor, corner: Tensor, taps: Tensor, needed: list[bool]
) -> list[Tensor]:
    del grad, corner, taps
    inputs = (table, weights)
    return [
        torch.empty_like(tensor) for tensor, wanted in zip(inputs, needed, strict=True) if wanted
    ]


def _indices(corner: Tensor, taps: Tensor) -> Tensor:
    """The rows of each window, NT, in 32 bits: the largest tensor here."""
    return corner.int().unsqueeze(1) + taps.int()


def _sparse_readers(
    grad: Tensor, weights: Tensor, corner: Tensor, taps: Tensor, rows: int
) -> Tensor:
    """Each table row's sum over the pixels that read it, RC: the transposed windows times grad."""
    ends = np.arange(0, weights.numel() + 1, len(taps), dtype=np.int32)
    index = _indices(corner, taps).flatten().numpy()
    windows = csc_array((weights.flatten().numpy(), index, ends), shape=(rows, len(corner)))
    return torch.from_numpy(windows @ grad.numpy())


def _sparse_products(grad: Tensor, table: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    """Dot product of each pixel's gradient with each row of its window: NT."""
    index = _indices(corner, taps).flatten()
    ends = torch.arange(0, len(index) + 1, len(taps), dtype=torch.int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        windows = torch.sparse_csr_tensor(
            ends, index, grad.new_zeros(len(index)), (len(corner), len(table)),
            check_invariants=False,
        )  # fmt: skip
    found: Tensor = torch.sparse.sampled_addmm(windows, grad, table.t()).values()
    return found.view(-1, len(taps))


def _sorted_readers(
    grad: Tensor, weights: Tensor, corner: Tensor, taps: Tensor, rows: int
) -> Tensor:
    index, values, starts = _transpose(weights, corner, taps.tolist(), rows)
    return functional.embedding_bag(index, grad, starts, per_sample_weights=values, mode="sum")


def _gathered_products(grad: Tensor, table: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    products = grad.new_empty(len(corner), len(taps))
    pieces = max(_HELD // (len(taps) * table.shape[1]), 64)
    for start in range(0, len(corner), pieces):
        part = slice(start, start + pieces)
        rows = table.index_select(0, _indices(corner[part], taps).flatten())
        rows = rows.view(-1, len(taps), table.shape[1])
        products[part] = (rows * grad[part].unsqueeze(1)).sum(-1)
    return products


def _transpose(
    weights: Tensor, corner: Tensor, taps: list[int], rows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The windows seen from the table: for each row the pixels that read it, and how much.

    Returns:
        Pixels and their weights, both in the order of the rows, and where each row starts.
    """
    order = corner.argsort()
    corner, weights = corner.gather(0, order), weights.index_select(0, order)
    count = torch.bincount(corner, minlength=rows)
    first = (count.cumsum(0) - count).gather(0, corner)
    rank = torch.arange(len(corner), device=corner.device) - first

    readers = torch.zeros_like(count)
    for tap in taps:
        readers[tap:] += count[: rows - tap]
    starts = readers.cumsum(0) - readers
    index = torch.empty(weights.numel(), dtype=torch.int, device=corner.device)
    values = weights.new_empty(weights.numel())
    free = starts.clone()
    for tap, weight in zip(taps, weights.t().contiguous(), strict=True):
        place = free.gather(0, corner + tap) + rank
        index.scatter_(0, place, order.int())
        values.scatter_(0, place, weight)
        free[tap:] += count[: rows - tap]
    return index, values, starts.int()
