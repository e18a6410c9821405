"""The windows in which slices are searched that are too large to be searched whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bench.repair.finding import Mask
from bench.repair.slices import Slice, Window
from bench.volumes.volume import Volume

_ALONG = 3  # samples along each axis
_GRAIN = 8  # pixels: windows begin at multiples of it, and so of every block that is averaged


class Tiling(NamedTuple):
    """How a slice is cut into windows; docs/reference/damage.md says why so.

    Attributes:
        limit: pixels of a slice that is searched whole.
        core: longest side of a window, in pixels; windows do not overlap.
        margin: pixels around a window that are looked at with it.
        sample: side of the windows that say what is usual in the slice, in pixels.
    """

    limit: int = 2**24
    core: int = 2560
    margin: int = 256
    sample: int = 1024

    def cuts(self, shape: tuple[int, int]) -> bool:
        """Whether a slice of that shape is searched in windows."""
        return shape[0] * shape[1] > self.limit

    def windows(self, shape: tuple[int, int]) -> list[Window]:
        """The windows that cover a slice, each pixel once, all of nearly one size."""
        rows, columns = (_even(side, self.core) for side in shape)
        return [
            Window(top, left, bottom - top, right - left)
            for top, bottom in rows
            for left, right in columns
        ]

    def around(self, window: Window, shape: tuple[int, int], search: int) -> Window:
        """A window with its margin: a slice that is shifted on to it has no edge within."""
        reach = self.margin + -(-search // _GRAIN) * _GRAIN
        return window.grown(reach, shape)

    def samples(self, shape: tuple[int, int], search: int) -> list[Window]:
        """Up to 3 x 3 windows, evenly spread."""
        rows, columns = (_spread(side, self.sample + 2 * search) for side in shape)
        return [
            Window(top, left, bottom - top, right - left)
            for top, bottom in rows
            for left, right in columns
        ]


TILING = Tiling()


def through(
    volume: Volume, window: Window, slices: Sequence[int]
) -> Iterator[tuple[int, Slice, Mask | None]]:
    """A window of each of some slices, in order: what is stored deep in z is read once.

    Args:
        volume: that is read.
        window: within its slices.
        slices: ascending, none of them missing.

    Yields:
        The slice, what the window of it shows, and the mask of its tissue, where there is a file
        of masks.
    """
    if not slices:
        return
    rows, columns = window.within(Window(0, 0, *volume.shape[1:]))
    part = volume.crop((slice(slices[0], slices[-1] + 1), rows, columns))
    for z in slices:
        # A copy: a part of a slice that was read whole would hold all of it.
        yield z, np.array(part.slice(z - slices[0])), part.mask(z - slices[0])


def _even(side: int, most: int) -> list[tuple[int, int]]:
    """A side cut into parts of nearly one length."""
    count = -(-side // most)
    cuts = [side * each // count // _GRAIN * _GRAIN for each in range(count)]
    return list(zip(cuts, [*cuts[1:], side], strict=True))


def _spread(side: int, length: int) -> list[tuple[int, int]]:
    """Stretches of a side, evenly spread."""
    length = min(side, length)
    count = max(1, min(_ALONG, side // length))
    return [
        (middle - length // 2, middle - length // 2 + length)
        for middle in ((2 * each + 1) * side // (2 * count) for each in range(count))
    ]
