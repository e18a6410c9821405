"""Separable local convolution: every pixel has its own kernel, an outer product of two vectors.

The layer of SepConv (Niklaus, Mai and Liu, ICCV 2017), written with matrix products. The
vertical kernels of T neighbouring pixels of one row (T x K), times the image window these
pixels share (K x (T + K - 1)), hold in their diagonal band the vertical sums of all T pixels.
A third to a half of the products fall outside the band, yet matrix products are so much
faster than element-wise arithmetic that the whole takes about a tenth of its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_RUN = 32  # pixels of a row that share a window; measured: 16 to 48 are alike
# Numbers in one intermediate result: it should stay in a core's cache, or fill a GPU.
_CPU_SCRATCH, _GPU_SCRATCH = 2**18, 2**24


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


class _Tile(NamedTuple):
    """A patch of the output that is computed at once; tensors are indexed ``[b, c, y, x]``."""

    item: int
    rows: slice
    columns: slice

    def kernels(self, maps: Tensor) -> Tensor:
        """The BKHW kernels of this tile, as a view of rows, columns, taps."""
        return maps[self.item, :, self.rows, self.columns].permute(1, 2, 0)

    def pixels(self, maps: Tensor, channel: int) -> Tensor:
        return maps[self.item, channel, self.rows, self.columns]

    def window(self, padded: Tensor, channel: int, taps: int) -> Tensor:
        """What the tile sees of the padded image: ``rows + taps - 1, columns + taps - 1``."""
        bottom, right = self.rows.stop + taps - 1, self.columns.stop + taps - 1
        return padded[self.item, channel, self.rows.start : bottom, self.columns.start : right]


class _SeparableConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, padded: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
        ctx.save_for_backward(padded, vertical, horizontal)
        taps = vertical.shape[1]
        out = padded.new_empty(*padded.shape[:2], *vertical.shape[2:])
        with _full_precision(padded):
            for tile in _tiles(vertical):
                v, h = tile.kernels(vertical).contiguous(), tile.kernels(horizontal)
                for c in range(padded.shape[1]):
                    windows = _windows(tile.window(padded, c, taps), taps)
                    tile.pixels(out, c).copy_((_band(torch.bmm(v, windows)) * h).sum(-1))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad
        grads = [
            torch.zeros_like(saved) if wanted else None
            for saved, wanted in zip(ctx.saved_tensors, needed, strict=True)
        ]
        with _full_precision(grad):
            for tile in _tiles(ctx.saved_tensors[1]):
                _add_gradients(tile, grad, ctx.saved_tensors, grads)
        return tuple(grads)


def _add_gradients(
    tile: _Tile, grad: Tensor, saved: tuple[Tensor, ...], grads: list[Tensor | None]
) -> None:
    padded, vertical, horizontal = saved
    grad_padded, grad_vertical, grad_horizontal = grads
    taps = vertical.shape[1]
    v, h = (tile.kernels(kernels).contiguous() for kernels in (vertical, horizontal))
    spread = _spread(h)
    for c in range(padded.shape[1]):
        g = tile.pixels(grad, c).unsqueeze(-1)
        windows = _windows(tile.window(padded, c, taps), taps)
        if grad_vertical is not None:
            tile.kernels(grad_vertical).addcmul_(g, torch.bmm(spread, windows.transpose(1, 2)))
        if grad_horizontal is not None:
            tile.kernels(grad_horizontal).addcmul_(g, _band(torch.bmm(v, windows)))
        if grad_padded is not None:
            contributions = torch.bmm((g * v).transpose(1, 2), spread)
            target = tile.window(grad_padded, c, taps)
            for i in range(taps):
                target[i : i + len(g)] += contributions[:, i]


def _tiles(kernels: Tensor) -> Iterator[_Tile]:
    batch, taps, height, width = kernels.shape
    scratch = _CPU_SCRATCH if kernels.device.type == "cpu" else _GPU_SCRATCH
    band = max(1, scratch // (_RUN * (_RUN + taps - 1)))
    for item in range(batch):
        for y in range(0, height, band):
            for x in range(0, width, _RUN):
                rows, columns = slice(y, min(y + band, height)), slice(x, min(x + _RUN, width))
                yield _Tile(item, rows, columns)


def _windows(window: Tensor, taps: int) -> Tensor:
    """The taps rows that each row of a tile sees: a view of rows, taps, columns + taps - 1."""
    return window.unfold(0, taps, 1).transpose(1, 2)


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
