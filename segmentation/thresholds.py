"""Thresholds above which a pixel is membrane, chosen on validation slices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from segmentation.scores import Labels, Probability, segment_scores, watershed

THRESHOLDS = np.arange(1, 20) / 20  # probabilities above which a pixel may be taken for membrane
# A low probability is enough to close a gap in a faint membrane: seeds look lower still.
SEED_THRESHOLDS = np.array([0.01, 0.02, 0.03, *THRESHOLDS])


def dice_by_threshold(
    probability: NDArray[np.float32], mask: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Dice of a frame at each of ``THRESHOLDS``; 1 where nothing is predicted and nothing there."""
    # How many thresholds a pixel exceeds; those above the k-th are the predicted ones there.
    above = np.searchsorted(THRESHOLDS, probability[valid].astype(np.float64), side="left")
    true = mask[valid]
    count = len(THRESHOLDS) + 1
    hits = np.bincount(above[true], minlength=count)[::-1].cumsum()[::-1][1:]
    predicted = np.bincount(above, minlength=count)[::-1].cumsum()[::-1][1:]
    size = predicted + np.count_nonzero(true)
    ratios: NDArray[np.float64] = np.divide(
        2 * hits, size, out=np.ones(len(THRESHOLDS)), where=size > 0
    )
    return ratios


def best_seed_threshold(
    slices: Iterable[tuple[Probability, Labels]], most: float, pixel_size: float
) -> float:
    """The threshold of seeds with the least mean adapted Rand error over slices.

    Args:
        slices: of each its map of probabilities and its true segments (HW; 0 is not counted).
        most: the threshold of the mask: seeds closer to membranes than that help nobody.
        pixel_size: in nm.

    Returns:
        One of ``SEED_THRESHOLDS``, of equals the highest: it leaves most places to grow from;
        ``most`` where no slice has a segment that counts.
    """
    counted = [(found, segments) for found, segments in slices if segments.any()]
    if not counted:
        return most

    def error(threshold: float) -> float:
        errors = [
            segment_scores(watershed(found, threshold, pixel_size), segments)["adapted_rand_error"]
            for found, segments in counted
        ]
        return float(np.mean(errors))

    return min((float(t) for t in SEED_THRESHOLDS[::-1] if t <= most), key=error)
