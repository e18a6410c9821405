"""SepConv: a network that predicts, for every pixel, a separable kernel for each neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.interface import Interpolation, Interpolator, MethodInfo, pad_to_multiple
from methods.layers.separable import separable_convolution


@dataclass(frozen=True)
class SepConvOptions:
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)
    taps: int = 51
    reduction: int = 1
    corners: bool = True
    headwidth: int = 0
    gain: float = 0.1


class SepConv(Interpolator):
    info: ClassVar[MethodInfo] = MethodInfo(
        name="sepconv", title="SepConv", reference="Niklaus, Mai and Liu, ICCV 2017", kind="trained",
    )
    Options = SepConvOptions
    presets: ClassVar[Mapping[str, SepConvOptions]] = MappingProxyType(
        {
            "quick": SepConvOptions(widths=(24, 32, 48, 64), taps=25, reduction=2),
            "paper": SepConvOptions(),
        }
    )

    def __init__(self, options: SepConvOptions | None = None) -> None:
        super().__init__(options)
        o = self.options
        widths = o.widths
        c = o.corners
        inner = [2 * o.reduction**2, *widths]
        self.encoder = nn.ModuleList(_block(a, b) for a, b in zip(inner, inner[1:]))
        self.bottom = _block(widths[-1], widths[-1])
        self.up = nn.ModuleList(_up(w, c) for w in widths[:0:-1])
        self.decoder = nn.ModuleList(_block(b, a) for a, b in zip(widths[-2:0:-1], widths[:1:-1]))
        self.heads = nn.ModuleList(_Head(widths[1], o.headwidth or widths[1], o.taps, (1.0, 0.5)[i % 2], c) for i in range(4))

        for m in self.modules():
            if isinstance(m, nn.Conv2d) and bool(m.weight.any()):
                nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
                nn.init.zeros_(m.bias)

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return pad_to_multiple(self._synthesise, before, after, self.options.reduction * 2 ** len(self.options.widths))

    def _synthesise(self, before: Tensor, after: Tensor) -> Interpolation:
        r = self.options.reduction
        pair = torch.cat([before, after], 1)
        mean = torch.zeros_like(pair[:, :1, :1, :1])
        if r > 1:
            mean = pair.mean((1, 2, 3), keepdim=True)
            std = pair.std((1, 2, 3), keepdim=True) + 1e-3
            x = functional.pixel_unshuffle((pair - mean) / std, r)
        else:
            x = pair
        x = x.contiguous(memory_format=torch.channels_last)
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = functional.avg_pool2d(x, 2)
        x = self.bottom(x)
        for i, up in enumerate(self.up):
            x = up(x) + skips[-1 - i]
            if i < len(self.decoder):
                x = self.decoder[i](x)
        k = [head(x, self.options.gain) for head in self.heads]
        if r > 1:
            k = [functional.interpolate(q, scale_factor=r, mode="bilinear", align_corners=False) for q in k]
        out = separable_convolution(before - mean, k[0], k[1]) + separable_convolution(after - mean, k[2], k[3]) + mean
        return Interpolation(out)


def _block(a: int, b: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(3):
        layers += [nn.Conv2d(a if i == 0 else b, b, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _up(w: int, corners: bool) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=corners), nn.Conv2d(w, w, 3, padding=1), nn.ReLU())


class _Head(nn.Module):
    def __init__(self, w: int, hw: int, taps: int, centre: float, corners: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(w, hw, 3, padding=1), nn.ReLU(), nn.Conv2d(hw, hw, 3, padding=1), nn.ReLU(),
            nn.Conv2d(hw, taps, 3, padding=1), nn.ReLU(),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=corners),
        )
        self.last = nn.Conv2d(taps, taps, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)
        delta = torch.zeros(taps); delta[taps // 2] = centre
        self.register_buffer("delta", delta.view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor, gain: float) -> Tensor:
        return self.last(self.body(x)) * gain + self.delta
