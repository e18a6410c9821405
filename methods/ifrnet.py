"""IFRNet (Kong et al. 2022): flow and features of the middle slice, refined together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers.warp import adaptive_warp, backward_warp

_SLOPE = 0.25  # at which PReLU starts
_LEAST_CONTRAST = 1e-3  # a quarter of a grey level, so that a blank slice stays blank
_FLOWS = 4  # x and y, to either slice


@dataclass(frozen=True)
class IfrNetOptions:
    """Widths of the network.

    Attributes:
        widths: channels of the encoder's levels, each at half the resolution of the one before.
        side: channels of a decoder that its residual block refines twice more on their own.
    """

    widths: tuple[int, ...] = (24, 36, 54, 72)
    side: int = 24


class IfrNet(Interpolator):
    """One encoder and one decoder, coarse to fine.

    Each level reads both slices' features where the flow so far says that the middle shows them,
    together with features of the middle itself, and improves both: flow and features. The last
    level adds the mask that fuses both warped slices, and a residual.
    """

    info = MethodInfo(
        name="ifrnet",
        title="IFRNet",
        reference="Kong et al., IFRNet: Intermediate Feature Refine Network for Efficient Frame "
        "Interpolation, CVPR 2022",
        kind="trained",
        stride=16,
        extras=("flow_before", "flow_after", "warped_before", "warped_after", "mask"),
        deviations=(
            "one grey channel, and time fixed to 1/2",
            "trained under the losses of this table alone: no flow distillation, no geometry "
            "consistency of features, no census loss",
            "slices are normalised by mean and standard deviation, not by the mean alone",
            "He initialisation; flow, mask and residual start at zero: untrained, it returns the "
            "average",
            "preset paper has the widths of the small IFRNet; quick and medium are narrower",
        ),
    )
    Options = IfrNetOptions
    presets = MappingProxyType(
        {
            "quick": IfrNetOptions(widths=(12, 20, 32, 48), side=12),
            "medium": IfrNetOptions(widths=(16, 28, 40, 56), side=16),
            "paper": IfrNetOptions(),
        }
    )

    def __init__(self, options: IfrNetOptions | None = None) -> None:
        super().__init__(options)
        chosen: IfrNetOptions = self.options
        widths = chosen.widths
        if len(widths) < 2 or chosen.side >= 2 * min(widths):
            raise ValueError(
                f"IFRNet cannot have widths={widths} and side={chosen.side}; give two widths or "
                "more, and a side below twice the least of them."
            )
        self.encoder = nn.ModuleList(_level(*pair) for pair in pairwise((1, *widths)))
        # What each decoder leaves: features of the next finer level; the last, mask and residual.
        left = (2, *widths)
        coarsest = _Decoder(2 * widths[-1], 2 * widths[-1], left[-2], chosen.side)
        finer = (
            _Decoder(3 * width + _FLOWS, 3 * width, leave, chosen.side)
            for width, leave in zip(widths[-2::-1], left[-3::-1], strict=True)
        )
        self.decoders = nn.ModuleList([coarsest, *finer])
        nn.init.zeros_(self.decoders[-1].content.weight)  # type: ignore[union-attr,arg-type]

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Synthesise the slice between ``before`` and ``after`` (both B1HW in [0, 1])."""
        stride = 2 ** len(self.options.widths)
        return pad_to_multiple(self._synthesise, before, after, stride)

    def _synthesise(self, before: Tensor, after: Tensor) -> Interpolation:
        pair = torch.cat([before, after], dim=1)
        deviation, mean = torch.std_mean(pair, dim=(1, 2, 3), correction=0, keepdim=True)
        deviation = deviation + _LEAST_CONTRAST
        # Both slices travel as one batch: first before, then after.
        normal = torch.cat([(before - mean) / deviation, (after - mean) / deviation])
        normal = normal.contiguous(memory_format=torch.channels_last)
        flow, content = self._refine(self._levels(normal))
        logits, residual = content.chunk(2, dim=1)
        mask = torch.sigmoid(logits)
        warped = _warp(torch.cat([before, after]), flow).chunk(2)
        middle = mask * warped[0] + (1 - mask) * warped[1] + deviation * residual
        flows = flow.chunk(2)
        extras = {
            "flow_before": flows[0],
            "flow_after": flows[1],
            "warped_before": warped[0],
            "warped_after": warped[1],
            "mask": mask,
        }
        return Interpolation(middle, extras)

    def _levels(self, maps: Tensor) -> list[Tensor]:
        """Features of both slices, 2BCHW, from fine to coarse."""
        levels = []
        for level in self.encoder:
            maps = level(maps)
            levels.append(maps)
        return levels

    def _refine(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Flow from the middle to either slice, 2B2HW, and what makes the mask and residual."""
        coarsest, *finer = self.decoders
        flow, content = coarsest(torch.cat(levels[-1].chunk(2), dim=1))
        for decoder, maps in zip(finer, levels[-2::-1], strict=True):
            moved = backward_warp(maps, flow)
            seen = torch.cat([*moved.chunk(2), content, *flow.chunk(2)], dim=1)
            change, content = decoder(seen)
            flow = 2 * functional.interpolate(flow, scale_factor=2, mode="bilinear") + change
        return flow, content


class _Decoder(nn.Module):
    """From what is known at one level to a change of the flow and features at the next finer."""

    def __init__(self, seen: int, width: int, leave: int, side: int) -> None:
        super().__init__()
        self.enter = _convolution(seen, width)
        self.refine = _SideResidual(width, side)
        self.motion = _twice(width, _FLOWS)
        nn.init.zeros_(self.motion.weight)
        self.content = _twice(width, leave)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.refine(self.enter(seen.contiguous(memory_format=torch.channels_last)))
        # In the weights' precision: under autocast, bfloat16 cannot tell pixels apart.
        flow = self.motion(maps).to(self.motion.weight.dtype)
        return torch.cat(flow.chunk(2, dim=1)), self.content(maps)


class _SideResidual(nn.Module):
    """A residual block; between its convolutions, a few channels go through one of their own."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.split = (width - side, side)
        self.whole = nn.ModuleList(_convolution(width, width) for _ in range(2))
        self.side = nn.ModuleList(_convolution(side, side) for _ in range(2))
        self.last = _he(nn.Conv2d(width, width, 3, padding=1))
        self.activation = nn.PReLU(width)

    def forward(self, maps: Tensor) -> Tensor:
        refined = maps
        for whole, side in zip(self.whole, self.side, strict=True):
            kept, part = whole(refined).split(self.split, dim=1)
            refined = torch.cat([kept, side(part)], dim=1)
        result: Tensor = self.activation(maps + self.last(refined))
        return result


def _warp(frames: Tensor, flow: Tensor) -> Tensor:
    """Bilinear warp whose positions are not rounded: no motion gives the same slice back."""
    kernel = frames.new_zeros(4, 4)
    kernel[1:3, 1:3] = 1
    return adaptive_warp(frames, flow, kernel.view(1, 16, 1, 1))


def _level(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, width, stride=2), _convolution(width, width))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
    return nn.Sequential(_he(convolution), nn.PReLU(outputs, init=_SLOPE))


def _he(convolution: nn.Conv2d) -> nn.Conv2d:
    """Start so that the signal neither fades nor grows from layer to layer (He et al. 2015)."""
    nn.init.kaiming_normal_(convolution.weight, _SLOPE)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


def _twice(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Twice the resolution; every output sees 2 x 2 of the inputs."""
    layer = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
    nn.init.normal_(layer.weight, std=(4 * inputs) ** -0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
