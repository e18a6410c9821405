"""The segmenter's network: a U-Net that says of every pixel how likely it is membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

from torch import nn

from segmentation.network import MembraneNetwork


@dataclass(frozen=True)
class UNetOptions:
    """How the network is built.

    Attributes:
        encoder: an encoder's name in segmentation-models-pytorch.
        weights: pretrained weights of that encoder, by their name there (``imagenet``), which
            may download them; None starts at random.
        decoder: channels of the decoder, from coarse to fine; as many levels as there are.
    """

    kind: ClassVar[str] = "unet"

    encoder: str = "resnet18"
    weights: str | None = None
    decoder: tuple[int, ...] = (32, 16, 8)

    def __post_init__(self) -> None:
        if not 3 <= len(self.decoder) <= 5:
            raise ValueError(f"The decoder takes 3 to 5 levels, not {len(self.decoder)}.")


class UNet(MembraneNetwork):
    """A U-Net (Ronneberger et al. 2015) of segmentation-models-pytorch."""

    def __init__(self, options: UNetOptions | None = None) -> None:
        import segmentation_models_pytorch as smp

        super().__init__()
        self.options = options or UNetOptions()
        self.multiple = 2 ** len(self.options.decoder)
        try:
            network = smp.Unet(
                self.options.encoder,
                encoder_depth=len(self.options.decoder),
                encoder_weights=self.options.weights,
                decoder_channels=self.options.decoder,
                in_channels=1,
                classes=1,
            )
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"The encoder or its weights are not known: {error}.") from error
        _drop_unused(network.encoder, self.multiple)
        self.network = network


def _drop_unused(encoder: nn.Module, coarsest: int) -> None:
    """Drop the stages below the coarsest that is read: the library builds them all the same."""
    if not hasattr(encoder, "get_stages"):
        return
    stages = cast(Any, encoder).get_stages().items()
    unused = [stage for stride, group in stages if stride > coarsest for stage in group]
    for name, child in list(encoder.named_children()):
        if any(child is stage for stage in unused):
            setattr(encoder, name, nn.Identity())
