"""SSAN: sparse self-attention aggregation network (Wang et al., BioData Mining 14:10, 2021).

Both slices go through a siamese network, in both orders; sparse self-attention aggregates each
feature map into a warped frame; a mask fuses the two. Inside the network frames are *folded*:
pixel-unshuffled to 1/scale of their resolution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm, prod
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers.attention import AttentionAwareLayer, Form
from methods.layers.rdn import Norm, ResidualDenseNetwork
from methods.layers.synthesis import HybridNetwork, KernelHead, ResidualHead, fold
from methods.layers.unet import UNet


@dataclass(frozen=True)
class SsanOptions:
    """What can be chosen in SSAN; the defaults are the paper's.

    Attributes:
        extractor: residual dense network or U-Net; siamese (``s``) or in one direction only.
        aggregation: attention-aware layer, one-level or dense self-attention, kernel estimation.
        fusion: by a learnt sigmoid mask, or the mean of both warped frames.
        form: of attention, see ``methods.layers.attention.SelfAttention``.
        k: width reduction inside attention.
        levels: of the attention-aware layer (``ssa`` has one, ``sa`` none).
        outer: window side of the first level, in pixels of the feature map.
        inner: window side of each further level.
        norm: of the extractor: none, or synchronised batch normalisation.
        scale: the network works at 1/scale of the slices' resolution.
        g0: G0 of the residual dense network, the width of its features.
        depth: D, its number of blocks.
        layers: C, convolutions in a block.
        growth: G, channels each of them adds.
        unet: width of the U-Net's features.
        hybrid: width of the hybrid network, which makes the mask.
        taps: kernel length of the kernel estimation, odd.
    """

    extractor: Literal["srdn", "rdn", "sunet", "unet"] = "srdn"
    aggregation: Literal["aal", "ssa", "sa", "kel"] = "aal"
    fusion: Literal["mask", "mean"] = "mask"
    form: Form = "equation"
    k: Literal[1, 2, 4, 8] = 8
    levels: Literal[1, 2, 3] = 2
    outer: int = 8
    inner: int = 4
    norm: Norm = "none"
    scale: int = 1
    g0: int = 64
    depth: int = 6
    layers: int = 4
    growth: int = 32
    unet: int = 128
    hybrid: int = 32
    taps: int = 51

    @property
    def siamese(self) -> bool:
        """Whether features are extracted in both orders of the slices."""
        return self.extractor in ("srdn", "sunet")

    @property
    def partition(self) -> tuple[int, ...]:
        """Window sides of the attention's levels, outermost first."""
        levels = {"aal": self.levels, "ssa": 1, "sa": 0, "kel": 0}[self.aggregation]
        return (self.outer, *[self.inner] * (levels - 1))[:levels]

    @property
    def stride(self) -> int:
        """Slices are padded to a multiple of it."""
        pooling = UNet.STRIDE if self.extractor in ("sunet", "unet") else 1
        return self.scale * lcm(prod(self.partition), pooling)


class Ssan(Interpolator):
    """Siamese residual dense network, attention-aware layer and hybrid network.

    Untrained it returns the average of both slices: heads start at zero, the mask at 0.5.
    Swapping the slices leaves the result the same as long as the extractor is siamese.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="ssan",
        title="SSAN",
        reference="Wang et al., BioData Mining 14:10 (2021), doi:10.1186/s13040-021-00236-z",
        kind="trained",
        stride=32,
        swap_symmetric=True,
        extras=("warp_before", "warp_after", "mask", "gamma"),
        revision=2,
        deviations=(
            "sizes of the residual dense network, warp head and hybrid network are not published; "
            "ours are inferred from the memory the authors had",
            "one grey channel; the network sees both slices normalised to their common mean and "
            "standard deviation",
            "a warped frame is its input slice plus a correction that starts at zero, computed "
            "from the features and both slices",
            "the mask changes sides when the slices are exchanged",
            "no batch normalisation unless norm=syncbn",
            "aggregation=kel applies the estimated kernels to both input slices",
            "presets quick and medium work at a fourth and at half of the resolution; what they "
            "add to a slice is smoothed over as many pixels, but for a linear filter of both",
        ),
    )
    Options: ClassVar[type[Any]] = SsanOptions
    presets: ClassVar[Mapping[str, SsanOptions]] = MappingProxyType(
        {
            "quick": SsanOptions(
                k=2,
                outer=4,
                inner=2,
                scale=4,
                g0=48,
                depth=3,
                layers=3,
                growth=24,
                unet=32,
                taps=17,
            ),
            "medium": SsanOptions(k=4, outer=4, scale=2, depth=4, unet=64, taps=25),
            "paper": SsanOptions(),
        }
    )

    def __init__(self, options: SsanOptions | None = None) -> None:
        super().__init__(options)
        chosen: SsanOptions = self.options
        self.extractor = _extractor(chosen)
        channels = self.extractor.channels
        self.attention = (
            None
            if chosen.aggregation == "kel"
            else AttentionAwareLayer(channels, chosen.partition, chosen.form, chosen.k)
        )
        # One head serves both orders of a siamese network; one order alone needs a head per slice.
        self.heads = nn.ModuleList(
            _head(chosen, channels) for _ in range(1 if chosen.siamese else 2)
        )
        self.hybrid = (
            HybridNetwork(chosen.scale, chosen.hybrid) if chosen.fusion == "mask" else None
        )

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Synthesise the slice between ``before`` and ``after`` (both B1HW in [0, 1])."""
        return pad_to_multiple(self._synthesise, before, after, self.options.stride)

    def _synthesise(self, before: Tensor, after: Tensor) -> Interpolation:
        mean, deviation = _brightness(before, after)
        one, other = ((frame - mean) / deviation for frame in (before, after))
        to_one, to_other = self._corrections(one, other)
        warp_before, warp_after = before + deviation * to_one, after + deviation * to_other
        logit = self._preference(one + to_one, other + to_other)
        mask = torch.sigmoid(logit)
        # 1 - mask, written so that exchanging the slices changes no bit.
        middle = mask * warp_before + torch.sigmoid(-logit) * warp_after
        gamma = before.new_empty(0) if self.attention is None else self.attention.gamma
        extras = {"warp_before": warp_before, "warp_after": warp_after, "mask": mask}
        return Interpolation(middle, {**extras, "gamma": gamma})

    def _corrections(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """What is added to either slice to warp it to the middle."""
        if not self.options.siamese:
            features = self._features(one, other)
            first, second = self.heads
            return first(features, one, other), second(features, other, one)
        own, opposite = torch.cat([one, other]), torch.cat([other, one])
        both: Tensor = self.heads[0](self._features(own, opposite), own, opposite)
        to_one, to_other = both.chunk(2)
        return to_one, to_other

    def _features(self, own: Tensor, opposite: Tensor) -> Tensor:
        folded = [fold(frame, self.options.scale) for frame in (own, opposite)]
        features: Tensor = self.extractor(torch.cat(folded, dim=1))
        return features if self.attention is None else self.attention(features)

    def _preference(self, one: Tensor, other: Tensor) -> Tensor:
        """Logit of the mask: how much the first warped frame is to be preferred."""
        return torch.zeros_like(one) if self.hybrid is None else self.hybrid(one, other)


def _extractor(chosen: SsanOptions) -> ResidualDenseNetwork | UNet:
    inputs = 2 * chosen.scale**2
    if chosen.extractor in ("sunet", "unet"):
        return UNet(inputs, chosen.unet, chosen.norm)
    return ResidualDenseNetwork(
        inputs, chosen.g0, chosen.depth, chosen.layers, chosen.growth, chosen.norm
    )


def _head(chosen: SsanOptions, channels: int) -> nn.Module:
    if chosen.aggregation == "kel":
        return KernelHead(channels, chosen.scale, chosen.taps)
    return ResidualHead(channels, chosen.scale)


def _brightness(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of both slices together, B111, whichever comes first."""
    axes = (2, 3)
    mean = (before.mean(axes, keepdim=True) + after.mean(axes, keepdim=True)) / 2
    spreads = [(frame - mean).square().mean(axes, keepdim=True) for frame in (before, after)]
    # The floor, 1/4 of a grey level, keeps flat slices finite.
    return mean, ((spreads[0] + spreads[1]) / 2 + 1e-6).sqrt()
