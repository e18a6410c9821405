"""The U-Net extractor of the ablation: SepConv's trunk, shortened to three scales.

Niklaus et al., "Video frame interpolation via adaptive separable convolution", ICCV 2017.
"""

from __future__ import annotations

from torch import Tensor, nn

from methods.layers.rdn import Norm, rectified_convolution


class UNet(nn.Module):
    """Average pooling on the way down, bilinear doubling and added skips on the way up.

    Args:
        inputs: channels of the input.
        channels: width at full size, in the first block and of the output; it doubles twice.
        norm: batch normalisation after each convolution; the original has none.
    """

    STRIDE = 8

    def __init__(self, inputs: int, channels: int = 128, norm: Norm = "none") -> None:
        super().__init__()
        self.channels = channels
        widths = (channels, 2 * channels, 4 * channels)
        self.pool = nn.AvgPool2d(2)
        self.encoders = nn.ModuleList(
            _block(before, after, norm)
            for before, after in zip((inputs, *widths[:-1]), widths, strict=True)
        )
        self.bottom = _block(widths[-1], widths[-1], norm)
        self.rises = nn.ModuleList(_rise(width, norm) for width in reversed(widths))
        # What follows the last skip would be a head; SSAN puts attention there.
        self.decoders = nn.ModuleList(
            [_block(widths[2], widths[1], norm), _block(widths[1], widths[0], norm), nn.Identity()]
        )

    def forward(self, image: Tensor) -> Tensor:
        """B(inputs)HW to B(channels)HW; H and W multiples of 8."""
        skips = []
        for encode in self.encoders:
            image = encode(image)
            skips.append(image)
            image = self.pool(image)
        image = self.bottom(image)
        for rise, decode, skip in zip(self.rises, self.decoders, reversed(skips), strict=True):
            image = decode(rise(image) + skip)
        return image


def _block(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        rectified_convolution(inputs, outputs, norm),
        rectified_convolution(outputs, outputs, norm),
        rectified_convolution(outputs, outputs, norm),
    )


def _rise(width: int, norm: Norm) -> nn.Sequential:
    doubling = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
    return nn.Sequential(doubling, *rectified_convolution(width, width, norm))
