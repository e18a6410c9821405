"""HDF5 files: named axes, units, and chunks that are deep in z."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import Layout, find_layout, letters_of
from bench.volumes.formats.laid_out import (
    LaidOutStack,
    check_chunks,
    chunk_of,
    depth_of_plain,
)
from bench.volumes.formats.stack import Asked, Nanometres
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import unit_of

_CACHE_BYTES = 2**27  # holds the chunks that one slice cuts


class Hdf5Stack(LaidOutStack):
    """A dataset of an HDF5 file with one stack of slices in it."""

    def __init__(self, path: Path, inner: str, asked: Asked | None = None) -> None:
        self.path, self.inner = path, inner.strip("/")
        self.where = f"{path}:/{self.inner}"
        with reading(str(path)):
            self._file = h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES, rdcc_nslots=10_007)
        try:
            with reading(str(path)):
                self._values = self._dataset()
                self.dtype = self._values.dtype
                layout = find_layout(
                    self.where, _axes_of(self._values), self._values.shape, asked or Asked()
                )
                self.lay_out(layout, _deep(self._values, layout))
                self.notes = layout.notes
                self.chunk = chunk_of(layout, self._values.chunks)
                self.compressed = self._values.compression is not None
                self.resolution = self._resolution()
                self.offset = self._triple("offset", self._unit())
        except BaseException:
            self.close()
            raise

    def holds(self, inner: str) -> bool:
        """Whether the same file has another dataset."""
        with reading(str(self.path)):
            return isinstance(self._file.get(inner), h5py.Dataset)

    @property
    def attributes(self) -> dict[str, Any]:
        """What is written beside the values."""
        with reading(self.where):
            return dict(self._values.attrs)

    def _dataset(self) -> Any:
        found = self._file.get(self.inner)
        if not isinstance(found, h5py.Dataset):
            known = ", ".join(_volumes_inside(self._file)) or "none"
            raise UserError(
                f"{self.path} has no dataset '{self.inner}'; name one as FILE.h5:/path "
                f"(volumes: {known})."
            )
        # Such a dataset reads whatever file it names, not the one the user gave.
        if found.file.filename != self._file.filename or found.external or found.is_virtual:
            raise UserError(f"{self.where} only points to other files; name those files instead.")
        if found.shape is None:  # HDF5's null dataspace
            raise UserError(f"{self.where} is empty; give a volume with slices.")
        check_chunks(self.where, found.chunks or (), found.dtype.itemsize)
        self._check_filters(found)
        return found

    def _check_filters(self, values: Any) -> None:
        """HDF5's own error does not name the filter that it lacks."""
        stored = values.id.get_create_plist()
        for place in range(stored.get_nfilters()):
            number, _, _, name = stored.get_filter(place)
            if not h5py.h5z.filter_avail(number):
                raise UserError(
                    f"{self.where} is compressed with the HDF5 filter '{_text(name) or number}', "
                    "which is not installed; say where it is in HDF5_PLUGIN_PATH, or store the "
                    "file anew with gzip (`h5repack -f GZIP=1`)."
                )

    def _resolution(self) -> Nanometres | None:
        """The size of a voxel: ``resolution`` in nm or its unit, or ``element_size_um``."""
        found = self._triple("resolution", self._unit()) or self._triple("element_size_um", 1e3)
        if found is not None and min(found) <= 0:
            raise UserError(
                f"The voxel size that {self.where} says is {found}; write it anew in nm (z, y, x)."
            )
        return found

    def _unit(self) -> float:
        given = {
            name: [_text(each) for each in np.asarray(self._values.attrs.get(name, ())).ravel()]
            for name in ("unit", "units")
        }
        return unit_of(self.where, given)

    def _triple(self, name: str, unit: float) -> Nanometres | None:
        """An attribute with a number for each axis, in the order in which they are stored."""
        value = np.asarray(self._values.attrs.get(name, ()), dtype=object).ravel()
        three = self._layout.spatial(value.tolist())
        if three is None:
            return None
        try:
            numbers = [float(part) for part in three]
        except (TypeError, ValueError) as error:
            raise UserError(
                f"The attribute '{name}' of {self.where} is {value.tolist()}, not three numbers; "
                "write it anew in nm (z, y, x)."
            ) from error
        if not np.isfinite(numbers).all():
            raise UserError(
                f"The attribute '{name}' of {self.where} is {tuple(numbers)}; write it anew in nm "
                "(z, y, x)."
            )
        z, y, x = (number * unit for number in numbers)
        return z, y, x

    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""
        return layout.arranged(np.asarray(self._values[layout.index(first, last)]))

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


def _deep(values: Any, layout: Layout) -> int:
    """How many slices have to be read for one."""
    if values.chunks and layout.z is not None:
        return int(values.chunks[layout.z])
    return depth_of_plain(layout, values.shape)


def _axes_of(values: Any) -> str:
    """A letter for each axis: of dimension labels, of ``axistags`` (vigra, ilastik), or none."""
    # Not values.dims, which ends the whole process where the file is damaged.
    stored = np.asarray(values.attrs.get("DIMENSION_LABELS", ()), dtype=object).ravel()
    labels = [_text(label).strip() for label in stored]
    tags = values.attrs.get("axistags")
    if not (labels and all(labels)) and tags is not None:
        try:
            labels = [str(axis["key"]) for axis in json.loads(_text(tags))["axes"]]
        except (ValueError, TypeError, LookupError):
            labels = []
    return letters_of(labels, int(values.ndim))


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _volumes_inside(file: h5py.File) -> list[str]:
    found: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim >= 3:
            found.append(f"/{name}")

    file.visititems(note)
    return found
