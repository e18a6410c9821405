"""Where a large slice shows no tissue, kept on every n-th pixel of it."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from bench.repair.finding import Mask
from bench.repair.slices import Slice, Window
from bench.repair.void import void_in
from bench.volumes.tissue import Tissue, find_tissue

_LINES = 1536  # of a slice that are looked at, along its longer side


class Padding(NamedTuple):
    """What of a slice is no tissue.

    Attributes:
        bits: of the reduced slice, true where there is none; compressed, for every slice has one.
        shape: of the reduced slice.
        step: of whose pixels each n-th is looked at.
        values: the grey values of what is no tissue.
    """

    bits: bytes
    shape: tuple[int, int]
    step: int
    values: tuple[int, ...]

    @property
    def tissue(self) -> Mask:
        """HW of the reduced slice, where it shows tissue."""
        packed = np.frombuffer(zlib.decompress(self.bits), np.uint8)
        count = self.shape[0] * self.shape[1]
        return ~np.unpackbits(packed, count=count).reshape(self.shape).view(np.bool_)

    def within(self, window: Window, grey: Slice) -> Mask:
        """What of a window is no tissue: there, or next to it, and of that grey value.

        Args:
            window: of the slice.
            grey: HW, what it shows.
        """
        wide = cv2.dilate((~self.tissue).view(np.uint8), np.ones((3, 3), np.uint8))
        rows = (window.top + np.arange(window.height)) // self.step
        columns = (window.left + np.arange(window.width)) // self.step
        near = wide[np.ix_(rows, columns)].view(np.bool_)
        return np.asarray(near & np.isin(grey, self.values))


def step_of(shape: tuple[int, int]) -> int:
    """Each how many-th pixel of a slice is looked at."""
    return -(-max(shape) // _LINES)


def reduced_part(window: Window, grey: Slice, step: int) -> tuple[tuple[slice, slice], Slice]:
    """What a window adds to the reduced slice, and where.

    Args:
        window: of the slice.
        grey: HW, what it shows.
        step: of whose pixels each n-th is looked at.
    """
    skipped = -window.top % step, -window.left % step
    part = grey[skipped[0] :: step, skipped[1] :: step]
    top, left = (window.top + skipped[0]) // step, (window.left + skipped[1]) // step
    return (slice(top, top + part.shape[0]), slice(left, left + part.shape[1])), part


def padding_of(reduced: Slice, step: int) -> Padding | None:
    """The padding that a reduced slice shows; None where it is all tissue.

    Args:
        reduced: HW, each n-th pixel of the slice.
        step: the n.
    """
    tissue = find_tissue(reduced)
    if tissue is None:
        return None
    values = tuple(np.unique(reduced[~tissue]).tolist())
    return Padding(_bits(~tissue), (reduced.shape[0], reduced.shape[1]), step, values)


def void_within(
    window: Window, grey: Slice, here: Padding | None, *beside: Padding | None
) -> Mask | None:
    """What of a window looks like padding, but is tissue in both neighbours; None where nothing.

    Args:
        window: of the slice.
        grey: HW, what it shows.
        here: padding of the slice.
        beside: of its neighbours.
    """
    void = None if here is None else _void(here, *beside)
    if void is None:
        return None
    mask = void.within(window, grey)
    return mask if mask.any() else None


@lru_cache(maxsize=4)  # of a slice, whose windows come one after the other
def _void(here: Padding, *beside: Padding | None) -> Padding | None:
    """What of a slice's padding is tissue in both neighbours."""
    void = void_in(here.tissue, [each and each.tissue for each in beside], here.step)
    return None if void is None else here._replace(bits=_bits(void))


def _bits(mask: Mask) -> bytes:
    return zlib.compress(np.packbits(mask).tobytes())


def tissue_in(window: Window, grey: Slice, mask: Mask | None, padding: Padding | None) -> Tissue:
    """Where a window of a slice shows tissue.

    Args:
        window: of the slice.
        grey: HW, what it shows.
        mask: HW, false where there is none; None without one.
        padding: of the slice.

    Returns:
        True where there is tissue; None where all of it is.
    """
    if padding is None:
        return None if mask is None or mask.all() else mask
    tissue = ~padding.within(window, grey)
    if mask is not None:
        tissue &= mask
    return None if tissue.all() else tissue
