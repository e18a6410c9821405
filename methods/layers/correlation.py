"""Cost volume: how alike the features of two images are, over a window of displacements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_CPU_BAND = 1 << 16  # numbers of features at once, so that products stay in the cache


def correlation(first: Tensor, second: Tensor, radius: int) -> Tensor:
    """Correlate each pixel of ``first`` with the pixels of ``second`` around it.

    Channel (2 radius + 1) (dy + radius) + dx + radius holds the mean over the channels
    of first(x) second(x + (dx, dy)), 0 outside the image (Sun et al. 2018, equation 2).

    Args:
        first: BCHW features.
        second: BCHW features of the same size.
        radius: the largest displacement along either axis, in pixels of the features.

    Returns:
        B(2 radius + 1)^2 HW.
    """
    volume: Tensor = _Correlation.apply(first, second, radius)
    return volume


class _Correlation(Function):
    """Written by hand, because autograd would keep every product of the volume."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, second: Tensor, radius: int) -> Tensor:
        first, second = first.permute(0, 2, 3, 1), second.permute(0, 2, 3, 1)
        second = functional.pad(second, (0, 0, radius, radius, radius, radius))
        ctx.save_for_backward(first, second)
        ctx.radius = radius
        volume: Tensor = _volume(first, second, radius)
        return volume.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        first, second = ctx.saved_tensors
        radius = ctx.radius
        grad_first, grad_second = _gradients(grad, first, second, radius)
        end_y, end_x = radius + first.shape[1], radius + first.shape[2]
        grad_second = grad_second[:, radius:end_y, radius:end_x]
        return grad_first.permute(0, 3, 1, 2), grad_second.permute(0, 3, 1, 2), None


# Operators of their own, so that a counter of arithmetic sees them.
@torch.library.custom_op(
    "interslice::correlation",
    mutates_args=(),
    schema="(Tensor first, Tensor second, int radius) -> Tensor",
)
def _volume(first: Tensor, second: Tensor, radius: int) -> Tensor:
    volume: Tensor = _empty_volume(first, second, radius)
    for rows, seen in _bands(first, radius):
        one, other = first[:, rows], second[:, seen]
        costs = [(one * other[window]).mean(-1) for window in _windows(one, radius)]
        volume[:, rows] = torch.stack(costs, dim=-1)
    return volume


@_volume.register_fake
def _empty_volume(first: Tensor, second: Tensor, radius: int) -> Tensor:
    shape = (*first.shape[:3], (2 * radius + 1) ** 2)
    return first.new_empty(shape, dtype=torch.promote_types(first.dtype, second.dtype))


@torch.library.custom_op(
    "interslice::correlation_backward",
    mutates_args=(),
    schema="(Tensor grad, Tensor first, Tensor second, int radius) -> Tensor[]",
)
def _gradients(grad: Tensor, first: Tensor, second: Tensor, radius: int) -> list[Tensor]:
    grad_first, grad_second = torch.zeros_like(first), torch.zeros_like(second)
    for rows, seen in _bands(first, radius):
        one, other = first[:, rows], second[:, seen]
        to_first, to_second = grad_first[:, rows], grad_second[:, seen]
        costs = grad[:, :, rows].unsqueeze(-1) / first.shape[-1]
        for share, window in zip(costs.unbind(1), _windows(one, radius), strict=True):
            to_first.addcmul_(share, other[window])
            to_second[window].addcmul_(share, one)
    return [grad_first, grad_second]


@_gradients.register_fake
def _empty_gradients(grad: Tensor, first: Tensor, second: Tensor, radius: int) -> list[Tensor]:
    del grad, radius
    return [torch.empty_like(first), torch.empty_like(second)]


def _bands(first: Tensor, radius: int) -> Iterator[tuple[slice, slice]]:
    """Rows that are computed at once, and the rows of the padded partner that they see."""
    batch, height, width, channels = first.shape
    size = height
    if first.device.type == "cpu":
        size = max(1, _CPU_BAND // (batch * width * channels))
    for top in range(0, height, size):
        bottom = min(top + size, height)
        yield slice(top, bottom), slice(top, bottom + 2 * radius)


def _windows(first: Tensor, radius: int) -> list[tuple[slice, slice, slice]]:
    """Where each displacement finds its partner in the padded BHWC features."""
    height, width = first.shape[1:3]
    side = range(2 * radius + 1)
    return [(slice(None), slice(y, y + height), slice(x, x + width)) for y in side for x in side]
