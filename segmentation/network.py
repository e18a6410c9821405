"""What every network that finds membranes has in common, whatever it is built of."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


class MembraneNetwork(nn.Module):
    """A network that says of every pixel how likely it is membrane, for frames of any size.

    Each frame is standardised by its own mean and deviation, so that contrast and brightness,
    which generated frames get slightly wrong, do not decide what is membrane.

    Attributes:
        options: how it is built.
        network: from B1HW to the logits, B1HW, for sides that ``multiple`` divides.
        multiple: of pixels that a side is padded to.
    """

    options: Any
    network: nn.Module
    multiple: int

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
            frames = functional.pad(frames, (0, right, 0, bottom), mode="replicate")
        frames = frames.contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.network(frames))[..., :height, :width]
