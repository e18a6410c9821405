"""HDF5: one dataset, where the source has it, with the attributes that it has there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from bench.base.hdf5_sink import hdf5_sink
from bench.volumes.formats.hdf5 import Hdf5Stack
from bench.volumes.formats.unreadable import reading
from bench.volumes.writing.content import MARK, Content, as_line

_INNER = "volumes/raw"
_ENDINGS = (".h5", ".hdf5")
# Of the order, the size or the place of axes, which are said anew; and links to other datasets.
_SAID_ANEW = {
    "resolution", "offset", "unit", "units", "element_size_um", "axistags", "DIMENSION_LABELS",
    "DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", MARK,
}  # fmt: skip


def write_hdf5(part: Path, content: Content) -> None:
    """Write an HDF5 file; its dataset is compressed with gzip where that of the source is."""
    source = content.source
    inner, kept = _INNER, dict[str, Any]()
    if isinstance(source, Hdf5Stack):
        inner, kept = source.inner, source.attributes
    with hdf5_sink(part) as (file, check):
        values = file.create_dataset(
            content.inner or inner,
            shape=content.stack.shape,
            dtype=content.dtype,
            chunks=content.chunk,
            compression="gzip" if source.compressed else None,
            track_times=False,
        )
        _describe(values, content, kept)
        for box, block in content.blocks():
            values[box] = block
            check()


def marked_source(path: Path) -> str:
    """A volume that was written, as ``open_stack`` takes it: of HDF5 with the marked dataset.

    Args:
        path: of the volume, whatever kind it is of.

    Raises:
        UserError: it is no HDF5 file, though its name says so, or cannot be read.
    """
    if not path.name.lower().endswith(_ENDINGS):
        return str(path)
    with reading(str(path)), h5py.File(path, "r") as file:
        inner = file.visititems(_if_marked)
    return f"{path}:/{inner}" if inner else str(path)


def _if_marked(name: str, item: h5py.Dataset | h5py.Group) -> str | None:
    """What ends a visit."""
    return name if isinstance(item, h5py.Dataset) and MARK in item.attrs else None


def _describe(values: h5py.Dataset, content: Content, kept: dict[str, Any]) -> None:
    for name in sorted(kept.keys() - _SAID_ANEW):
        values.attrs[name] = kept[name]
    for axis, letter in enumerate("zyx"):
        values.dims[axis].label = letter
    for name, three in (("resolution", content.voxel_size), ("offset", content.offset)):
        if three is not None:
            values.attrs[name] = three
    if content.marks:
        values.attrs[MARK] = as_line(content.marks)
