"""From features to frames: what SSAN adds to a slice to warp it, and how it fuses two warped ones.

Everything here starts at zero, so that an untrained network returns the average of its inputs.
Inside, frames are folded: pixel-unshuffled by ``scale`` into B(scale^2)HW.
"""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from methods.layers.separable import separable_convolution


class ResidualHead(nn.Module):
    """Correction of a slice from the features and, directly, from both slices.

    The direct way alone is a linear filter of both slices, so the network need not carry pixels
    through its features to do as well as the best linear filter. It works at the full
    resolution, where every pixel is treated alike.
    """

    def __init__(self, channels: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.indirect = _zeroed(nn.Conv2d(channels, scale**2, 3, padding=1))
        self.direct = _zeroed(nn.Conv2d(2, 1, 2 * scale + 1, padding=scale, bias=False))

    def forward(self, features: Tensor, own: Tensor, opposite: Tensor) -> Tensor:
        """What to add to the slice ``own`` (B1HW); features are BCHW of the folded size."""
        correction: Tensor = self.direct(torch.cat([own, opposite], dim=1))
        return correction + unfold(self.indirect(features), self.scale)


class KernelHead(nn.Module):
    """Kernel estimation (KEL): SepConv's four sub-networks and separable filters of both slices."""

    def __init__(self, channels: int, scale: int, taps: int) -> None:
        super().__init__()
        self.scale = scale
        # Own slice: a unit impulse. Opposite slice: zero times an impulse, so that gradients flow.
        centres = (1.0, 1.0, 0.0, 1.0)
        self.kernels = nn.ModuleList(_kernel_network(channels, taps, centre) for centre in centres)

    def forward(self, features: Tensor, own: Tensor, opposite: Tensor) -> Tensor:
        """What to add to the slice ``own`` (B1HW); features are BCHW of the folded size."""
        vertical, horizontal, far_vertical, far_horizontal = (
            self._enlarge(network(features)) for network in self.kernels
        )
        warped = separable_convolution(own, vertical, horizontal)
        return warped + separable_convolution(opposite, far_vertical, far_horizontal) - own

    def _enlarge(self, kernels: Tensor) -> Tensor:
        if self.scale == 1:
            return kernels
        return functional.interpolate(kernels, scale_factor=self.scale, mode="bilinear")


class HybridNetwork(nn.Module):
    """Which of two warped frames to prefer where: logits that change sign with their order."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        self.scale = scale
        self.judge = nn.Sequential(
            nn.Conv2d(2 * scale**2, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            # A bias would cancel in the difference.
            _zeroed(nn.Conv2d(width, scale**2, 3, padding=1, bias=False)),
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Logits of the mask of ``one``, B1HW like both; those of ``other`` are their negatives."""
        folded = [fold(frame, self.scale) for frame in (one, other)]
        orders = torch.cat([torch.cat(folded, dim=1), torch.cat(folded[::-1], dim=1)])
        forth, back = self.judge(orders).chunk(2)
        return unfold(forth - back, self.scale)


def fold(frames: Tensor, scale: int) -> Tensor:
    """B1HW to B(scale^2)HW of 1/scale the size, a channel for each place in a block of pixels."""
    folded = functional.pixel_unshuffle(frames, scale)
    return folded.contiguous(memory_format=torch.channels_last)


def unfold(folded: Tensor, scale: int) -> Tensor:
    """B(scale^2)HW to B1HW of scale times the size, without the blocks showing.

    Each place in a block has learnt weights of its own, and what differs between them repeats
    with every block: a grid. A mean over just as many pixels removes it (Sugawara et al.,
    "Super-resolution using convolutional neural networks without any checkerboard artifacts",
    2018); a second one, over two, centres the first on its pixel.
    """
    frames = functional.pixel_shuffle(folded, scale)
    if scale == 1:
        return frames
    frames = functional.pad(frames, [scale // 2] * 4, mode="replicate")
    for axis in (2, 3):
        frames = _running_mean(_running_mean(frames, scale, axis), 2, axis)
    return frames


def _running_mean(frames: Tensor, pixels: int, axis: int) -> Tensor:
    # Several times faster here than pooling with a stride of 1.
    length = frames.shape[axis] - pixels + 1
    total = reduce(torch.add, (frames.narrow(axis, start, length) for start in range(pixels)))
    return total / pixels


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
