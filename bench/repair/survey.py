"""What is known of large slices as a whole, gathered window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import HALF, TAILS, Tails, shrunk
from bench.repair.padding import Padding, padding_of, reduced_part, step_of, tissue_in
from bench.repair.slices import Slice, Window
from bench.repair.tiling import Tiling, through
from bench.triplets.window_measures import detail_energies
from bench.volumes.tissue import Tissue
from bench.volumes.volume import Volume, present_slices

_RUN = 32  # slices that are looked through at once

Counts = NDArray[np.int64]  # of each grey value
_Value = TypeVar("_Value")


class Facts(NamedTuple):
    """What a slice is like.

    Attributes:
        padding: where it shows no tissue; None where all of it is tissue, or a mask file says it.
        counts: of each grey value, of its tissue.
        tails: of its tissue, as the flow sees it.
        detail: how much fine detail it has, whatever its contrast.
    """

    padding: Padding | None
    counts: Counts
    tails: Tails
    detail: float


class _Sums:
    """What adds up over the windows of a slice."""

    def __init__(self) -> None:
        self.counts, self._halves = np.zeros(256, np.int64), np.zeros(256, np.int64)
        self._fine, self._coarse = 0.0, 0.0

    def add(self, grey: Slice, tissue: Tissue) -> None:
        """Take in a window."""
        half = shrunk(grey, HALF)
        if tissue is not None:
            half = half[shrunk(tissue * np.uint8(255), HALF) == 255]
        self.counts += _counted(grey if tissue is None else grey[tissue])
        self._halves += _counted(half)
        fine, coarse = detail_energies(grey, tissue)
        self._fine, self._coarse = self._fine + fine, self._coarse + coarse

    def facts(self, padding: Padding | None) -> Facts:
        """Of the whole slice."""
        detail = self._fine / self._coarse if self._coarse > 0 else 0.0
        tails = Tails(*(percentile(self._halves, share) for share in TAILS))
        return Facts(padding, self.counts, tails, detail)


def survey(volume: Volume, tiling: Tiling, tick: Callable[[], None]) -> dict[int, Facts]:
    """Look at every slice of a volume in windows, twice: where its tissue is, and what it is like.

    Detail across the edge of a window counts nowhere.

    Args:
        volume: that is read.
        tiling: of its slices.
        tick: called after every window of every slice.
    """
    windows = tiling.windows((volume.shape[1], volume.shape[2]))
    found = dict[int, Facts]()
    for run in runs(present_slices(volume)):
        paddings = _paddings(volume, windows, run)
        sums = {z: _Sums() for z in run}
        for window in windows:
            for z, grey, mask in through(volume, window, run):
                sums[z].add(grey, tissue_in(window, grey, mask, paddings[z]))
                tick()
        found |= {z: sums[z].facts(paddings[z]) for z in run}
    return found


def runs(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """Values in runs that are looked through at once."""
    for low in range(0, len(values), _RUN):
        yield values[low : low + _RUN]


def percentile(counts: Counts, share: float) -> float:
    """A percentile of grey values that are counted, as ``numpy.percentile`` gives it; 0 of none.

    Args:
        counts: of each grey value.
        share: which percentile, 0 to 100.
    """
    total = int(counts.sum())
    if not total:
        return 0.0
    at = share / 100 * (total - 1)
    low, high = np.searchsorted(counts.cumsum(), [np.floor(at), np.ceil(at)], side="right").tolist()
    return float(low + (at - np.floor(at)) * (high - low))


def _paddings(
    volume: Volume, windows: Sequence[Window], slices: Sequence[int]
) -> Mapping[int, Padding | None]:
    shape = volume.shape[1], volume.shape[2]
    step = step_of(shape)
    size = -(-shape[0] // step), -(-shape[1] // step)
    reduced = {z: np.zeros(size, np.uint8) for z in slices}
    for window in windows:
        for z, grey, _ in through(volume, window, slices):
            at, part = reduced_part(window, grey, step)
            reduced[z][at] = part
    return {z: padding_of(reduced[z], step) for z in slices}


def _counted(values: NDArray[np.uint8]) -> Counts:
    return np.bincount(values.ravel(), minlength=256)
