"""Between 8-bit frames and what networks take and return."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.base.errors import UserError
from methods.interface import Triplets


def to_triplets(frames: NDArray[np.uint8]) -> Triplets:
    """Turn 8-bit frames (B3HW) into a batch in [0, 1]."""
    grey = torch.from_numpy(np.ascontiguousarray(frames)).float().div_(255.0)
    return Triplets(*(grey[:, i : i + 1] for i in range(3)))


class NotFiniteError(UserError):
    """A method returned NaN or infinity."""


def to_frame(middle: Tensor) -> NDArray[np.uint8]:
    """Round a synthesised slice (11HW in [0, 1]) to grey levels (HW).

    Raises:
        NotFiniteError: a pixel is NaN or infinite: as a grey level it would pass for black or
            white, and be scored.
    """
    grey = middle.detach()[0, 0].float()
    wrong = int((~torch.isfinite(grey)).sum())
    if wrong:
        raise NotFiniteError(
            f"the method returned NaN or infinity in {wrong:,} of {grey.numel():,} pixels, so "
            "nothing of it is scored; look for a division or a logarithm of zero in it "
            "(`bench check-method` tries it on flat slices too)."
        )
    frame: NDArray[np.uint8] = grey.clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
    return frame
