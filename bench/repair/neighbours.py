"""The sound slices around a gap, laid on each other: nothing looks at what is not there."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.repair.gaps import Gap
from bench.triplets.align import MAX_TEMPLATE, Aligner, Match
from bench.volumes.tissue import filled, find_tissue
from bench.volumes.volume import Volume

_HELD = 3  # whole slices
WHOLE = 2**26  # pixels: slices up to this size are read whole, larger ones in windows

Slice = NDArray[np.uint8]


class Window(NamedTuple):
    """A rectangle of a slice in pixels; it may reach beyond the slice."""

    top: int
    left: int
    height: int
    width: int

    def moved(self, y: int, x: int) -> Window:
        """The window elsewhere."""
        return Window(self.top + y, self.left + x, self.height, self.width)

    def grown(self, margin: int, shape: tuple[int, int]) -> Window:
        """The window with as much more on each side as a slice of that shape has."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        bottom = min(shape[0], self.top + self.height + margin)
        right = min(shape[1], self.left + self.width + margin)
        return Window(top, left, bottom - top, right - left)

    def within(self, larger: Window) -> tuple[slice, slice]:
        """Its rows and columns in a window that holds it."""
        top, left = self.top - larger.top, self.left - larger.left
        return slice(top, top + self.height), slice(left, left + self.width)


class Slices:
    """The grey values of a volume by windows; small slices are kept whole for the next window."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._kept: OrderedDict[int, Slice] = OrderedDict()

    def read(self, z: int, window: Window) -> Slice:
        """What a window of a slice shows, HW; beyond the slice its edge is replicated."""
        _, height, width = self.volume.shape
        rows = _inside(window.top, window.height, height)
        columns = _inside(window.left, window.width, width)
        if height * width <= WHOLE:
            part = self._whole(z)[rows, columns]
        else:
            part = self.volume.crop((slice(z, z + 1), rows, columns)).slice(0)
        return _padded(part, window, rows, columns)

    def digest(self, z: int) -> str:
        """SHA-256 of the centre of a slice: enough to see that it is another one."""
        return hashlib.sha256(self.read(z, _centre(self.volume, 0)).tobytes()).hexdigest()

    def _whole(self, z: int) -> Slice:
        if z not in self._kept:
            self._kept[z] = self.volume.slice(z)
            if len(self._kept) > _HELD:
                self._kept.popitem(last=False)
        self._kept.move_to_end(z)
        return self._kept[z]


def align(slices: Slices, one: int, other: int, search: int) -> Match:
    """Where another slice continues one: both are matched by their centres, 2,048 pixels a side.

    Args:
        slices: of the volume.
        one: its position.
        other: that of the other.
        search: largest shift along each axis, in pixels.

    Returns:
        What lies at (y, x) in the one lies at (y + shift, x + shift) in the other.

    Raises:
        UserError: the search radius does not fit the slices.
    """
    centre = _centre(slices.volume, search)
    aligner = Aligner(centre.height, centre.width, search)
    prepared = []
    for z in (one, other):
        grey = slices.read(z, centre)
        prepared.append(aligner.prepare(filled(grey, find_tissue(grey))))
    return aligner.match(*prepared)


def laid_on(slices: Slices, gap: Gap, z: int, match: Match, window: Window) -> tuple[Slice, Slice]:
    """What both neighbours show where a slice between them has a window, HW each.

    Each slice of the gap is shifted by its share of the shift between the neighbours.
    """
    time = gap.time(z)
    y, x = round(time * match.y), round(time * match.x)
    return (
        slices.read(gap.before, window.moved(-y, -x)),
        slices.read(gap.after, window.moved(match.y - y, match.x - x)),
    )


def _centre(volume: Volume, search: int) -> Window:
    _, height, width = volume.shape
    most = MAX_TEMPLATE + 2 * search
    rows, columns = min(height, most), min(width, most)
    return Window((height - rows) // 2, (width - columns) // 2, rows, columns)


def _inside(low: int, length: int, side: int) -> slice:
    """What of a line lies within a side; a pixel at least."""
    start = min(max(low, 0), side - 1)
    return slice(start, max(min(low + length, side), start + 1))


def _padded(part: Slice, window: Window, rows: slice, columns: slice) -> Slice:
    """A part of a slice with its edge replicated as far as a window reaches beyond it."""
    missing = (
        (max(0, -window.top), max(0, window.top + window.height - rows.stop)),
        (max(0, -window.left), max(0, window.left + window.width - columns.stop)),
    )
    padded = np.pad(part, missing, mode="edge") if any(map(any, missing)) else part
    # A window that lies beyond the slice altogether shows nothing but its edge.
    return padded[: window.height, : window.width]
