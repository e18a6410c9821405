"""A light PWC network (Sun et al. 2018): optical flow by pyramid, warping and cost volume."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.layers.correlation import correlation
from methods.layers.warp import backward_warp

_SLOPE = 0.1
_LEAST_VARIANCE = 1e-5
FLOW_SCALE = 4  # the flow comes out at a quarter of the frame's resolution


class LightPwc(nn.Module):
    """Flow between two frames, coarse to fine, at a quarter of their resolution.

    The frames are read at half resolution, where the noise of a slice is halved too. No
    dense connections and no refining context network: that is what makes it light.
    The last layer starts at zero, so an untrained network reports no motion.
    """

    def __init__(self, widths: Sequence[int], decoder: Sequence[int], radius: int) -> None:
        """Build the pyramid and a decoder for each level but the first.

        Args:
            widths: channels at 1/2, 1/4, 1/8, ... of the frame's resolution.
            decoder: channels of the decoder's convolutions, the same at every level.
            radius: of the cost volume, in pixels of each level.
        """
        super().__init__()
        self.radius = radius
        pairs = list(zip([1, *widths], widths, strict=False))
        self.pyramid = nn.ModuleList(
            _level(before, after, stride=1 if place == 0 else 2)
            for place, (before, after) in enumerate(pairs)
        )
        seen = (2 * radius + 1) ** 2 + 2
        self.decoders = nn.ModuleList(_decoder(seen + width, decoder) for width in widths[1:])

    def forward(self, frames: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Estimate the flow from each frame to its other.

        Args:
            frames: B1HW, normalised; H and W multiples of 2^len(widths).
            others: B1HW, normalised.

        Returns:
            The flow, B2(H/4)(W/4) in pixels of the full-size frame, and one more map of the
            same size for the caller's use (a log-odds; 0 when untrained).
        """
        batch = len(frames)
        maps = functional.avg_pool2d(torch.cat([frames, others]), 2)
        levels = []
        for level in self.pyramid:
            maps = level(maps)
            levels.append(maps)

        # In the frames' own precision: under autocast, bfloat16 cannot tell pixels apart.
        flow = frames.new_zeros(batch, 2, *levels[-1].shape[-2:])
        extra = flow[:, :1]
        for maps, decoder in zip(levels[:0:-1], reversed(self.decoders), strict=True):
            source, target = maps[:batch], maps[batch:]
            if flow.shape[-2:] != maps.shape[-2:]:
                flow = 2 * functional.interpolate(flow, scale_factor=2, mode="bilinear")
                target = backward_warp(target, flow)
            cost = correlation(_standardise(source), _standardise(target), self.radius)
            seen = torch.cat([cost, source, flow], dim=1)
            update = decoder(seen.contiguous(memory_format=torch.channels_last)).to(flow.dtype)
            flow, extra = flow + update[:, :2], update[:, 2:]
        return FLOW_SCALE * flow, extra


def _level(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1),
        nn.LeakyReLU(_SLOPE, inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.LeakyReLU(_SLOPE, inplace=True),
    )


def _decoder(before: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.LeakyReLU(_SLOPE, inplace=True)]
        before = width
    head = nn.Conv2d(before, 3, 3, padding=1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers, head)


def _standardise(maps: Tensor) -> Tensor:
    """Zero mean and unit variance per channel, so that a cost is a correlation coefficient."""
    variance, mean = torch.var_mean(maps, dim=(2, 3), keepdim=True, correction=0)
    return (maps - mean) * torch.rsqrt(variance + _LEAST_VARIANCE)
