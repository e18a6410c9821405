"""HDF5 files: named axes, units, and chunks that are deep in z."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import NAMELESS, Layout, find_layout
from bench.volumes.formats.stack import MAX_BYTES_HELD, Asked, Nanometres, Stack
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import nanometres

_MAX_CHUNK_BYTES = 2**28
_CACHE_BYTES = 2**27  # holds the chunks that one slice cuts
_AXIS_WORDS = {"DEPTH": "Z", "HEIGHT": "Y", "WIDTH": "X", "CHANNEL": "C", "TIME": "T"}


class Hdf5Stack(Stack):
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
                self._layout = find_layout(
                    self.where, _axes_of(self._values), self._values.shape, asked or Asked()
                )
                self.shape, self.notes = self._layout.shape, self._layout.notes
                self.resolution = self._resolution()
                self.offset = self._triple("offset", self._unit())
        except BaseException:
            self.close()
            raise
        self._depth = _depth_held(self._values, self._layout)
        self._held: tuple[int, NDArray[Any]] | None = None

    def holds(self, inner: str) -> bool:
        """Whether the same file has another dataset."""
        with reading(str(self.path)):
            return isinstance(self._file.get(inner), h5py.Dataset)

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
        if found.chunks and int(np.prod(found.chunks)) * found.dtype.itemsize > _MAX_CHUNK_BYTES:
            raise UserError(
                f"{self.where} is stored in chunks of {found.chunks}, too large to read slice by "
                "slice; store it again in smaller chunks."
            )
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
        for name in ("unit", "units"):
            given = np.asarray(self._values.attrs.get(name, ())).ravel()
            words = {_text(each) for each in given}
            if not words:
                continue
            factor = nanometres(words.pop()) if len(words) == 1 else None
            if factor is None:
                raise UserError(
                    f"The attribute '{name}' of {self.where} is {given.tolist()}, not one unit of "
                    "length; write nm or um."
                )
            return factor
        return 1.0

    def _triple(self, name: str, unit: float) -> Nanometres | None:
        """An attribute with a number for each axis, in the order in which they are stored."""
        value = np.asarray(self._values.attrs.get(name, ()), dtype=object).ravel()
        stored = [
            axis for axis in (self._layout.z, self._layout.y, self._layout.x) if axis is not None
        ]
        if len(value) == self._layout.dimensions:
            value = value[sorted(stored)]
        if len(value) != 3 or len(stored) != 3:
            return None
        try:
            numbers = [float(part) for part in value]
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
        z, y, x = (numbers[sorted(stored).index(axis)] * unit for axis in stored)
        return z, y, x

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        if self._depth == 1:
            return np.asarray(self._take(z, z + 1)[0])
        first = z - z % self._depth
        if self._held is None or self._held[0] != first:
            self._held = None  # never two layers at a time
            self._held = first, self._take(first, min(first + self._depth, self.shape[0]))
        return np.array(self._held[1][z - first])

    def _take(self, first: int, last: int) -> NDArray[Any]:
        with reading(self.where):
            return self._layout.arranged(np.asarray(self._values[self._layout.index(first, last)]))

    def close(self) -> None:
        """Close the file."""
        self._held = None
        self._file.close()


def _depth_held(values: Any, layout: Layout) -> int:
    """How many slices are read at once, so that no chunk is decompressed twice.

    A whole layer of chunks where it takes at most ``MAX_BYTES_HELD``, and otherwise the largest
    part of it that does: then a chunk is decompressed once for each part.
    """
    if layout.z is None:
        return 1
    if values.chunks:
        deep = int(values.chunks[layout.z])
    else:  # without chunks, slices lie in one piece only along the first axis
        before = [side for side in values.shape[: layout.z] if side > 1]
        deep = layout.shape[0] if before else 1
    bytes_of_slice = layout.shape[1] * layout.shape[2] * values.dtype.itemsize
    return max(1, min(deep, MAX_BYTES_HELD // int(bytes_of_slice)))


def _axes_of(values: Any) -> str:
    """A letter for each axis: of dimension labels, of ``axistags`` (vigra, ilastik), or none."""
    # Not values.dims, which ends the whole process where the file is damaged.
    stored = np.asarray(values.attrs.get("DIMENSION_LABELS", ()), dtype=object).ravel()
    labels = [_text(label).strip().upper() for label in stored]
    tags = values.attrs.get("axistags")
    if not (labels and all(labels)) and tags is not None:
        try:
            labels = [str(axis["key"]).upper() for axis in json.loads(_text(tags))["axes"]]
        except (ValueError, TypeError, LookupError):
            labels = []
    letters = [_AXIS_WORDS.get(label, label) for label in labels]
    # A channel beside y and x is never taken for the samples of a pixel.
    if len(letters) == values.ndim and all(
        len(letter) == 1 and letter != "S" for letter in letters
    ):
        return "".join(letters)
    return NAMELESS * int(values.ndim)


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _volumes_inside(file: h5py.File) -> list[str]:
    found: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim >= 3:
            found.append(f"/{name}")

    file.visititems(note)
    return found
