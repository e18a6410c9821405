"""Separable local convolution: every pixel has its own kernel, an outer product of two vectors.

The layer of SepConv (Niklaus, Mai and Liu, ICCV 2017), written with matrix products. The
vertical kernels of T neighbouring pixels of one row (T x K), times the image window these
pixels share (K x (T + K - 1)), hold in their diagonal band the vertical sums of all T pixels.
A third to a half of the products fall outside the band, yet matrix products are so much
faster than element-wise arithmetic that the whole takes about a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_RUN = 48  # pixels of a row that share a window; 16 to 64 take about the same time
_CPU_BAND = 32  # rows computed at once, so that intermediate results stay in the cache


def separable_convolution(image: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Filter each pixel with its own separable kernel (a correlation, as usual in networks).

    ``out[c, y, x] = sum_ij vertical[i, y, x] * horizontal[j, y, x] * image[c, y + i, x + j]``
    with i and j counted from the centre tap; beyond its border the image is replicated.
    Only the inputs are kept for the backward pass, which computes the sums again.
    Kernels in the channels_last memory format are read without a copy.

    Args:
        image: BCHW, floating point.
        vertical: BKHW, K odd: K values for every pixel, shared by the channels.
        horizontal: BKHW.

    Returns:
        BCHW, of the image's dtype.

    Raises:
        ValueError: the shapes do not fit, or K is even.
    """
    batch, _, height, width = image.shape
    taps = vertical.shape[1]
    if taps % 2 == 0 or not vertical.shape == horizontal.shape == (batch, taps, height, width):
        raise ValueError(
            f"Separable kernels of shapes {tuple(vertical.shape)} and {tuple(horizontal.shape)} do "
            f"not fit an image of shape {tuple(image.shape)}; give two of BKHW, K odd."
        )
    kernels = vertical.to(image.dtype), horizontal.to(image.dtype)
    padded = functional.pad(image, (taps // 2,) * 4, mode="replicate").contiguous()
    result: Tensor = _SeparableConvolution.apply(padded, *kernels)
    return result


def separable_macs(channels: int, taps: int, height: int, width: int) -> int:
    """Multiply-adds of the defining sum, forward, for one image (taps squared per value)."""
    return channels * taps**2 * height * width


class _SeparableConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
        ctx.save_for_backward(padded, vertical, horizontal)
        filtered: Tensor = _filter(padded, vertical, horizontal)
        return filtered

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        found = iter(_gradients(grad, *ctx.saved_tensors, list(ctx.needs_input_grad)))
        return tuple(next(found) if needed else None for needed in ctx.needs_input_grad)


# Operators of their own, so that a counter of arithmetic sees them and not the products
# outside the band, and so that shapes alone can pass through.
@torch.library.custom_op(
    "interslice::separable",
    mutates_args=(),
    schema="(Tensor padded, Tensor vertical, Tensor horizontal) -> Tensor",
)
def _filter(padded: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    out = padded.new_empty(*padded.shape[:2], *vertical.shape[2:])
    with _full_precision(padded):
        for item, rows in _row_bands(vertical):
            v, h = (_taps_last(kernels[item, :, rows]) for kernels in (vertical, horizontal))
            for c, run, windows in _runs(padded[item], rows, v):
                sums = _band(torch.bmm(v[:, run], windows))
                out[item, c, rows, run] = (sums * h[:, run]).sum(-1)
    return out


@_filter.register_fake
def _empty_output(padded: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    del horizontal
    return padded.new_empty(*padded.shape[:2], *vertical.shape[2:])


@torch.library.custom_op(
    "interslice::separable_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor padded, Tensor vertical, Tensor horizontal, bool[] needed)"
    " -> Tensor[]",
)
def _gradients(
    grad: Tensor, padded: Tensor, vertical: Tensor, horizontal: Tensor, needed: list[bool]
) -> list[Tensor]:
    inputs = (padded, vertical, horizontal)
    grads = [
        torch.zeros_like(tensor) if wanted else None
        for tensor, wanted in zip(inputs, needed, strict=True)
    ]
    with _full_precision(grad):
        for item, rows in _row_bands(vertical):
            v, h = (_taps_last(kernels[item, :, rows]) for kernels in (vertical, horizontal))
            parts = [None if total is None else total[item] for total in grads]
            _add_gradients(grad[item, :, rows], padded[item], rows, v, h, parts)
    return [total for total in grads if total is not None]


@_gradients.register_fake
def _empty_gradients(
    grad: Tensor, padded: Tensor, vertical: Tensor, horizontal: Tensor, needed: list[bool]
) -> list[Tensor]:
    del grad
    inputs = (padded, vertical, horizontal)
    return [
        torch.empty_like(tensor) for tensor, wanted in zip(inputs, needed, strict=True) if wanted
    ]


def _add_gradients(
    grad: Tensor,
    padded: Tensor,
    rows: slice,
    vertical: Tensor,
    horizontal: Tensor,
    totals: list[Tensor | None],
) -> None:
    """Add what one band of rows gives to the gradients of image (padded) and kernels."""
    image_total, *kernel_totals = totals
    to_vertical, to_horizontal = torch.zeros_like(vertical), torch.zeros_like(horizontal)
    for c, run, windows in _runs(padded, rows, vertical):
        g, v = grad[c, :, run].unsqueeze(-1), vertical[:, run]
        spread = _spread(horizontal[:, run])
        if kernel_totals[0] is not None:
            to_vertical[:, run].addcmul_(g, torch.bmm(spread, windows.transpose(1, 2)))
        if kernel_totals[1] is not None:
            to_horizontal[:, run].addcmul_(g, _band(torch.bmm(v, windows)))
        if image_total is not None:
            targets = _windows(image_total[c], rows, run, vertical.shape[2])
            contributions = torch.bmm((g * v).transpose(1, 2), spread)
            for i in range(vertical.shape[2]):  # one row at a time: the windows overlap
                targets[:, i] += contributions[:, i]
    for total, part in zip(kernel_totals, (to_vertical, to_horizontal), strict=True):
        if total is not None:
            total[:, rows] = part.permute(2, 0, 1)


def _row_bands(kernels: Tensor) -> Iterator[tuple[int, slice]]:
    """Every item of a batch, cut into bands of rows that are computed at once."""
    batch, _, height, _ = kernels.shape
    size = _CPU_BAND if kernels.device.type == "cpu" else height
    for item in range(batch):
        for top in range(0, height, size):
            yield item, slice(top, min(top + size, height))


def _runs(padded: Tensor, rows: slice, kernels: Tensor) -> Iterator[tuple[int, slice, Tensor]]:
    """For every channel and run of columns, what the pixels of a band of rows see."""
    _, width, taps = kernels.shape
    for c, channel in enumerate(padded):
        for left in range(0, width, _RUN):
            run = slice(left, min(left + _RUN, width))
            yield c, run, _windows(channel, rows, run, taps)


def _windows(padded: Tensor, rows: slice, run: slice, taps: int) -> Tensor:
    """The image under the kernels of a run: a view of rows, taps, columns + taps - 1."""
    seen = padded[rows.start : rows.stop + taps - 1, run.start : run.stop + taps - 1]
    return seen.unfold(0, taps, 1).transpose(1, 2)


def _taps_last(kernels: Tensor) -> Tensor:
    """KHW as HWK, contiguous (no copy where the memory format is channels_last)."""
    return kernels.permute(1, 2, 0).contiguous()


def _band(products: Tensor) -> Tensor:
    """Entry ``[y, x, x + j]`` as ``[y, x, j]``: a view of rows, columns, taps."""
    rows, columns, width = products.shape
    strides = (columns * width, width + 1, 1)
    return products.as_strided((rows, columns, width - columns + 1), strides)


def _spread(kernels: Tensor) -> Tensor:
    """The inverse of ``_band``: a banded matrix for every row, zero outside the band."""
    rows, columns, taps = kernels.shape
    matrices = kernels.new_zeros(rows, columns, columns + taps - 1)
    _band(matrices).copy_(kernels)
    return matrices


def _full_precision(tensor: Tensor) -> torch.autocast:
    """Sums of thousands of terms are not left to autocast's short formats."""
    return torch.autocast(tensor.device.type, enabled=False)
