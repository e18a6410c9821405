"""HDF5: one dataset, where the source has it, with the attributes that it has there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from bench.base.hdf5_sink import hdf5_sink
from bench.volumes.formats.hdf5 import Hdf5Stack
from bench.volumes.writing.content import MARK, Content, as_line

_INNER = "volumes/raw"
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
