"""The network of a second judge: a LinkNet over another encoder than the U-Net's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from segmentation.network import MembraneNetwork


@dataclass(frozen=True)
class LinkNetOptions:
    """How the network is built; its weights start at random.

    Attributes:
        encoder: an encoder's name in segmentation-models-pytorch.
        depth: how often the encoder halves the resolution.
    """

    kind: ClassVar[str] = "linknet"

    encoder: str = "tu-skresnet18"
    depth: int = 3


class LinkNet(MembraneNetwork):
    """A LinkNet (Chaurasia and Culurciello 2017) of segmentation-models-pytorch.

    Its decoder adds the encoder's features where the U-Net's puts them side by side, and goes up by
    transposed convolutions; its encoder (SKNet, Li et al. 2019) chooses the width of its filters
    anew for every frame and channel.
    """

    def __init__(self, options: LinkNetOptions | None = None) -> None:
        import segmentation_models_pytorch as smp

        super().__init__()
        self.options = options or LinkNetOptions()
        self.multiple = 2**self.options.depth
        self.network = smp.Linknet(
            self.options.encoder,
            encoder_depth=self.options.depth,
            encoder_weights=None,
            in_channels=1,
            classes=1,
        )
