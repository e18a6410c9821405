"""Histogram specification: give slices the grey-level distribution of a reference.

A slice is mapped by a table of 256 entries that sends each of its quantiles to the same
quantile of the reference (Gonzalez and Woods, Digital Image Processing, 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

ReferenceName = Literal["dataset", "before", "middle", "none"]

_LEVELS = 256
_GRID = 4097  # points at which quantile functions are averaged

Counts = NDArray[np.int64]
Table = NDArray[np.uint8]


class Reference(NamedTuple):
    """A grey-level distribution as its quantile function.

    Attributes:
        quantiles: ascending, in [0, 1].
        values: grey values there, 0..255.
    """

    quantiles: NDArray[np.float64]
    values: NDArray[np.float64]


def grey_counts(grey: NDArray[np.uint8]) -> Counts:
    """How many pixels have each of the 256 grey values."""
    return np.bincount(grey.ravel(), minlength=_LEVELS).astype(np.int64)


def reference_of(counts: Counts) -> Reference:
    """The distribution of one slice."""
    present = np.flatnonzero(counts)
    return Reference(_cumulative(counts)[present], present.astype(np.float64))


def mean_reference(slices: Sequence[Counts]) -> Reference:
    """The mean quantile function of slices, each weighing the same.

    Args:
        slices: grey counts of each, at least one.
    """
    grid = np.linspace(0.0, 1.0, _GRID)
    total = np.zeros(_GRID)
    for counts in slices:
        total += np.interp(grid, *reference_of(counts))
    return Reference(grid, total / len(slices))


def lookup_table(counts: Counts, reference: Reference) -> Table:
    """The table that maps a slice with these counts to a reference; apply as ``table[grey]``.

    Within rounding to whole grey values it equals ``skimage.exposure.match_histograms``.
    """
    mapped = np.interp(_cumulative(counts), reference.quantiles, reference.values)
    return np.rint(mapped).astype(np.uint8)


def identity_table() -> Table:
    """The table that changes nothing."""
    return np.arange(_LEVELS, dtype=np.uint8)


def _cumulative(counts: Counts) -> NDArray[np.float64]:
    total = np.cumsum(counts)
    share: NDArray[np.float64] = total / total[-1]
    return share
