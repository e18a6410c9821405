"""SepConv (Niklaus et al., 2017): a separable kernel for every pixel of either slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers.separable import separable_convolution

# Adam moves every weight by about its learning rate, 0.001, a step. The mean shape of a kernel, its
# bias, has to travel from an impulse to a blur within some hundred steps. What the features add to
# it for each pixel has hundreds of inputs, which together would throw the kernels about.
_KERNEL_GAIN = 4.0
_FEATURE_GAIN = 1 / 32


@dataclass(frozen=True)
class SepConvOptions:
    """What can be chosen in SepConv; the defaults are the published network.

    Attributes:
        widths: channels of the encoder's levels, each at half the resolution of the one before.
        taps: kernel length, odd.
        scale: the network works at 1/scale of the slices' resolution (pixel-unshuffled); its
            kernels are enlarged, and move the slices at full resolution.
        normalise: the network sees both slices normalised to their common mean and standard
            deviation, and the kernels move what differs from that mean; a kernel that sums to
            less than 1/2 then pulls towards the mean instead of black.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    taps: int = 51
    scale: int = 1
    normalise: bool = False


class SepConv(Interpolator):
    """Encoder and decoder with additive skips, then four heads: two kernels for either slice.

    The middle is the sum of both slices, each filtered with its own kernels, pixel by pixel.
    Untrained, every kernel pair is half a unit impulse, and the middle is the average.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="sepconv",
        title="SepConv",
        reference="Niklaus, Mai and Liu, ICCV 2017, doi:10.1109/ICCV.2017.37",
        kind="trained",
        stride=32,
        deviations=(
            "one grey channel",
            "He initialisation; kernels start as half a unit impulse and are learned as 1/8 of "
            "their heads' output",
            "presets quick and medium work at half of the resolution with narrower layers (quick: "
            "fewer taps too), on slices normalised to their common mean and standard deviation; "
            "quick trains at half of the learning rate",
        ),
    )
    Options: ClassVar[type[Any]] = SepConvOptions
    presets: ClassVar[Mapping[str, SepConvOptions]] = MappingProxyType(
        {
            "quick": SepConvOptions(widths=(24, 32, 48, 64), taps=25, scale=2, normalise=True),
            "medium": SepConvOptions(widths=(32, 64, 96, 128, 192), scale=2, normalise=True),
            "paper": SepConvOptions(),
        }
    )

    def __init__(self, options: SepConvOptions | None = None) -> None:
        super().__init__(options)
        chosen: SepConvOptions = self.options
        widths = chosen.widths
        if len(widths) < 2 or chosen.taps % 2 == 0:
            raise ValueError(
                f"SepConv cannot have widths={widths} and taps={chosen.taps}; "
                "give two widths or more and an odd number of taps."
            )
        self.encoder = nn.ModuleList(
            _block(near, far) for near, far in pairwise((2 * chosen.scale**2, *widths))
        )
        # From the coarsest level up to the second finest, where the heads are.
        self.decoder = nn.ModuleList(
            _block(below, width) for below, width in pairwise((widths[-1], *reversed(widths[1:])))
        )
        self.enlarge = nn.ModuleList(_enlarge(width) for width in reversed(widths[1:]))
        self.heads = nn.ModuleList(
            _Head(widths[1], chosen.taps, centre) for _ in range(2) for centre in (1.0, 0.5)
        )

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Synthesise the slice between ``before`` and ``after`` (both B1HW in [0, 1])."""
        stride = self.options.scale * 2 ** len(self.options.widths)
        return pad_to_multiple(self._synthesise, before, after, stride)

    def _synthesise(self, before: Tensor, after: Tensor) -> Interpolation:
        pair = torch.cat([before, after], dim=1)
        mean, deviation = self._brightness(pair)
        folded = functional.pixel_unshuffle((pair - mean) / deviation, self.options.scale)
        features = self._features(folded.contiguous(memory_format=torch.channels_last))
        kernels = [self._enlarged(head(features)) for head in self.heads]
        from_before = separable_convolution(before - mean, kernels[0], kernels[1])
        from_after = separable_convolution(after - mean, kernels[2], kernels[3])
        return Interpolation(from_before + from_after + mean)

    def _brightness(self, pair: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of both slices together, B111."""
        if not self.options.normalise:
            return pair.new_zeros(1), pair.new_ones(1)
        deviation, mean = torch.std_mean(pair, dim=(1, 2, 3), correction=0, keepdim=True)
        return mean, deviation.clamp(min=1e-3)  # 1/4 of a grey level keeps flat slices finite

    def _features(self, folded: Tensor) -> Tensor:
        features, skips = folded, []
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = functional.avg_pool2d(features, 2)
        for block, enlarge in zip(self.decoder, self.enlarge, strict=True):
            features = enlarge(block(features)) + skips.pop()
        return features

    def _enlarged(self, kernels: Tensor) -> Tensor:
        if self.options.scale == 1:
            return kernels
        return functional.interpolate(kernels, scale_factor=self.options.scale, mode="bilinear")


def _block(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        *_convolution(inputs, width), *_convolution(width, width), *_convolution(width, width)
    )


def _enlarge(width: int) -> nn.Sequential:
    return nn.Sequential(_twice(), *_convolution(width, width))


class _Head(nn.Module):
    """Kernels from features; at the start all are ``centre`` times the unit impulse."""

    def __init__(self, width: int, taps: int, centre: float) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_convolution(width, width),
            *_convolution(width, width),
            *_convolution(width, taps),
            _twice(),
        )
        self.kernels = nn.Conv2d(taps, taps, 3, padding=1)
        nn.init.zeros_(self.kernels.weight)
        self.kernels.bias = nn.Parameter(torch.eye(taps)[taps // 2] * centre / _KERNEL_GAIN)

    def forward(self, features: Tensor) -> Tensor:
        kernels: Tensor = self.kernels(_FEATURE_GAIN * self.features(features))
        return _KERNEL_GAIN * kernels


def _convolution(inputs: int, outputs: int) -> tuple[nn.Conv2d, nn.ReLU]:
    """3 x 3 and ReLU, initialised after He et al. (2015).

    PyTorch's own initialisation loses 60 % of the signal in every such layer. Nothing of the
    slices would reach the heads, and training would find one blur for all pixels, no motion.
    """
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution, nn.ReLU()


def _twice() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
