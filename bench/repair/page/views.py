"""What the page shows of a slice: its places, all of it, and the middle of one that is shrunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import shrunk
from bench.repair.fill import Kept
from bench.repair.finding import Mask, Place
from bench.repair.scene import around
from bench.repair.slices import Slice, Slices, Window
from bench.volumes.stack_volume import StackVolume

SIDE, MIDDLE, ERROR_SIDE = 1024, 512, 512  # pixels at most: of a slice, its middle, its errors
PLACES = 12  # of a slice, that are shown by themselves
_STRIP = 2**24  # pixels that are read at once

Read = Callable[[Window], Slice]  # what a window of a slice shows, HW


def factor(shape: tuple[int, int], side: int = SIDE) -> int:
    """How many pixels in a row become one, for a slice to be no longer than a side."""
    return -(-max(shape) // side)


def parts(shape: tuple[int, int], places: Sequence[Place]) -> dict[str, Window]:
    """The windows of a slice that are shown, by what they are called; the page opens on the first.

    Args:
        shape: of the slice.
        places: of the slice that are filled; the first of them are shown by themselves.
    """
    by = factor(shape)
    height, width = (max(length // by, 1) * by for length in shape)
    whole = Window(0, 0, min(height, shape[0]), min(width, shape[1]))
    found = {
        f"place {number}": window
        for number, place in enumerate(places[:PLACES], start=1)
        if (window := Window.of(around(place, shape))) != whole
    }
    found["whole"] = whole
    if by > 1:
        rows, columns = (min(length, MIDDLE) for length in shape)
        found["middle"] = Window((shape[0] - rows) // 2, (shape[1] - columns) // 2, rows, columns)
    return found


def picture(read: Read, window: Window, side: int = SIDE) -> Slice:
    """What a window shows, HW, at most so many pixels a side: means of blocks of its pixels."""
    strips = [shrunk(read(strip), by) for strip, by in _strips(window, side)]
    return np.concatenate(strips)


def error_picture(kept: Kept, slice_: Window, window: Window) -> tuple[NDArray[np.float32], Mask]:
    """The expected errors of a window, at most 512 pixels a side.

    Args:
        kept: what was filled.
        slice_: the window of the whole slice.
        window: that is shown.

    Returns:
        HW, the mean over the filled pixels of each block in grey levels, and where there are any.
    """
    sums, shares = list[NDArray[np.float32]](), list[NDArray[np.float32]]()
    for strip, by in _strips(window, ERROR_SIDE):
        at = strip.within(slice_)
        errors, mask = kept.errors(at), kept.mask(at)
        share = np.ones(errors.shape, np.float32) if mask is None else mask.astype(np.float32)
        sums.append(shrunk(errors.astype(np.float32), by))
        shares.append(shrunk(share, by))
    filled = np.concatenate(shares)
    mean = np.concatenate(sums) / np.maximum(filled, np.float32(1e-6))
    return mean.astype(np.float32), filled > 0


def of_source(slices: Slices, z: int) -> Read:
    """A slice as the volume has it."""
    return lambda window: slices.read(z, window)


def of_filled(slices: Slices, volume: StackVolume, z: int, kept: Kept) -> Read:
    """A slice as it was filled, with what was left of it."""

    def read(window: Window) -> Slice:
        at = window.within(slices.all)
        grey, mask = volume.shown(kept.values(at)), kept.mask(at)
        return grey if mask is None else np.where(mask, grey, slices.read(z, window))

    return read


def _strips(window: Window, side: int) -> list[tuple[Window, int]]:
    """Strips of a window from its top to its bottom, each with what it is shrunk by.

    What is left over at the right and below is less than a pixel of the picture.
    """
    by = min(factor((window.height, window.width), side), window.height, window.width)
    height, width = (window.height // by * by, window.width // by * by)
    step = max(_STRIP // (by * width), 1) * by
    return [
        (Window(window.top + top, window.left, min(step, height - top), width), by)
        for top in range(0, height, step)
    ]
