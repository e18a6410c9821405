"""NIfTI files (.nii and .nii.gz), of version 1 and 2."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.array_file import ArrayFileStack, check_held
from bench.volumes.formats.axes import Layout
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import nanometres, rounded, unitless

_AXES = "XYZTC??"  # in the order in which the format has them


class NiftiStack(ArrayFileStack):
    """One stack of slices in a NIfTI file; mapped into memory where it is not compressed.

    Slices are those of the third stored axis, whatever orientation the header gives them.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        import nibabel

        with reading(str(path)):
            image: Any = nibabel.load(path)
            if not isinstance(image, nibabel.Nifti1Image):
                raise UserError(f"{path} is no NIfTI file; give a .nii or .nii.gz.")
            stored: Any = image.dataobj
            header = image.header
            if path.suffix.lower() == ".gz":
                check_held(str(path), math.prod(stored.shape) * stored.dtype.itemsize)
            values = stored.get_unscaled()
            self._slope, self._inter = float(stored.slope), float(stored.inter)
            size, self.notes = _size(str(path), header)
            self.open_array(str(path), values, _AXES[: values.ndim], asked, size)
        if self._is_scaled:
            self.dtype = np.dtype(np.float64)

    @property
    def _is_scaled(self) -> bool:
        return (self._slope, self._inter) != (1.0, 0.0)

    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""
        values = super().take(layout, first, last)
        return values * self._slope + self._inter if self._is_scaled else values


def _size(where: str, header: Any) -> tuple[list[float] | None, tuple[str, ...]]:
    """Of a voxel in nm along x, y and z, and what is to be said where it has no unit."""
    sides = [float(side) for side in header.get_zooms()[:3]]
    if len(sides) != 3 or not all(0 < side < math.inf for side in sides):
        return None, ()
    unit = nanometres(str(header.get_xyzt_units()[0]))
    if unit is None:
        return None, () if set(sides) == {1.0} else (unitless(where, sides),)
    return [rounded(side * unit) for side in sides], ()
