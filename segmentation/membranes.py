"""From neuron ids to membranes, in 2-D, slice by slice."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segmentation.labels import UNLABELLED, require_labels

WIDTH = 30.0  # nm: two membranes of some 8 nm and the cleft between them
REACH = 24.0  # nm of drawn membrane, at most, that belong to the id they lie nearest to

Zero = Literal["membrane", "ignore"]
Kind = Literal["ids", "membrane_mask"]


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
    width: float = WIDTH,
    zero: Zero = "ignore",
    kind: Kind = "ids",
) -> Membranes:
    """Membranes of one slice from the neuron ids of its pixels, or from a mask of them.

    The membrane runs along the boundary between two ids and is ``width`` wide, whether the
    annotators let the ids touch or drew the membrane between them as 0: how thick they drew it
    says little (docs/decisions/0005). Ids first grow into such a drawn membrane, from either
    side, to where they meet. What is left of it beside the line is unknown, as is what lies out
    of the reach of any id: whole processes that nobody labelled are 0 too. Their membranes are
    nowhere drawn, so what lies within half a membrane of the unknown is unknown itself.

    Args:
        labels: uint64 HW; ``UNLABELLED`` means nothing is known.
        pixel_size: side of a pixel in nm.
        width: of a membrane in nm; a boundary of ids is at least two pixels wide.
        zero: what id 0 means.
        kind: neuron ids, or a mask that is 0 on membrane and is taken as it is.

    Returns:
        Mask and valid region.

    Raises:
        ValueError: the labels are not uint64 HW, or there is no such kind or meaning of 0.
    """
    require_labels(labels)
    if kind not in get_args(Kind) or zero not in get_args(Zero):
        raise ValueError(
            f"kind is one of {get_args(Kind)} and zero one of {get_args(Zero)}, not {kind!r} and "
            f"{zero!r}."
        )
    known = labels != UNLABELLED
    if kind == "membrane_mask":
        return Membranes((labels == 0) & known, known)
    drawn = labels == 0
    reach = REACH / pixel_size if zero == "membrane" else 0.0
    ids, owned = _grow(labels, known & ~drawn, known, reach)
    half = width / 2 / pixel_size
    mask = owned & _within(max(0.0, half - 1), _boundaries(ids, owned))
    unknown = ~(owned & (mask | ~drawn))
    return Membranes(mask, mask | ~_within(half, unknown))


def _grow(
    labels: NDArray[np.uint64],
    labelled: NDArray[np.bool_],
    known: NDArray[np.bool_],
    reach: float,
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Every pixel's nearest id, and where that lies no further than ``reach`` pixels away."""
    if reach == 0 or not labelled.any():
        return labels, labelled
    distance, nearest = ndimage.distance_transform_edt(~labelled, return_indices=True)
    return labels[tuple(nearest)], known & (distance <= reach)


def _within(pixels: float, places: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What lies no further than so many pixels from some places."""
    if not places.any():
        return places
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~places) <= pixels
    return near


def _boundaries(ids: NDArray[np.uint64], owned: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels one of whose four neighbours has another id."""
    edges = np.zeros(ids.shape, bool)
    for before, after in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        differ = (ids[before] != ids[after]) & owned[before] & owned[after]
        edges[before] |= differ
        edges[after] |= differ
    return edges
