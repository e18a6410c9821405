"""The segmenter's network: a U-Net that says of every pixel how likely it is membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody uses)


@dataclass(frozen=True)
class UNetOptions:
    """How the network is built.

    Attributes:
        encoder: an encoder's name in segmentation-models-pytorch.
        weights: pretrained weights of that encoder, by their name there (``imagenet``), which
            may download them; None starts at random.
        decoder: channels of the decoder, from coarse to fine; as many levels as there are.
    """

    encoder: str = "resnet18"
    weights: str | None = None
    decoder: tuple[int, ...] = (32, 16, 8)

    def __post_init__(self) -> None:
        if not 3 <= len(self.decoder) <= 5:
            raise ValueError(f"The decoder takes 3 to 5 levels, not {len(self.decoder)}.")


class UNet(nn.Module):
    """A U-Net (Ronneberger et al. 2015) of segmentation-models-pytorch for frames of any size.

    Each frame is standardised by its own mean and deviation, so that contrast and brightness,
    which generated frames get slightly wrong, do not decide what is membrane.
    """

    def __init__(self, options: UNetOptions | None = None) -> None:
        import segmentation_models_pytorch as smp

        super().__init__()
        self.options = options or UNetOptions()
        self.multiple = 2 ** len(self.options.decoder)
        try:
            self.network = smp.Unet(
                self.options.encoder,
                encoder_depth=len(self.options.decoder),
                encoder_weights=self.options.weights,
                decoder_channels=self.options.decoder,
                in_channels=1,
                classes=1,
            )
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"The encoder or its weights are not known: {error}.") from error
        _drop_unused(self.network.encoder, self.multiple)

    def forward(self, frames: Tensor) -> Tensor:
        """The logit of every pixel.

        Args:
            frames: B1HW, grey levels on any scale.

        Returns:
            B1HW; above 0 means membrane is more likely than not.
        """
        height, width = frames.shape[-2:]
        mean = frames.mean((-2, -1), keepdim=True)
        deviation = frames.std((-2, -1), keepdim=True)
        frames = (frames - mean) / (deviation + 1e-6)
        bottom, right = -height % self.multiple, -width % self.multiple
        if bottom or right:
            frames = F.pad(frames, (0, right, 0, bottom), mode="replicate")
        frames = frames.contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.network(frames))[..., :height, :width]


def _drop_unused(encoder: nn.Module, coarsest: int) -> None:
    """Drop the stages below the coarsest that is read: the library builds them all the same."""
    if not hasattr(encoder, "get_stages"):
        return
    stages = cast(Any, encoder).get_stages().items()
    unused = [stage for stride, group in stages if stride > coarsest for stage in group]
    for name, child in list(encoder.named_children()):
        if any(child is stage for stage in unused):
            setattr(encoder, name, nn.Identity())
