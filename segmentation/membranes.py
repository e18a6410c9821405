"""From neuron ids to membranes, in 2-D, slice by slice."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

UNLABELLED = 2**64 - 1  # the CREMI convention
REACH = 24.0  # nm from the nearest id within which label 0 can be a membrane


class Membranes(NamedTuple):
    """The membranes of one slice.

    Attributes:
        mask: bool HW, true on membrane.
        valid: bool HW, false where nothing is known.
    """

    mask: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def membranes(
    labels: NDArray[np.uint64],
    pixel_size: float,
    width: float = 24.0,
    zero: Literal["membrane", "ignore"] = "ignore",
    kind: Literal["ids", "membrane_mask"] = "ids",
) -> Membranes:
    """Membranes of one slice from the neuron ids of its pixels, or from a mask of them.

    A pixel is on a membrane if one of its four neighbours has another id; these boundaries are
    widened to ``width``. Where label 0 means membrane it was drawn at its width already, and
    is left as it is, but for what lies further than 24 nm from every id: whole processes that
    nobody labelled are 0 too, and are not membrane but unknown.

    Args:
        labels: uint64 HW; ``UNLABELLED`` means nothing is known.
        pixel_size: side of a pixel in nm.
        width: of a membrane between two ids in nm; their boundary is two pixels wide before.
        zero: what id 0 means.
        kind: neuron ids, or a mask that is 0 on membrane and is taken as it is.

    Returns:
        Mask and valid region; a boundary to an unknown region is not a membrane.
    """
    if kind == "membrane_mask":
        valid = labels != UNLABELLED
        return Membranes((labels == 0) & valid, valid)
    drawn = (labels == 0) & (zero == "membrane")
    valid = labels != UNLABELLED
    if zero == "ignore":
        valid &= labels != 0
    elif drawn.any():
        valid &= ndimage.distance_transform_edt(drawn) * pixel_size <= REACH
    between = valid & ~drawn
    edges = np.zeros(labels.shape, bool)
    for before, after in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        differ = (labels[before] != labels[after]) & between[before] & between[after]
        edges[before] |= differ
        edges[after] |= differ
    reach = max(0.0, width / 2 / pixel_size - 1)
    if reach > 0 and edges.any():
        edges = ndimage.distance_transform_edt(~edges) <= reach
    return Membranes((edges | drawn) & valid, valid)
