"""What looks like padding of a slice, but is tissue in both of its neighbours: damage.

Padding follows the edge, and its neighbours have nearly as much of it, however it moves. A band of
one grey value across the tissue, or a corner that is torn off, reaches far beyond theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.volumes.tissue import Tissue

_DEEP = 48.0  # pixels: what reaches less far beyond the padding of both neighbours is padding
_ALONG = 8.0  # times as far as it reaches: what follows the edge so long is padding
_THIN = 5  # pixels: what is narrower is a dead line of the detector

Mask = NDArray[np.bool_]


def void_in(tissue: Tissue, beside: Sequence[Tissue], pixel: int = 1) -> Mask | None:
    """What of a slice shows one grey value in the middle of its neighbours' tissue.

    Args:
        tissue: HW, where the slice shows tissue; None where all of it is.
        beside: likewise, of both neighbours.
        pixel: of the slice, how many a pixel of these masks is wide.

    Returns:
        HW; None where there is none.
    """
    if tissue is None:
        return None
    from scipy import ndimage

    shared = np.ones(tissue.shape, np.bool_)
    for each in beside:
        if each is not None:
            shared &= ~_solid(each, pixel)
    gone = _solid(tissue, pixel) & shared
    if not gone.any():
        return None
    # Beyond the slice there is no tissue either.
    depth = cv2.distanceTransform(np.pad(shared, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    count, labels = cv2.connectedComponents(gone.astype(np.uint8))
    deepest = np.asarray(ndimage.maximum(depth, labels, range(count)))
    contact = np.bincount(labels[gone & (depth <= 1)], minlength=count)
    far = (deepest * pixel > _DEEP) & (_ALONG * deepest > contact)
    far[0] = False  # what is none of the regions
    return np.asarray(far[labels]) if far.any() else None


def _solid(tissue: Mask, pixel: int) -> Mask:
    """Where there is no tissue, but for lines."""
    side = -(-_THIN // pixel)
    kernel = np.ones((side, side), np.uint8)
    return cv2.morphologyEx((~tissue).astype(np.uint8), cv2.MORPH_OPEN, kernel).astype(np.bool_)
