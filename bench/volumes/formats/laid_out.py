"""A stored array whose axes may stand in any order, read so that nothing is decompressed twice."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import Layout
from bench.volumes.formats.stack import Box, Stack
from bench.volumes.formats.unreadable import reading

_MAX_CHUNK_BYTES = 2**28
SMALL_BYTES = 2**25
LAYER_BYTES = 2**29


class LaidOutStack(Stack):
    """A stack of slices in a stored array.

    A layer of chunks is held in memory, so that a pass over the slices decompresses each chunk
    once. A layer of more than ``LAYER_BYTES`` is read in parts of that size, and a chunk is
    decompressed once for each part. A small stack is held whole: its chunks are read side by side.
    """

    in_parts = True

    def lay_out(self, layout: Layout, deep: int) -> None:
        """Say where the slices are; before the first is read.

        Args:
            layout: of the stored array.
            deep: how many slices have to be read for one.
        """
        self._layout, self._deep = layout, deep
        self.shape, self.corner = layout.shape, layout.corner
        self._held: tuple[int, NDArray[Any]] | None = None

    @abstractmethod
    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        first, last = self._layer(z)
        if last - first == 1:
            return np.array(self._taken(z, z + 1)[0])
        if self._held is None or self._held[0] != first:
            self._held = None  # never two layers at a time
            self._held = first, self._taken(first, last)
        return np.array(self._held[1][z - first])

    def _taken(self, first: int, last: int) -> NDArray[Any]:
        with reading(self.where):
            return self.take(self._layout, first, last)

    def _layer(self, z: int) -> tuple[int, int]:
        """First and last of the slices that are read at once for one of them."""
        bytes_of_slice = self.shape[1] * self.shape[2] * self.dtype.itemsize
        if bytes_of_slice * self.shape[0] <= SMALL_BYTES:
            return 0, self.shape[0]
        depth = max(1, min(self._deep, LAYER_BYTES // int(bytes_of_slice)))
        # Layers are those of the stored array, of which a part may begin anywhere.
        begin = z - (self.corner[0] + z) % depth
        return max(begin, 0), min(begin + depth, self.shape[0])

    def crop(self, box: Box) -> Self:
        """The same stack, of which only a part is read."""
        part = copy.copy(self)
        part.first, part.missing = self.first + box[0].start, frozenset()
        part.lay_out(self._layout.cropped(box), self._deep)
        return part

    def close(self) -> None:
        """Let go of the layer in memory."""
        self._held = None


def chunk_of(layout: Layout, sides: Sequence[int] | None) -> tuple[int, int, int] | None:
    """The chunks of a stored array as z, y, x; None where it has none.

    Args:
        layout: of the array.
        sides: of a chunk along each stored axis.
    """
    if not sides:
        return None
    z, y, x = (1 if axis is None else int(sides[axis]) for axis in (layout.z, layout.y, layout.x))
    return z, y, x


def depth_of_plain(layout: Layout, sides: Sequence[int]) -> int:
    """How many slices are read for one where an array is stored without chunks.

    Slices lie in one piece only along the first axis.

    Args:
        layout: of the array.
        sides: its shape, the axis that varies slowest first.
    """
    before = [side for side in sides[: layout.z] if side > 1] if layout.z is not None else []
    return layout.shape[0] if before else 1


def check_chunks(where: str, chunks: Sequence[int], itemsize: int) -> None:
    """Refuse chunks that are too large to be read for a slice.

    Raises:
        UserError: a chunk takes more than 256 MiB.
    """
    if int(np.prod([int(side) for side in chunks], dtype=object)) * itemsize > _MAX_CHUNK_BYTES:
        raise UserError(
            f"{where} is stored in chunks of {tuple(int(side) for side in chunks)}, too large to "
            "read slice by slice; store it again in smaller chunks."
        )
