"""What is written of a volume: its values in slices or blocks, its voxel size, its marks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.progress import Progress
from bench.volumes.formats.stack import Box, Nanometres, Resolution, Stack
from bench.volumes.writing.filled_stack import FilledStack

MARK = "interslice"  # the attribute that says what is synthetic
_BLOCK_BYTES = 2**27  # held at once where a slice need not be whole
_DEEPEST, _SIDE = 16, 256  # of a chunk, where the source has none


@dataclass(frozen=True)
class Notes:
    """What is said of a volume beside its values.

    Attributes:
        voxel_size: in nm (z, y, x), where it is known; z may be unknown.
        synthetic: how a slice was filled, in a word or two, by the number that the source gives it.
        repair: the name of the file that says more.
        left: numbers of slices that are called missing and were not filled, in order; what the
            source holds in their place is copied.
    """

    voxel_size: Resolution | None = None
    synthetic: Mapping[int, str] = field(default_factory=dict)
    repair: str = ""
    left: Sequence[int] = ()


@dataclass(frozen=True)
class Content:
    """What is written.

    Attributes:
        name: of the volume.
        inner: where it lies in its file, if it was said.
        source: that the volume is from.
        stack: the source, filled.
        notes: beside the values.
        keeps_polarity: whether the file says if it is inverted; if not, what is inverted is turned.
        tick: called as the work moves on.
    """

    name: str
    inner: str
    source: Stack
    stack: FilledStack
    notes: Notes
    keeps_polarity: bool
    tick: Progress

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values, in the byte order of this machine."""
        return self.stack.dtype

    @property
    def voxel_size(self) -> Nanometres | None:
        """In nm (z, y, x), where all of it is known."""
        size = self.notes.voxel_size
        if size is None or size[0] is None:
            return None
        return size[0], size[1], size[2]

    @property
    def offset(self) -> Nanometres | None:
        """Where the first voxel lies, in nm (z, y, x); None where nobody says, or at the origin."""
        size = self.voxel_size
        if size is None:
            return None
        stored = self.source.offset or (0.0, 0.0, 0.0)
        z, y, x = (
            low + voxels * side
            for low, voxels, side in zip(stored, self.source.corner, size, strict=True)
        )
        return (z, y, x) if any((z, y, x)) else None

    @property
    def marks(self) -> dict[str, Any]:
        """What is synthetic, left or still missing, as JSON has it; empty if nothing.

        Slices have the numbers that the source gives them; ``first`` is that of the slice at index
        0 of the array.
        """
        return self._marks(range(self.stack.shape[0]))

    def marks_of(self, z: int) -> dict[str, Any]:
        """The marks of one slice, as those of an array that holds no other."""
        return self._marks(range(z, z + 1))

    def _marks(self, held: range) -> dict[str, Any]:
        first = self.stack.first
        numbers = range(first + held.start, first + held.stop)
        synthetic = {str(n): how for n, how in sorted(self.notes.synthetic.items()) if n in numbers}
        given = {
            "synthetic": synthetic,
            "left": [number for number in self.notes.left if number in numbers],
            "missing": [first + z for z in sorted(self.stack.missing) if z in held],
        }
        marks: dict[str, Any] = {name: value for name, value in given.items() if value}
        if not marks:
            return {}
        repair = {"repair": self.notes.repair} if self.notes.repair else {}
        return marks | {"first": numbers.start} | repair

    @property
    def attributes(self) -> dict[str, Any]:
        """The marks as attributes of an array; none if there is nothing to mark."""
        return {MARK: self.marks} if self.marks else {}

    def slices(self) -> Iterator[tuple[int, NDArray[Any] | None]]:
        """The position and values of each slice, HW; None for one that is still missing."""
        depth = self.stack.shape[0]
        for z in range(depth):
            yield z, None if z in self.stack.missing else self._values(self.stack, z)
            self.tick(z + 1, depth, "")

    @property
    def chunk(self) -> tuple[int, int, int]:
        """Voxels (z, y, x) of a chunk: those of the source, else so many that few slices are held.

        A chunk is never larger than the volume.
        """
        _, height, width = self.stack.shape
        slices = _BLOCK_BYTES // (height * width * self.dtype.itemsize)
        plain = (max(1, min(slices, _DEEPEST)), _SIDE, _SIDE)
        z, y, x = map(min, self.stack.shape, self.source.chunk or plain)
        return z, y, x

    def blocks(self) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Boxes of whole chunks that fill the volume, and their values, ZYX.

        A block takes at most 128 MiB, unless one chunk takes more, or one slice of a source whose
        slices are read whole. What is missing is 0.
        """
        boxes = list(_boxes(self.stack.shape, self._block()))
        for done, box in enumerate(boxes, start=1):
            part = self.stack.crop(box)
            sides = [side.stop - side.start for side in box]
            values = np.zeros(sides, dtype=self.dtype)
            for z in range(sides[0]):
                if z not in part.missing:
                    values[z] = self._values(part, z)
            yield box, values
            self.tick(done, len(boxes), "")

    def _block(self) -> tuple[int, int, int]:
        """Voxels of a block: as many chunks along x, then along y, as it may hold."""
        depth, rows, columns = self.chunk
        _, height, width = self.stack.shape
        if not self.source.in_parts:
            return depth, height, width
        most = _BLOCK_BYTES // self.dtype.itemsize
        wide = min(width, _multiple(columns, most // (depth * rows)))
        high = min(height, _multiple(rows, most // (depth * wide)))
        return depth, high, wide

    def _values(self, part: FilledStack, z: int) -> NDArray[Any]:
        values = np.ascontiguousarray(part.read(z), dtype=self.dtype)
        if not part.inverted or self.keeps_polarity:
            return values
        # Of integers, black and white change places, and no value is lost.
        return np.asarray(np.invert(values))


def _multiple(side: int, most: int) -> int:
    """The largest multiple of a side that is not above a number; at least the side itself."""
    return side * max(1, most // side)


def _boxes(shape: Sequence[int], block: tuple[int, int, int]) -> Iterator[Box]:
    for place in np.ndindex(*(math.ceil(a / b) for a, b in zip(shape, block, strict=True))):
        z, y, x = (
            slice(n * step, min((n + 1) * step, side))
            for n, step, side in zip(place, block, shape, strict=True)
        )
        yield z, y, x


def as_line(marks: Mapping[str, Any]) -> str:
    """Marks as one line of plain letters."""
    return json.dumps(marks, separators=(",", ":"))
