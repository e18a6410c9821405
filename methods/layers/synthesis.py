"""From features to frames: what SSAN adds to a slice to warp it, and how it fuses two warped ones.

Everything here starts at zero, so that an untrained network returns the average of its inputs.
Frames are folded: pixel-unshuffled by ``scale`` into B(scale^2)HW.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.layers.separable import separable_convolution


class ResidualHead(nn.Module):
    """Correction of a slice from the features and, directly, from both slices.

    The direct way alone is a linear filter of both slices, so the network need not carry pixels
    through its features to do as well as the best linear filter.
    """

    def __init__(self, channels: int, scale: int) -> None:
        super().__init__()
        self.correct = _zeroed(nn.Conv2d(channels + 2 * scale**2, scale**2, 3, padding=1))

    def forward(self, features: Tensor, own: Tensor, opposite: Tensor) -> Tensor:
        """What to add to the folded slice ``own``; features are BCHW of its size."""
        correction: Tensor = self.correct(torch.cat([features, own, opposite], dim=1))
        return correction


class KernelHead(nn.Module):
    """Kernel estimation (KEL): SepConv's four sub-networks and separable filters of both slices."""

    def __init__(self, channels: int, scale: int, taps: int) -> None:
        super().__init__()
        self.scale = scale
        # Own slice: a unit impulse. Opposite slice: zero times an impulse, so that gradients flow.
        centres = (1.0, 1.0, 0.0, 1.0)
        self.kernels = nn.ModuleList(_kernel_network(channels, taps, centre) for centre in centres)

    def forward(self, features: Tensor, own: Tensor, opposite: Tensor) -> Tensor:
        """What to add to the folded slice ``own``; features are BCHW of its size."""
        vertical, horizontal, far_vertical, far_horizontal = (
            self._enlarge(network(features)) for network in self.kernels
        )
        slices = [functional.pixel_shuffle(folded, self.scale) for folded in (own, opposite)]
        warped = separable_convolution(slices[0], vertical, horizontal)
        warped = warped + separable_convolution(slices[1], far_vertical, far_horizontal)
        return functional.pixel_unshuffle(warped - slices[0], self.scale)

    def _enlarge(self, kernels: Tensor) -> Tensor:
        if self.scale == 1:
            return kernels
        return functional.interpolate(kernels, scale_factor=self.scale, mode="bilinear")


class HybridNetwork(nn.Module):
    """Which of two warped frames to prefer where: logits that change sign with their order."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            nn.Conv2d(2 * scale**2, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            # A bias would cancel in the difference.
            _zeroed(nn.Conv2d(width, scale**2, 3, padding=1, bias=False)),
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Logits of the folded mask of ``one``; those of ``other`` are their negatives."""
        orders = torch.cat([torch.cat([one, other], dim=1), torch.cat([other, one], dim=1)])
        forth, back = self.judge(orders).chunk(2)
        preference: Tensor = forth - back
        return preference


def _kernel_network(channels: int, taps: int, centre: float) -> nn.Sequential:
    """SepConv's sub-network; at the start every kernel is ``centre`` times the unit impulse."""
    last = _zeroed(nn.Conv2d(taps, taps, 3, padding=1))
    last.bias = nn.Parameter(centre * torch.eye(taps)[taps // 2])
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(channels, taps, 3, padding=1),
        nn.ReLU(),
        last,
    )


def _zeroed(convolution: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution
