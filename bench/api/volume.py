"""A volume as a sequence of slices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.api.given_options import OF_ALL, OF_EACH, check_known, given_of, of_one
from bench.base.closing import Closing
from bench.volumes.formats.stack import Resolution
from bench.volumes.stack_volume import StackVolume
from segmentation.labels import UNLABELLED


class Volume(Closing):
    """A volume: slices of 8-bit grey, each read when it is asked for.

    It is a context manager; ``close`` lets go of the files.

    Attributes:
        name: the stem of its file.
        shape: z, y, x.
        voxel_size: in nm (z, y, x), each None where the file does not say it; None for all three.
        first: the number that the source gives to the slice at position 0.
        missing: positions of slices that are not there.
        notes: what was decided about the files that a user has to know, in sentences.
        unlabelled: what labels say of a pixel for which there are none.
    """

    unlabelled = UNLABELLED

    def __init__(self, opened: StackVolume) -> None:
        self._opened = opened
        self.name: str = opened.name
        self.shape: tuple[int, int, int] = opened.shape
        self.voxel_size: Resolution | None = opened.voxel_size
        self.first: int = opened.first
        self.missing: frozenset[int] = opened.missing
        self.notes: tuple[str, ...] = opened.notes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, z: int | slice) -> NDArray[np.uint8]:
        """A slice at a position from 0 (uint8 HW), or those of a range of positions (ZHW).

        Raises:
            IndexError: there is no such position.
            UserError: the slice is missing or cannot be read.
        """
        chosen = range(len(self))[z]
        if isinstance(chosen, int):
            return self._opened.slice(chosen)
        slices = [self._opened.slice(each) for each in chosen]
        return np.stack(slices) if slices else np.empty((0, *self.shape[1:]), np.uint8)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return map(self._opened.slice, range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("A volume is read from its file, which is always a copy.")
        return np.asarray(self[:], dtype)

    def labels(self, z: int) -> NDArray[np.uint64] | None:
        """The labels at a position (uint64 HW), ``unlabelled`` where there are none for a pixel.

        Returns:
            None where the volume was opened without labels.

        Raises:
            UserError: the slice cannot be read, or a value is no label.
        """
        return self._opened.labels(range(len(self))[z])

    def close(self) -> None:
        """Let go of the files."""
        self._opened.close()


def open_volume(source: str | Path, **options: Any) -> Volume:
    """Open a volume of any format that the commands read.

    Args:
        source: HDF5, TIFF, MRC, DM3, DM4, NRRD, NIfTI or NumPy file; a folder of pictures; a Zarr,
            N5 or precomputed volume on the disk or at an address.
        options: as ``bench data build`` has them: ``labels`` and ``mask`` (files), ``missing``
            (numbers of slices that are not there, whatever the file holds: ``[105, 111]`` or
            ``"105,111-112"``), ``grey_range`` (``"auto"``, or the two values that become 0 and
            255), ``region`` (``"0:100,:,1um:3um"``), ``level``, ``axes``, ``channel``.

    Raises:
        UserError: the volume cannot be read, or an option is not valid.

    Examples:
        >>> from bench.api import open_volume
        >>> with open_volume("stack.tif") as volume:
        ...     volume.shape, volume.voxel_size, volume[20].dtype
        ((30, 136, 136), (30.0, 6.0, 6.0), dtype('uint8'))
    """
    check_known("open_volume", options, (*OF_EACH, *OF_ALL))
    [opened] = given_of([source], of_one(options)).open()
    return Volume(opened)
