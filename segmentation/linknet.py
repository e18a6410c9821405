"""The network of a second judge: a LinkNet over another encoder than the U-Net's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from segmentation.network import MembraneNetwork, drop_unused


@dataclass(frozen=True)
class LinkNetOptions:
    """How the network is built; its weights start at random.

    Attributes:
        encoder: an encoder's name in segmentation-models-pytorch.
        depth: how often the encoder halves the resolution.
    """

    kind: ClassVar[str] = "linknet"

    encoder: str = "mobilenet_v2"
    depth: int = 4


class LinkNet(MembraneNetwork):
    """A LinkNet (Chaurasia and Culurciello 2017) of segmentation-models-pytorch.

    It shares no kind of layer with the U-Net: its encoder (MobileNetV2) filters each channel by
    itself, and its decoder adds what the U-Net's puts side by side.
    """

    def __init__(self, options: LinkNetOptions | None = None) -> None:
        import segmentation_models_pytorch as smp

        super().__init__()
        self.options = options or LinkNetOptions()
        self.multiple = 2**self.options.depth
        network = smp.Linknet(
            self.options.encoder,
            encoder_depth=self.options.depth,
            encoder_weights=None,
            in_channels=1,
            classes=1,
        )
        drop_unused(network.encoder, self.multiple)
        self.network = network
