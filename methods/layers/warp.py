"""Moving images by flow: backward warping, flow projection and adaptive warping.

A flow is B2HW in pixels, channel 0 along x (columns), channel 1 along y (rows). Positions
count pixel centres: the image spans 0..W-1 and 0..H-1 (``align_corners=True``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_TAPS = 4  # the side of an adaptive kernel
_CHUNK = 1 << 17  # numbers that a core's cache holds


def backward_warp(image: Tensor, flow: Tensor) -> Tensor:
    """Read ``image`` at x + flow(x), bilinearly.

    Args:
        image: BCHW.
        flow: B2HW in pixels.

    Returns:
        BCHW; positions outside the image read its nearest border pixel.
    """
    height, width = image.shape[-2:]
    x, y = _positions(flow)
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
    return functional.grid_sample(
        image, grid, mode="bilinear", padding_mode="border", align_corners=True
    )


def project_flow(flow: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a flow from a source towards the middle into the flow from the middle back.

    Every source pixel x lands at x + f. The (up to) four grid points around that
    position each receive -w f and w; the result is sum(-w f) / sum(w) (Bao et al. 2019,
    equation 2). A pixel that lands outside the image is ignored.

    Landing cells are piecewise constant in the flow, so gradients reach the flow through
    its values alone, and the weight through the quotient.

    Args:
        flow: B2HW in pixels, from the source to the middle.
        weight: B1HW, positive: which of the pixels that meet shall win.

    Returns:
        The flow from the middle to the source, B2HW, and the holes, B1HW boolean:
        grid points that nothing reached, where the flow is 0.
    """
    batch, _, height, width = flow.shape
    x, y = _positions(flow)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    column, row = x.detach().floor().long(), y.detach().floor().long()
    cells = batch * height * width
    image = torch.arange(batch, device=flow.device).view(-1, 1, 1)
    cell = ((image * height + row) * width + column).masked_fill(~inside, cells)

    # All four corners of a cell receive the same, so one sum per cell is enough: a
    # grid point then adds up the four cells that it is a corner of. The last cell
    # collects what lands outside.
    carried = torch.cat([-weight * flow, weight], dim=1).transpose(0, 1).flatten(1)
    landed = carried.new_zeros(3, cells + 1).index_add(1, cell.flatten(), carried)[:, :-1]
    padded = functional.pad(landed.view(3, batch, height, width), (1, 0, 1, 0))
    rows = padded[..., 1:, :] + padded[..., :-1, :]
    sums = (rows[..., 1:] + rows[..., :-1]).transpose(0, 1)

    holes = sums[:, 2:] <= 0
    return sums[:, :2] / sums[:, 2:].masked_fill(holes, 1), holes


def fill_holes(flow: Tensor, holes: Tensor) -> Tensor:
    """Give each hole the mean of the nearest valid flows to its left, right, top and bottom.

    Args:
        flow: B2HW.
        holes: B1HW boolean.

    Returns:
        B2HW. A direction without a valid flow does not count; a hole without any stays 0.
    """
    total, count = torch.zeros_like(flow), torch.zeros_like(flow[:, :1])
    for dim in (-1, -2):
        for reverse in (False, True):
            value, found = _nearest_before(flow, ~holes, dim, reverse)
            total, count = total + value, count + found
    return torch.where(holes, total / count.clamp(min=1), flow)


def adaptive_warp(image: Tensor, flow: Tensor, kernels: Tensor) -> Tensor:
    """Read ``image`` at x + flow(x) through a kernel of 4 x 4 taps of each pixel's own.

    The window spans floor - 1 to floor + 2 of the position, clamped to the border; each
    2 x 2 quadrant is weighted with the bilinear factor of its inner tap (Bao et al. 2019,
    after MEMC-Net). Inner taps of 1 and outer taps of 0 make it a bilinear warp.

    Unlike the reference, which returns 0 where the position lies outside the image, it is
    moved to the nearest border: a membrane at the edge shall not turn black.

    Args:
        image: BCHW, any number of channels; all of them share the kernels.
        flow: B2HW in pixels.
        kernels: B16HW, tap 4 row + column, not normalised.

    Returns:
        BCHW.
    """
    batch, channels, height, width = image.shape
    x, y = _positions(flow)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    column, row = x.detach().floor(), y.detach().floor()
    weights = kernels.permute(0, 2, 3, 1) * _quadrant_factors(x - column, y - row)

    # In a replicated border the clamped window is a plain one, its taps a constant
    # distance from its first; so one index per pixel serves all of them.
    padded = functional.pad(image, (1, 2, 1, 2), mode="replicate").to(weights.dtype)
    tall, wide = padded.shape[-2:]
    first = torch.arange(batch, device=image.device).view(-1, 1, 1) * tall
    corner = (first + row.long()) * wide + column.long()
    steps = torch.arange(_TAPS, device=image.device)
    taps = (steps.unsqueeze(1) * wide + steps).flatten()
    warped: Tensor = _WindowSum.apply(
        # By way of one dimension, so that even the strides of a single channel are plain:
        # the bag has no fast path for others.
        padded.permute(0, 2, 3, 1).flatten().view(-1, channels),
        weights.reshape(-1, _TAPS * _TAPS),
        corner.flatten(),
        taps,
    )
    return warped.view(batch, height, width, channels).permute(0, 3, 1, 2)


class _WindowSum(Function):
    """Weighted sums of table rows at constant distances from a corner: RC, NT, N, T -> NC.

    This is what an embedding bag computes, without ever holding the shifted images. Its
    own gradient for the table sorts all N T indices, which takes longer than all the
    rest; here only the N corners are sorted (see ``_transpose``).
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
    found = []
    if needed[0]:
        index, values, starts = _transpose(weights, corner, taps.tolist(), len(table))
        found.append(
            functional.embedding_bag(index, grad, starts, per_sample_weights=values, mode="sum")
        )
    if needed[1]:
        found.append(_window_products(table, grad, corner, taps))
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


def _window_products(table: Tensor, grad: Tensor, corner: Tensor, taps: Tensor) -> Tensor:
    """Dot product of each pixel's gradient with each row of its window: NT."""
    products = grad.new_empty(len(corner), len(taps))
    # A GPU wants one large piece; on a CPU the gathered rows should fit its cache.
    budget = _CHUNK if table.device.type == "cpu" else 64 * _CHUNK
    pieces = max(budget // (len(taps) * table.shape[1]), 64)
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


def _positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel's flow points to: x and y, BHW."""
    height, width = flow.shape[-2:]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype)
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)
    return columns + flow[:, 0], rows[:, None] + flow[:, 1]


def _quadrant_factors(across: Tensor, down: Tensor) -> Tensor:
    """The bilinear factor of each tap's quadrant: two fractions BHW to BHW16."""
    # All are linear in these four, and one matrix product is quicker than 16 columns.
    terms = torch.stack([torch.ones_like(across), across, down, across * down], dim=-1)
    quadrants = torch.tensor(
        [[1, -1, -1, 1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1]], dtype=terms.dtype
    )
    half = _TAPS // 2
    tiles = quadrants.t().reshape(4, 2, 2).repeat_interleave(half, 1).repeat_interleave(half, 2)
    with torch.autocast(terms.device.type, enabled=False):  # positions need every bit
        return terms @ tiles.flatten(1).to(terms.device)


def _nearest_before(flow: Tensor, valid: Tensor, dim: int, reverse: bool) -> tuple[Tensor, Tensor]:
    """The last valid flow before each pixel along ``dim``, and whether there is one."""
    if reverse:
        value, found = _nearest_before(flow.flip(dim), valid.flip(dim), dim, reverse=False)
        return value.flip(dim), found.flip(dim)
    size = flow.shape[dim]
    place = torch.arange(size, device=flow.device).view(-1, *([1] * (-1 - dim)))
    last = torch.where(valid, place, -1).cummax(dim).values
    found = last >= 0
    value = flow.gather(dim, last.clamp(min=0).expand_as(flow))
    return value * found, found
