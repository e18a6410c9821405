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


@dataclass(frozen=True)
class Asked:
    """What is asked of a source, beside what its file says.

    Attributes:
        axes: a letter for each axis of the array as it is stored, such as ``zcyx``.
        channel: which one is read along the axis C, from 0.
        labels: whether the values are ids, which are never shown as grey.
    """

    axes: str | None = None
    channel: int | None = None
    labels: bool = False


class Stack(ABC):
    """A file or folder of slices as it is stored: any depth of grey, or labels.

    Attributes:
        where: what error messages call it.
        shape: z, y, x.
        dtype: of the values that are read.
        resolution: size of a voxel in nm (z, y, x) where the file says so; z may be unknown.
        offset: position of its first voxel in nm (z, y, x) where the file says so.
        inverted: whether the lowest value is white.
        missing: positions within the shape for which there is no slice; reading one is an error.
        first: the number that the source gives to the slice at position 0.
        notes: what was decided about the file that its user has to know, in sentences.
    """

    where: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    resolution: Resolution | None = None
    offset: Nanometres | None = None
    inverted: bool = False
    missing: frozenset[int] = frozenset()
    first: int = 0
    notes: tuple[str, ...] = ()

    @abstractmethod
    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW, as stored: an inverted one is not turned."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


def checked_shape(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape of a volume as plain numbers.

    Raises:
        UserError: it has not three sides, is empty, or is beyond the limits.
    """
    if len(shape) != 3:
        raise UserError(f"{where} has {len(shape)} dimensions; a volume has three (z, y, x).")
    z, y, x = (int(side) for side in shape)
    if min(z, y, x) < 1:
        raise UserError(f"{where} is empty ({z} x {y} x {x}); give a volume with slices.")
    if y * x > MAX_SLICE_PIXELS or z > MAX_SLICES:
        raise UserError(
            f"{where} says it has {z} slices of {y} x {x} pixels, beyond the limits of "
            f"{MAX_SLICES:,} slices and {MAX_SLICE_PIXELS:,} pixels; cut it into smaller volumes."
        )
    return z, y, x
