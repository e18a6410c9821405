"""What the segmenter minimises."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def membrane_loss(logits: Tensor, mask: Tensor, valid: Tensor, weight: float) -> Tensor:
    """Weighted binary cross-entropy plus soft Dice, over the pixels where something is known.

    Membranes are the smaller class: cross-entropy counts them ``weight`` times, and the Dice
    term (Milletari et al. 2016, squared denominator) does not see the pixels that are neither.

    Args:
        logits: B1HW.
        mask: B1HW, 1 on membrane and 0 elsewhere.
        valid: B1HW, 1 where the truth is known and 0 elsewhere.
        weight: of membrane pixels against the others.

    Returns:
        A scalar; 0 only for a perfect and certain segmentation.
    """
    pixels = functional.binary_cross_entropy_with_logits(
        logits, mask, valid * (1 + (weight - 1) * mask), reduction="sum"
    )
    probability = logits.sigmoid() * valid
    overlap = (probability * mask).sum()
    size = (probability.square() + (mask * valid)).sum()
    return pixels / valid.sum().clamp(min=1) + 1 - (2 * overlap + 1) / (size + 1)
