"""DAIN-style interpolation: flow projection, adaptive warping, residual synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers import recompute
from methods.layers.pwc import FLOW_SCALE, LightPwc
from methods.layers.warp import adaptive_warp, fill_holes, project_flow
from methods.option_checks import require_numbers

_IMPORTANCE_FLOOR = 1e-6  # as the reference adds to inverse depth
_LEAST_CONTRAST = 1e-3  # a quarter of a grey level, so that a blank slice stays blank


@dataclass(frozen=True)
class DainOptions:
    """Widths of the four networks.

    Attributes:
        flow_widths: channels of the flow pyramid at 1/2, 1/4, 1/8, ... resolution.
        flow_decoder: channels of the convolutions that turn a cost volume into flow.
        flow_radius: of the cost volume.
        kernel_widths: channels of the kernel network's encoder, each level at half the
            resolution of the one before.
        kernel_scale: the kernel network works at 1 / kernel_scale of the resolution.
        context_width: channels of each of the three context features.
        synthesis_width: channels of the synthesis network.
        synthesis_blocks: its residual blocks.
        first_window: side of the first convolution of the context and synthesis networks.
    """

    flow_widths: tuple[int, ...] = (12, 24, 32, 48)
    flow_decoder: tuple[int, ...] = (48, 32, 24)
    flow_radius: int = 2
    kernel_widths: tuple[int, ...] = (16, 24, 32)
    kernel_scale: int = 2
    context_width: int = 4
    synthesis_width: int = 16
    synthesis_blocks: int = 1
    first_window: int = 3

    def __post_init__(self) -> None:
        require_numbers(self, {"flow_radius": 0, "kernel_scale": 1, "synthesis_blocks": 0})


_PRESETS = {
    "quick": DainOptions(),
    "medium": DainOptions(
        flow_widths=(16, 32, 48, 64, 96),
        flow_decoder=(96, 64, 48, 32),
        flow_radius=4,
        kernel_widths=(32, 64, 96, 128),
        context_width=16,
        synthesis_width=48,
        synthesis_blocks=2,
    ),
    "paper": DainOptions(
        flow_widths=(16, 32, 64, 96, 128),
        flow_decoder=(128, 128, 96, 64, 32),
        flow_radius=4,
        kernel_widths=(32, 64, 128, 256, 512),
        kernel_scale=1,
        context_width=64,
        synthesis_width=128,
        synthesis_blocks=3,
        first_window=7,
    ),
}


class Dain(Interpolator):
    """Depth-aware interpolation (Bao et al. 2019) without depth, trained from scratch.

    Flow is estimated both ways, halved, and projected to the middle, where a learned
    importance decides between pixels that meet. Frames and context features are warped
    there through a kernel of each pixel's own; a residual network refines the mean of
    the two warped frames.
    """

    info = MethodInfo(
        name="dain",
        title="DAIN-style",
        reference="Bao et al., Depth-Aware Video Frame Interpolation, CVPR 2019",
        kind="trained",
        stride=32,
        extras=(
            "flow_before",
            "flow_after",
            "warped_before",
            "warped_after",
            "importance_before",
            "importance_after",
        ),
        deviations=(
            "no depth network: a learned positive importance map stands in for inverse depth",
            "a light PWC network without pretraining; everything is trained from scratch",
            "positions outside the slice read its border, where the reference returns 0",
            "frames are normalised by mean and standard deviation before every network",
            "context leaves out the frame itself, which the synthesis network sees warped anyway",
            "kernels are learned as a change of a bilinear warp, and flow, kernels and residual "
            "start at zero: untrained, it returns the average",
        ),
        motion=("flow",),
    )
    Options = DainOptions
    presets = MappingProxyType(_PRESETS)

    def __init__(self, options: DainOptions | None = None) -> None:
        super().__init__(options)
        chosen: DainOptions = self.options
        self.flow = LightPwc(chosen.flow_widths, chosen.flow_decoder, chosen.flow_radius)
        self.kernels = _KernelNet(chosen.kernel_widths, chosen.kernel_scale)
        self.context = _ContextNet(chosen.context_width, chosen.first_window)
        # The mean, 2 warped frames, 2 flows, 2 kernels, 2 warped contexts.
        seen = 1 + 2 + 2 * 2 + 2 * 16 + 2 * 3 * chosen.context_width
        self.synthesis = _synthesis(
            seen, chosen.synthesis_width, chosen.synthesis_blocks, chosen.first_window
        )

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Synthesise the slice between ``before`` and ``after`` (both B1HW in [0, 1])."""
        return pad_to_multiple(self._synthesise, before, after, self.info.stride)

    def _synthesise(self, before: Tensor, after: Tensor) -> Interpolation:
        batch = len(before)
        pair = torch.cat([before, after], dim=1)
        mean = pair.mean((1, 2, 3), keepdim=True)
        scale = pair.std((1, 2, 3), keepdim=True, correction=0) + _LEAST_CONTRAST
        # Both directions travel as one batch: first before, then after.
        frames = torch.cat([before, after])
        normal = torch.cat([(before - mean) / scale, (after - mean) / scale])

        flow, importance = self._flow_from_middle(normal)
        kernels = self.kernels(torch.cat(normal.chunk(2), dim=1))
        moved = adaptive_warp(normal, flow, kernels)
        large = recompute.is_large(normal.numel() * self.options.context_width)
        # As in the reference, the context follows the motion that the frames found.
        context = recompute.compute_again(
            self._warped_context, normal, flow.detach(), kernels.detach(), large=large
        )

        # Written as a change, so that without motion it is the frame to the last bit.
        warped = frames + scale.repeat(2, 1, 1, 1) * (moved - normal)
        average = (warped[:batch] + warped[batch:]) / 2
        mean_moved = (moved[:batch] + moved[batch:]) / 2
        seen = (mean_moved, moved, flow, kernels, context)
        residual = self.synthesis[1:](
            recompute.compute_again(self._first_synthesis, *seen, large=large)
        )
        extras = {
            "flow_before": flow[:batch],
            "flow_after": flow[batch:],
            "warped_before": warped[:batch],
            "warped_after": warped[batch:],
            "importance_before": importance[:batch],
            "importance_after": importance[batch:],
        }
        return Interpolation(average + scale * residual, extras)

    def _warped_context(self, normal: Tensor, flow: Tensor, kernels: Tensor) -> Tensor:
        return adaptive_warp(self.context(normal), flow, kernels)

    def _first_synthesis(self, mean: Tensor, *both: Tensor) -> Tensor:
        """The first convolution of the synthesis: of the mean, then all of before, all of after."""
        maps = zip(*(each.chunk(2) for each in both), strict=True)
        result: Tensor = self.synthesis[0](_join([mean, *chain.from_iterable(maps)]))
        return result

    def _flow_from_middle(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """Flow from the middle to both neighbours, and the importance of their pixels."""
        there, odds = self.flow(normal, normal.roll(len(normal) // 2, 0))
        flow = functional.interpolate(there / 2, scale_factor=FLOW_SCALE, mode="bilinear")
        odds = functional.interpolate(odds, scale_factor=FLOW_SCALE, mode="bilinear")
        importance = _IMPORTANCE_FLOOR + torch.sigmoid(odds)
        projected, holes = project_flow(flow, importance)
        if not self.training:
            projected = fill_holes(projected, holes)
        return projected, importance


class _KernelNet(nn.Module):
    """A U-Net from both frames to a 4 x 4 kernel per pixel and frame, 2B 16 H W.

    The kernels are added to those of a bilinear warp, and their last layer starts at 0.
    """

    identity: Tensor

    def __init__(self, widths: tuple[int, ...], scale: int) -> None:
        super().__init__()
        self.scale = scale
        stem = widths[0] // 2
        self.stem = _convolution(2, stem)
        below = [stem, *widths[:-1]]
        self.down = nn.ModuleList(map(_convolution, below, widths))
        self.bottom = _convolution(widths[-1], widths[-1])
        self.up = nn.ModuleList(map(_convolution, reversed(widths), reversed(below)))
        self.heads = nn.ModuleList(_kernel_head(stem) for _ in range(2))
        identity = torch.zeros(1, 16, 1, 1)
        # 1 at the inner taps of a 4 x 4 kernel is a plain bilinear warp.
        identity.view(4, 4)[1:3, 1:3] = 1
        self.register_buffer("identity", identity, persistent=False)

    def forward(self, pair: Tensor) -> Tensor:
        maps = functional.avg_pool2d(pair, self.scale) if self.scale > 1 else pair
        maps = self.stem(maps.contiguous(memory_format=torch.channels_last))
        skips: list[Tensor] = []
        for down in self.down:
            maps = down(maps)
            skips.append(maps)
            maps = functional.max_pool2d(maps, 2)
        maps = self.bottom(maps)
        for up, skip in zip(self.up, reversed(skips), strict=True):
            maps = functional.interpolate(maps, scale_factor=2, mode="bilinear")
            maps = up(maps + skip)
        kernels = torch.cat([head(maps) for head in self.heads])
        if self.scale > 1:
            kernels = functional.interpolate(kernels, scale_factor=self.scale, mode="bilinear")
        return self.identity + kernels


class _ContextNet(nn.Module):
    """Three stages of features around each pixel, concatenated: B1HW to B(3C)HW."""

    def __init__(self, width: int, window: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, window, padding=window // 2, bias=False)
        self.near = _Residual(width, dilation=4)
        self.far = _Residual(width, dilation=8)

    def forward(self, frames: Tensor) -> Tensor:
        first = torch.relu(self.stem(frames))
        second = self.near(first)
        return torch.cat([first, second, self.far(second)], dim=1)


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.second(torch.relu(self.first(maps))))


def _join(maps: list[Tensor]) -> Tensor:
    """Concatenate channels in channels_last, which ``torch.cat`` keeps only if all agree."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in maps], dim=-1).permute(0, 3, 1, 2)


def _convolution(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True))


def _kernel_head(width: int) -> nn.Sequential:
    return nn.Sequential(_convolution(width, 16), _zero(nn.Conv2d(16, 16, 3, padding=1)))


def _synthesis(seen: int, width: int, blocks: int, window: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(seen, width, window, padding=window // 2),
        nn.ReLU(inplace=True),
        *(_Residual(width) for _ in range(blocks)),
        _zero(nn.Conv2d(width, 1, 3, padding=1)),
    )


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Start at zero, so that the untrained method returns the average."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
