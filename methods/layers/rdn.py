"""Residual dense network without its upsampler: SSAN's feature extractor.

Zhang et al., "Residual dense network for image super-resolution", CVPR 2018.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from methods.layers import recompute
from methods.layers.dense import dense_fusion

Norm = Literal["none", "syncbn"]


def rectified_convolution(inputs: int, outputs: int, norm: Norm = "none") -> nn.Sequential:
    """A 3 x 3 convolution, batch normalisation if asked for, ReLU."""
    if norm == "none":
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU())
    # The normalisation brings its own bias.
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.SyncBatchNorm(outputs), nn.ReLU())


class ResidualDenseBlock(nn.Module):
    """Densely connected convolutions, fused by a 1 x 1 convolution, plus the input.

    Args:
        channels: G0, in and out.
        layers: C, the number of 3 x 3 convolutions.
        growth: G, the channels each of them adds.
        norm: batch normalisation after each of them.
    """

    def __init__(self, channels: int, layers: int, growth: int, norm: Norm = "none") -> None:
        super().__init__()
        # Computed again, batch normalisation would update its running statistics twice.
        self.repeatable = norm == "none"
        self.dense = nn.ModuleList(
            rectified_convolution(channels + index * growth, growth, norm)
            for index in range(layers)
        )
        self.fuse = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, image: Tensor) -> Tensor:
        """B G0 HW to B G0 HW."""
        if self.repeatable and recompute.is_large(image.numel()):
            # In the order of the layers, and without normalisation they have no others.
            return dense_fusion(image, list(self.parameters())) + image
        features = image
        for convolution in self.dense:
            features = torch.cat([features, convolution(features)], dim=1)
        fused: Tensor = self.fuse(features) + image
        return fused


class ResidualDenseNetwork(nn.Module):
    """Shallow features, residual dense blocks, and the fusion of all their outputs.

    Args:
        inputs: channels of the input.
        channels: G0, the width outside the blocks and of the output.
        depth: D, the number of blocks.
        layers: C, convolutions in a block.
        growth: G, channels each of them adds.
        norm: batch normalisation in the blocks; the RDN has none.
    """

    def __init__(
        self,
        inputs: int,
        channels: int = 64,
        depth: int = 6,
        layers: int = 4,
        growth: int = 32,
        norm: Norm = "none",
    ) -> None:
        super().__init__()
        self.channels = channels
        self.shallow = nn.Conv2d(inputs, channels, 3, padding=1)
        self.enter = nn.Conv2d(channels, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            ResidualDenseBlock(channels, layers, growth, norm) for _ in range(depth)
        )
        self.fuse = nn.Sequential(
            nn.Conv2d(depth * channels, channels, 1),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, image: Tensor) -> Tensor:
        """B(inputs)HW to B G0 HW."""
        shallow = self.shallow(image)
        features = self.enter(shallow)
        outputs: list[Tensor] = []
        for block in self.blocks:
            features = block(features)
            outputs.append(features)
        large = recompute.is_large(shallow.numel())
        fused = recompute.compute_again(self._join, *outputs, large=large)
        changed: Tensor = self.fuse[1](fused) + shallow
        return changed

    def _join(self, *outputs: Tensor) -> Tensor:
        joined: Tensor = self.fuse[0](torch.cat(outputs, dim=1))
        return joined
