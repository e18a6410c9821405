"""Write a whole volume, of which some slices or places were filled."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.base.errors import UserError
from bench.base.files import refuse_existing
from bench.base.progress import Progress, silent
from bench.volumes.formats.location import is_address
from bench.volumes.formats.open_stack import split_source
from bench.volumes.formats.stack import MAX_SLICE_PIXELS, Resolution, Stack
from bench.volumes.writing.chunked import (
    write_n5,
    write_ome_zarr,
    write_precomputed,
    write_zarr,
)
from bench.volumes.writing.content import Content, Notes
from bench.volumes.writing.filled_stack import Filled, FilledStack
from bench.volumes.writing.hdf5 import write_hdf5
from bench.volumes.writing.pictures import write_pictures
from bench.volumes.writing.source_apart import refuse_source
from bench.volumes.writing.tiff import write_ome_tiff, write_tiff
from bench.volumes.writing.whole import whole

_PRECOMPUTED = "precomputed://"


@dataclass(frozen=True)
class _Kind:
    """One that can be written.

    Attributes:
        write: writes a content under a path.
        without: types of values that it does not have.
        in_slices: whether a slice is written whole.
        keeps_polarity: whether it says that the lowest value is white.
    """

    write: Callable[[Path, Content], None]
    without: tuple[str, ...] = ()
    in_slices: bool = False
    keeps_polarity: bool = False


_TIFF = _Kind(write_tiff, in_slices=True, keeps_polarity=True)
_PICTURES = _Kind(write_pictures, in_slices=True, keeps_polarity=True)
_OME_TIFF = replace(_TIFF, write=write_ome_tiff, without=("int64", "uint64", "float16"))
_NEUROGLANCER = _Kind(write_precomputed, without=("int64", "float16", "float64"))
_KINDS: Mapping[str, _Kind] = {
    ".ome.zarr": _Kind(write_ome_zarr),
    ".zarr": _Kind(write_zarr),
    ".n5": _Kind(write_n5, without=("float16",)),
    ".precomputed": _NEUROGLANCER,
    ".ome.tif": _OME_TIFF,
    ".ome.tiff": _OME_TIFF,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".h5": _Kind(write_hdf5),
    ".hdf5": _Kind(write_hdf5),
}
ENDINGS = f"{', '.join(_KINDS)}, or a name that ends in / for a folder of pictures"


@dataclass(frozen=True)
class _Target:
    """Where something is written, and how."""

    path: Path
    inner: str
    name: str
    kind: _Kind


def check_target(target: str | Path, source: Stack, voxel_size: Resolution | None) -> None:
    """Refuse a target before hours of work go there.

    Args:
        target: as ``write_volume`` takes it.
        source: that is to be written.
        voxel_size: in nm (z, y, x), where it is known.

    Raises:
        UserError: it is there already, is the source, lies in it, holds it or is on a server, is of
            no kind that is written, or of one that does not hold such values.
    """
    there = _target_of(target)
    refuse_source(there.path, source.where)
    refuse_existing(there.path)
    kind, dtype = there.kind, source.dtype
    if dtype.name in kind.without:
        raise UserError(
            f"{source.where} holds {dtype.name} values, which {there.path.name} cannot; give "
            "another ending, such as .ome.zarr."
        )
    if source.inverted and not kind.keeps_polarity and dtype.kind == "f":
        raise UserError(
            f"{source.where} is inverted, which only TIFF says of {dtype.name} values; give a name "
            "that ends in .tif."
        )
    if kind.in_slices and source.shape[1] * source.shape[2] > MAX_SLICE_PIXELS:
        raise UserError(
            f"The slices of {source.where} have {source.shape[1]} x {source.shape[2]} pixels, too "
            "many for a file that is read slice by slice; give another ending, such as .ome.zarr."
        )
    if kind is _NEUROGLANCER and (voxel_size is None or voxel_size[0] is None):
        raise UserError(
            f"{source.where} does not say its voxel size, which a neuroglancer precomputed volume "
            "has to; give another ending, such as .ome.zarr."
        )


def write_volume(
    target: str | Path,
    source: Stack,
    filled: Mapping[int, Filled],
    notes: Notes,
    tick: Progress = silent,
) -> None:
    """Write a stack, with what was filled in it; all else bit for bit as it is stored.

    The same input gives the same bytes. A target that stores no polarity gets the integers of an
    inverted source with black and white exchanged. A slice that is missing and not filled is 0,
    and in a folder of pictures still missing.

    Args:
        target: a path whose ending is one of ``ENDINGS``; ``FILE.h5:/path`` names a dataset, and
            ``precomputed://`` may stand before a folder of any name.
        source: as it is stored.
        filled: what was filled, by the position of the slice in the source.
        notes: beside the values.
        tick: called as the work moves on.

    Raises:
        UserError: ``check_target`` refuses it, another process writes it, the source cannot be
            read, or the disk is full or closed.
    """
    check_target(target, source, notes.voxel_size)
    there = _target_of(target)
    stack = FilledStack(source, filled)
    polarity = there.kind.keeps_polarity
    content = Content(there.name, there.inner, source, stack, notes, polarity, tick)
    with whole(there.path) as part:
        there.kind.write(part, content)


def _target_of(target: str | Path) -> _Target:
    text = str(target)
    if is_address(text):
        raise UserError(f"{text} is on a server; write to a folder of this machine, and copy it.")
    if text.startswith(_PRECOMPUTED):
        path = Path(text.removeprefix(_PRECOMPUTED))
        return _Target(path, "", path.name, _NEUROGLANCER)
    path, inner = split_source(text)
    if text.endswith(("/", os.sep)) or not path.suffix:
        return _Target(path, "", path.name, _PICTURES)
    for ending, kind in _KINDS.items():
        if path.name.lower().endswith(ending):
            return _Target(path, inner, path.name[: -len(ending)], kind)
    raise UserError(f"{text} ends in {path.suffix}, which is not written; give {ENDINGS}.")
