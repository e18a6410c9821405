"""Flow projection and adaptive warping beside their straightforward forms."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from methods.layers.warp import adaptive_warp, project_flow
from speed.figures import Figure, Result, Setting
from speed.racing import both_passes, race, same

SIZE = 512
_CHANNELS = 12  # the context features of `quick`, both kinds of warping at once


def measure(setting: Setting) -> Result:
    """Both operations, forward and forward + backward."""
    side = setting.size or SIZE
    torch.manual_seed(0)
    flow = smooth_flow(side).requires_grad_()
    weight = (torch.rand(1, 1, side, side) + 0.1).requires_grad_()
    image = torch.rand(1, _CHANNELS, side, side).requires_grad_()
    kernels = torch.rand(1, 16, side, side).requires_grad_()
    figures: list[Figure] = []
    equal = []
    for what, reference, ours, inputs in (
        ("projection", reference_projection, lambda *a: project_flow(*a)[0], [flow, weight]),
        ("adaptive warping", reference_warp, adaptive_warp, [image, flow, kernels]),
    ):
        doubles = [tensor.detach().double().requires_grad_() for tensor in inputs]
        equal.append(same(what, both_passes(reference, doubles), both_passes(ours, doubles), 1e-10))
        del doubles
        with torch.no_grad():
            sides = (partial(function, *inputs) for function in (reference, ours))
            figures += race(f"{what}, forward", *sides, 0.5, setting)
        sides = (partial(both_passes, function, inputs) for function in (reference, ours))
        figures += race(f"{what}, forward + backward", *sides, 0.5, setting)
    return Result(figures, equal, side)


def smooth_flow(side: int) -> Tensor:
    """A flow of a few pixels, different everywhere, B2HW."""
    coarse = torch.randn(1, 2, 8, 8)
    return 4 * functional.interpolate(coarse, size=(side, side), mode="bicubic")


def reference_projection(flow: Tensor, weight: Tensor) -> Tensor:
    """Scatter each pixel's flow to the four grid points around where it lands."""
    height, width = flow.shape[-2:]
    x, y = _positions(flow)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    column, row = x.detach().floor().long(), y.detach().floor().long()
    sums = flow.new_zeros(len(flow), 3, height * width)
    carried = torch.cat([-weight * flow, weight], dim=1)
    for dy in (0, 1):
        for dx in (0, 1):
            there = inside & (column + dx < width) & (row + dy < height)
            place = ((row + dy) * width + column + dx) * there
            part = (carried * there.unsqueeze(1)).flatten(2)
            sums = sums.scatter_add(2, place.flatten(1).unsqueeze(1).expand_as(part), part)
    sums = sums.view(len(flow), 3, height, width)
    holes = sums[:, 2:] <= 0
    return sums[:, :2] / sums[:, 2:].masked_fill(holes, 1)


def reference_warp(image: Tensor, flow: Tensor, kernels: Tensor) -> Tensor:
    """One ``grid_sample`` (nearest) for each of the 16 taps, weighted by its quadrant."""
    height, width = image.shape[-2:]
    x, y = _positions(flow)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    column, row = x.detach().floor(), y.detach().floor()
    across, down = x - column, y - row
    total = torch.zeros_like(image)
    for i in range(4):
        for j in range(4):
            grid = torch.stack(
                [2 * (column + j - 1) / (width - 1) - 1, 2 * (row + i - 1) / (height - 1) - 1], -1
            )
            tap = functional.grid_sample(
                image, grid, mode="nearest", padding_mode="border", align_corners=True
            )
            factor = (across if j > 1 else 1 - across) * (down if i > 1 else 1 - down)
            total = total + tap * (kernels[:, 4 * i + j] * factor).unsqueeze(1)
    return total


def _positions(flow: Tensor) -> tuple[Tensor, Tensor]:
    height, width = flow.shape[-2:]
    sides = (torch.arange(side, dtype=flow.dtype, device=flow.device) for side in (height, width))
    rows, columns = torch.meshgrid(*sides, indexing="ij")
    return columns + flow[:, 0], rows + flow[:, 1]
