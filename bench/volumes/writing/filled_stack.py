"""A stack in which slices, or places in them, are filled; and the mask of what was filled."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bench.volumes.formats.stack import Box, Stack, box_shape, moved, whole_box

Window = tuple[slice, slice]  # y, x, of a slice; each with a start and a stop
SYNTHETIC = 255  # in the mask


class Filled(Protocol):
    """What was filled of one slice."""

    def mask(self, window: Window) -> NDArray[np.bool_] | None:
        """Where the slice is filled, HW; None where all of it is, wherever one looks."""
        ...

    def values(self, window: Window) -> NDArray[Any]:
        """The filled values, HW, in the type of the source; what the mask leaves out is not used.

        A source that is inverted has inverted values here, too.
        """
        ...


class _Part(Stack):
    """A part of a stack, and what was filled in all of it."""

    in_parts = True

    def __init__(self, source: Stack, filled: Mapping[int, Filled]) -> None:
        self._source, self._filled = source, filled
        self._take(whole_box(source.shape))

    def _take(self, box: Box) -> None:
        self._box = box
        self.where, self.resolution = self._source.where, self._source.resolution
        self.offset = self._source.offset
        self.shape, self.corner = box_shape(box), moved(self._source.corner, box)
        self.first, self.names = self._source.first + box[0].start, self._source.names[box[0]]

    def _filled_at(self, z: int) -> Filled | None:
        return self._filled.get(self._box[0].start + z)

    @property
    def _window(self) -> Window:
        return self._box[1:]

    def crop(self, box: Box) -> Self:
        """The same stack, of which only a part is read."""
        part = copy.copy(self)
        corner = (self._box[0].start, self._box[1].start, self._box[2].start)
        z, y, x = (
            slice(low + side.start, low + side.stop) for low, side in zip(corner, box, strict=True)
        )
        part._take((z, y, x))
        return part

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()


class FilledStack(_Part):
    """A stack as it is stored, but for what was filled: all else is the same bit for bit.

    Args:
        source: of which slices are filled.
        filled: by the position of the slice, which may be one that the source does not have.
    """

    def _take(self, box: Box) -> None:
        super()._take(box)
        self._part = self._source.crop(box)
        self.dtype = self._source.dtype.newbyteorder("=")
        self.inverted, self.in_parts = self._source.inverted, self._source.in_parts
        depth = box[0]
        self.missing = frozenset(
            hole - depth.start
            for hole in self._source.missing - set(self._filled)
            if depth.start <= hole < depth.stop
        )

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW; what is filled as a whole is not read from the source."""
        filled = self._filled_at(z)
        if filled is None:
            return self._part.read(z)
        mask = filled.mask(self._window)
        if mask is None:
            return np.asarray(filled.values(self._window), dtype=self.dtype)
        stored = self._part.read(z)
        if not mask.any():
            return stored
        return np.where(mask, filled.values(self._window), stored).astype(self.dtype, copy=False)


class FilledMask(_Part):
    """What of a stack was filled: 255 there, 0 elsewhere; nothing is read from the source.

    Args:
        source: of which slices are filled.
        filled: by the position of the slice.
    """

    dtype = np.dtype(np.uint8)

    def _take(self, box: Box) -> None:
        super()._take(box)
        self.chunk, self.compressed = self._source.chunk, True

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        filled = self._filled_at(z)
        mask: NDArray[np.bool_] | None = np.zeros(self.shape[1:], dtype=bool)
        if filled is not None:
            mask = filled.mask(self._window)
        if mask is None:
            return np.full(self.shape[1:], SYNTHETIC, dtype=np.uint8)
        return mask * np.uint8(SYNTHETIC)
