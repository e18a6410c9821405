"""The slices of a volume by windows, with the brightness of each."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.repair.finding import Box
from bench.triplets.align import MAX_TEMPLATE
from bench.volumes.tissue import Tissue, find_tissue
from bench.volumes.volume import Volume

WHOLE = 2**26  # pixels: slices up to this size are read whole, larger ones in windows
_HELD = 3  # whole slices

Slice = NDArray[np.uint8]
Grey = NDArray[np.float32]  # HW in [0, 1]


class Window(NamedTuple):
    """A rectangle of a slice in pixels; it may reach beyond the slice."""

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def of(cls, box: Box) -> Window:
        """The window that a box holds."""
        return cls(box.top, box.left, box.bottom - box.top, box.right - box.left)

    def moved(self, y: int, x: int) -> Window:
        """The window elsewhere."""
        return Window(self.top + y, self.left + x, self.height, self.width)

    def grown(self, margin: int, shape: tuple[int, int]) -> Window:
        """The window with as much more on each side as a slice of that shape has."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        bottom = min(shape[0], self.top + self.height + margin)
        right = min(shape[1], self.left + self.width + margin)
        return Window(top, left, bottom - top, right - left)

    def overlaps(self, other: Window) -> bool:
        """Whether the two have a pixel in common."""
        return (
            self.top < other.top + other.height
            and other.top < self.top + self.height
            and self.left < other.left + other.width
            and other.left < self.left + self.width
        )

    def shared(self, other: Window) -> Window | None:
        """What both have in common; None where that is nothing."""
        if not self.overlaps(other):
            return None
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.height, other.top + other.height)
        right = min(self.left + self.width, other.left + other.width)
        return Window(top, left, bottom - top, right - left)

    def within(self, larger: Window) -> tuple[slice, slice]:
        """Its rows and columns in a window that holds it."""
        top, left = self.top - larger.top, self.left - larger.left
        return slice(top, top + self.height), slice(left, left + self.width)


class Tone(NamedTuple):
    """How bright a slice is, in grey levels.

    Attributes:
        mean: of its tissue.
        contrast: standard deviation of its tissue.
    """

    mean: float
    contrast: float

    def towards(self, other: Tone, time: float) -> Tone:
        """The tone at a time between this one's, 0, and another one's, 1."""
        return Tone(
            (1 - time) * self.mean + time * other.mean,
            (1 - time) * self.contrast + time * other.contrast,
        )

    def mapped(self, values: NDArray[np.uint8], to: Tone) -> Grey:
        """Grey values of this tone as another one has them, in [0, 1]."""
        gain = to.contrast / self.contrast if self.contrast > 0 else 1.0
        grey = (values.astype(np.float32) - self.mean) * gain + to.mean
        return np.asarray(np.clip(grey / 255, 0, 1), np.float32)


class Centre(NamedTuple):
    """The middle of a slice: what slices are matched by.

    Attributes:
        grey: HW.
        tissue: where it shows tissue.
        tone: of the tissue.
    """

    grey: Slice
    tissue: Tissue
    tone: Tone


class Slices:
    """A volume read by windows; small slices are kept whole for the next window."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._kept: OrderedDict[int, Slice] = OrderedDict()

    @property
    def shape(self) -> tuple[int, int]:
        """Of a slice, in pixels."""
        return self.volume.shape[1], self.volume.shape[2]

    @property
    def all(self) -> Window:
        """The window of a whole slice."""
        return Window(0, 0, *self.shape)

    def read(self, z: int, window: Window) -> Slice:
        """What a window of a slice shows, HW; beyond the slice its edge is replicated."""
        height, width = self.shape
        rows = _inside(window.top, window.height, height)
        columns = _inside(window.left, window.width, width)
        if height * width <= WHOLE:
            part = self._whole(z)[rows, columns]
        else:
            part = self.volume.crop((slice(z, z + 1), rows, columns)).slice(0)
        return _padded(part, window, rows, columns)

    def centre(self, z: int, search: int) -> Centre:
        """The middle of a slice, 2,048 pixels and a search radius on each side."""
        grey = self._middle(z, search)
        tissue = find_tissue(grey)
        seen = grey if tissue is None or not tissue.any() else grey[tissue]
        return Centre(grey, tissue, Tone(float(seen.mean()), float(seen.std())))

    def digest(self, z: int) -> str:
        """SHA-256 of the middle of a slice: enough to see that it is another one."""
        return hashlib.sha256(self._middle(z, 0).tobytes()).hexdigest()

    def _middle(self, z: int, search: int) -> Slice:
        height, width = (min(side, MAX_TEMPLATE + 2 * search) for side in self.shape)
        rows, columns = self.shape
        return self.read(z, Window((rows - height) // 2, (columns - width) // 2, height, width))

    def _whole(self, z: int) -> Slice:
        if z not in self._kept:
            self._kept[z] = self.volume.slice(z)
            if len(self._kept) > _HELD:
                self._kept.popitem(last=False)
        self._kept.move_to_end(z)
        return self._kept[z]


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
