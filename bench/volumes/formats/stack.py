"""What every stack of slices on disk has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError

MAX_SLICE_PIXELS = 2**27  # 11,585 x 11,585; about 1 GB of scratch memory in the alignment
MAX_SLICES = 100_000
MAX_BYTES_HELD = 2**30  # of a stack that cannot be read slice by slice

Nanometres = tuple[float, float, float]
Resolution = tuple[float | None, float, float]
Box = tuple[slice, slice, slice]  # z, y, x, of voxels; each with a start and a stop


@dataclass(frozen=True)
class Asked:
    """What is asked of a source, beside what its file says.

    Attributes:
        axes: a letter for each axis of the array as it is stored, such as ``zcyx``.
        channel: which one is read along the axis C, from 0.
        labels: whether the values are ids, which are never shown as grey.
        level: which scale is read of a volume that is stored in several, from 0.
        box: which voxels are taken; None for all of them.
    """

    axes: str | None = None
    channel: int | None = None
    labels: bool = False
    level: int = 0
    box: Box | None = None


class Stack(ABC):
    """A file or folder of slices as it is stored: any depth of grey, or labels.

    Attributes:
        where: what error messages call it.
        shape: z, y, x.
        dtype: of the values that are read.
        resolution: size of a voxel in nm (z, y, x) where the file says so; z may be unknown.
        offset: position in nm (z, y, x) of the first voxel that is stored, where the file says so.
        corner: the voxel that is stored (z, y, x) where what is read begins.
        scales: of how many the file is, each of which can be read.
        inverted: whether the lowest value is white.
        missing: positions within the shape for which there is no slice; reading one is an error.
        first: the number that the source gives to the slice at position 0.
        notes: what was decided about the file that its user has to know, in sentences.
        in_parts: whether a part of a slice is read without the rest of it.
        chunk: voxels (z, y, x) that are stored in one piece; None where slices are not cut.
        compressed: whether the values are stored compressed.
        names: of the file of each slice, in a folder; also of those that are missing.
    """

    where: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    resolution: Resolution | None = None
    offset: Nanometres | None = None
    corner: tuple[int, int, int] = (0, 0, 0)
    scales: int = 1
    inverted: bool = False
    missing: frozenset[int] = frozenset()
    first: int = 0
    notes: tuple[str, ...] = ()
    in_parts: bool = False
    chunk: tuple[int, int, int] | None = None
    compressed: bool = False
    names: tuple[str, ...] = ()

    @abstractmethod
    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW, as stored: an inverted one is not turned."""

    def crop(self, box: Box) -> Stack:
        """The same stack, of which only a part is read.

        Whoever closes the part closes the stack.

        Args:
            box: within the shape.
        """
        return CroppedStack(self, box)

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


class CroppedStack(Stack):
    """A part of a stack whose slices are read whole."""

    def __init__(self, stack: Stack, box: Box) -> None:
        self._stack, self._box = stack, box
        self.where, self.dtype, self.notes = stack.where, stack.dtype, stack.notes
        self.resolution, self.offset = stack.resolution, stack.offset
        self.inverted, self.scales = stack.inverted, stack.scales
        self.compressed = stack.compressed
        self.shape, self.corner = box_shape(box), moved(stack.corner, box)
        z = box[0]
        self.first, self.names = stack.first + z.start, stack.names[z]
        self.missing = frozenset(
            hole - z.start for hole in stack.missing if z.start <= hole < z.stop
        )

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        depth, *sides = self._box
        return self._stack.read(depth.start + z)[tuple(sides)]

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()


def whole_box(shape: tuple[int, int, int]) -> Box:
    """The box of a whole volume."""
    z, y, x = (slice(0, side) for side in shape)
    return z, y, x


def central(side: slice, most: int) -> slice:
    """The middle of a side of a box, at most so many voxels of it."""
    cut = max(0, (side.stop - side.start - most) // 2)
    return slice(side.start + cut, side.stop - cut)


def box_shape(box: Box) -> tuple[int, int, int]:
    """How many voxels a box has along z, y and x."""
    z, y, x = (side.stop - side.start for side in box)
    return z, y, x


def moved(corner: tuple[int, int, int], box: Box) -> tuple[int, int, int]:
    """The corner of a box within what begins at another corner."""
    z, y, x = (low + side.start for low, side in zip(corner, box, strict=True))
    return z, y, x


def sides_of(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of a volume as plain numbers.

    Raises:
        UserError: it has not three sides, or is empty.
    """
    if len(shape) != 3:
        raise UserError(f"{where} has {len(shape)} dimensions; a volume has three (z, y, x).")
    z, y, x = (int(side) for side in shape)
    if min(z, y, x) < 1:
        raise UserError(f"{where} is empty ({z} x {y} x {x}); give a volume with slices.")
    return z, y, x


def checked_shape(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of what is read slice by slice, as plain numbers.

    Raises:
        UserError: it has not three sides, is empty, or is beyond the limits.
    """
    z, y, x = checked_depth(where, shape)
    if y * x > MAX_SLICE_PIXELS:
        raise UserError(
            f"{where} says it has slices of {y} x {x} pixels, beyond the limit of "
            f"{MAX_SLICE_PIXELS:,} for files of which whole slices are read; store it in chunks, "
            "for instance as OME-Zarr, or cut it into smaller volumes."
        )
    return z, y, x


def checked_depth(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of a volume as plain numbers.

    Raises:
        UserError: it has not three sides, is empty, or has too many slices.
    """
    z, y, x = sides_of(where, shape)
    if z > MAX_SLICES:
        raise UserError(
            f"{where} says it has {z} slices, beyond the limit of {MAX_SLICES:,}; read a part of "
            "it with --region, or cut it into smaller volumes."
        )
    return z, y, x
