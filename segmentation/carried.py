"""Whether a neurite is followed across the gap that a slice fills: the metric ``carried``.

A neurite of the slice before is followed by largest overlap into the segments of the slice
between, and from the segment it came to by largest overlap into the slice after. Where the gap has
several slices, it is followed from each to the next. It is carried if it ends on its own id. Pixels
without a known id count in no overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segmentation.labels import components, require_labels

# nm^2, a disc 113 nm wide. In AC4 and FIB-25 less than 3 % of the labelled area lies in smaller
# pieces, but more than half of FIB-25's pieces are: ragged edges of a neighbour, not neurites.
LEAST_AREA = 10_000.0

Labels = NDArray[np.int32]
Ids = NDArray[np.uint64]
Counts = dict[str, float]
COUNTED = (
    "neurites", "neurites_carried", "neurites_wrong", "neurites_lost",
    "neurite_pixels", "neurite_pixels_carried",
)  # fmt: skip


@dataclass(frozen=True)
class Neurites:
    """The neurites on both sides of a gap: connected pixels of one id in a slice.

    Attributes:
        before: int32 HW, those of the slice before, from 1; 0 where no id is known.
        after: the same of the slice after.
        ids: the id of each of ``before``, by its number; that of number 0 means nothing.
        ids_after: the same of ``after``.
        pixels: how many each of ``before`` has.
        counted: which of ``before`` are asked for: large enough, and their id is in the slice
            after.
    """

    before: Labels
    after: Labels
    ids: Ids
    ids_after: Ids
    pixels: NDArray[np.int64]
    counted: NDArray[np.bool_]


def neurites(before: Ids, after: Ids, pixel_size: float) -> Neurites:
    """The neurites of the slices before and after.

    Args:
        before: neuron ids, HW; 0 and ``UNLABELLED`` are none.
        after: likewise, with each pixel where the slice before has its own.
        pixel_size: side of a pixel in nm.

    Raises:
        ValueError: the slices are not uint64 HW of one shape.
    """
    require_labels(before, after)
    one, other = components(before), components(after)
    ids, ids_after = _ids(before, one), _ids(after, other)
    pixels = np.bincount(one.ravel(), minlength=len(ids))
    counted = (pixels * pixel_size**2 >= LEAST_AREA) & np.isin(ids, ids_after[1:])
    counted[0] = False
    return Neurites(one, other, ids, ids_after, pixels, counted)


def carried_through(found: Neurites, *segments: Labels) -> Counts:
    """What becomes of the neurites through the segments of the slices between.

    Args:
        found: on both sides of the gap.
        segments: of each slice in order, int HW, from 1; 0 where there is none.

    Returns:
        ``neurites``: those that count; of them ``neurites_carried`` ended on their own id,
        ``neurites_wrong`` on another, ``neurites_lost`` overlapped with nothing on their way.
        ``neurite_pixels``: of those that count, in the slice before; ``neurite_pixels_carried``:
        of those that ended on their own id.
    """
    reached = np.arange(len(found.ids))
    for here, there in pairwise([found.before, *segments, found.after]):
        reached = largest_overlaps(here, there, int(here.max()) + 1)[reached]
    return _count(found, reached)


def carried_directly(found: Neurites, moved: Labels | None = None) -> Counts:
    """What becomes of the neurites with the slices between left out: the null of ``carried``.

    Args:
        found: on both sides of the gap.
        moved: ``found.before`` brought to the slice after by something that was measured, a
            flow for instance; 0 where it shows nothing. None: as it is.

    Returns:
        Those of ``carried_through``.
    """
    start = found.before if moved is None else moved
    return _count(found, largest_overlaps(start, found.after, len(found.ids)))


def largest_overlaps(one: Labels, other: Labels, count: int) -> NDArray[np.int64]:
    """For each label of one segmentation, the label of another that it shares most pixels with.

    Of equal overlaps the lower label counts. 0 is no label.

    Args:
        one: int HW, below ``count``.
        other: int HW.
        count: length of the result, whose element 0 is 0.

    Returns:
        The other's label for each of one's; 0 where it shares no pixel with any.
    """
    both = (one > 0) & (other > 0)
    width = int(other.max()) + 1
    pairs, pixels = np.unique(one[both].astype(np.int64) * width + other[both], return_counts=True)
    labels, partners = np.divmod(pairs, width)
    order = np.lexsort((-partners, pixels))
    best = np.zeros(count, np.int64)
    best[labels[order]] = partners[order]  # of several the last one stays: the largest
    return best


def carry_along(labels: Labels, flow: NDArray[np.float32]) -> Labels:
    """Labels of a slice where a flow finds them in another one.

    Args:
        labels: int32 HW.
        flow: 2HW (x, y), from each pixel of the other slice into that of the labels.

    Returns:
        int32 HW, each pixel from the nearest one of ``labels``; 0 where the flow leads outside.
    """
    height, width = labels.shape
    y, x = np.mgrid[:height, :width]
    columns, rows = np.rint(flow).astype(np.int64) + np.stack([x, y])
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    moved = labels[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return np.where(inside, moved, 0).astype(np.int32)


def _ids(labels: Ids, numbers: Labels) -> Ids:
    """The id of each component by its number."""
    ids = np.zeros(int(numbers.max()) + 1, np.uint64)
    ids[numbers] = labels
    return ids


def _count(found: Neurites, reached: NDArray[np.int64]) -> Counts:
    """Count by where each neurite ended: a number of ``found.after``, 0 if nowhere."""
    lost = reached == 0
    own = ~lost & (found.ids_after[reached] == found.ids)
    counted, pixels = found.counted, found.pixels
    counts = (
        counted.sum(),
        (counted & own).sum(),
        (counted & ~own & ~lost).sum(),
        (counted & lost).sum(),
        pixels[counted].sum(),
        pixels[counted & own].sum(),
    )
    return dict(zip(COUNTED, map(int, counts), strict=True))
