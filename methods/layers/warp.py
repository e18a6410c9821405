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

from methods.layers.window_sum import window_sum

_TAPS = 4  # the side of an adaptive kernel


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
    x, y = _positions(flow.detach())
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    image = torch.arange(batch, device=flow.device).view(-1, 1, 1)
    cell = (image * height + y.long()) * width + x.long()
    cell = cell.masked_fill(~inside, batch * height * width)

    carried = torch.cat([weight * flow, weight], dim=1).transpose(0, 1)
    sums, total = _Landing.apply(carried, cell.flatten()).transpose(0, 1).split([2, 1], dim=1)
    holes = total <= 0
    return -sums / total.masked_fill(holes, 1), holes


class _Landing(Function):
    """What each grid point receives from all that lands around it: CBHW, BHW cells -> CBHW.

    All four corners of a cell receive the same, so one sum per cell is enough: a grid point
    then adds up the four cells that it is a corner of. One cell more, the last, collects what
    lands outside. Written by hand, because autograd would fill and copy the whole for every slice.
    """

    @staticmethod
    def forward(ctx: Any, carried: Tensor, cell: Tensor) -> Tensor:
        ctx.save_for_backward(cell)
        landed = carried.new_zeros(len(carried), len(cell) + 1)
        landed.index_add_(1, cell, carried.flatten(1))
        return _pairs(_pairs(landed[:, :-1].view_as(carried), -2, 1), -1, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (cell,) = ctx.saved_tensors
        corners = grad.new_zeros(len(grad), len(cell) + 1)
        corners[:, :-1] = _pairs(_pairs(grad, -1, -1), -2, -1).flatten(1)
        return corners.index_select(1, cell).view_as(grad), None


def _pairs(cells: Tensor, dim: int, step: int) -> Tensor:
    """Each cell plus the one before it (``step`` 1) or after it (-1) along ``dim``."""
    size = cells.shape[dim] - 1
    total = cells.clone()
    total.narrow(dim, max(step, 0), size).add_(cells.narrow(dim, max(-step, 0), size))
    return total


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
    warped = window_sum(
        # By way of one dimension, so that even the strides of a single channel are plain:
        # the bag has no fast path for others.
        padded.permute(0, 2, 3, 1).flatten().view(-1, channels),
        weights.reshape(-1, _TAPS * _TAPS),
        corner.flatten(),
        taps,
    )
    return warped.view(batch, height, width, channels).permute(0, 3, 1, 2)


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
