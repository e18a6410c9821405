"""Which kind of file or folder a source is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.base.errors import UserError
from bench.volumes.formats import n5, precomputed, zarr
from bench.volumes.formats.chunked import ChunkedArray, ChunkedStack
from bench.volumes.formats.dm import DmStack
from bench.volumes.formats.folder import FolderStack
from bench.volumes.formats.hdf5 import Hdf5Stack
from bench.volumes.formats.location import Location, is_address
from bench.volumes.formats.mrc import MrcStack
from bench.volumes.formats.nifti import NiftiStack
from bench.volumes.formats.nrrd import NrrdStack
from bench.volumes.formats.numpy_file import NpyStack, NpzStack
from bench.volumes.formats.stack import Asked, Stack
from bench.volumes.formats.tiff import TiffStack
from bench.volumes.formats.unreadable import reading

_WITH_PATH = re.compile(r"^(?P<file>.+\.(?:h5|hdf5?|npz)):(?P<inner>.+)$", re.IGNORECASE)
_Open = Callable[[Path, str, Asked], Stack]  # of a file, what is named in it, and what is asked
_FILES: Mapping[tuple[str, ...], _Open] = {
    (".h5", ".hdf", ".hdf5"): Hdf5Stack,
    (".tif", ".tiff"): lambda path, _, asked: TiffStack(path, asked),
    (".mrc", ".rec", ".st", ".ali", ".map"): lambda path, _, asked: MrcStack(path, asked),
    (".dm3", ".dm4"): lambda path, _, asked: DmStack(path, asked),
    (".nrrd",): lambda path, _, asked: NrrdStack(path, asked),
    (".nii", ".nii.gz"): lambda path, _, asked: NiftiStack(path, asked),
    (".npy",): lambda path, _, asked: NpyStack(path, asked),
    (".npz",): NpzStack,
}
_Find = Callable[[Location, Asked], ChunkedArray]
KINDS = (
    "HDF5 (.h5, .hdf), TIFF, MRC (.mrc, .rec, .st), DM3, DM4, NRRD, NIfTI (.nii, .nii.gz), NumPy "
    "(.npy, .npz), or a folder: Zarr, OME-Zarr, N5, neuroglancer precomputed, or PNG, TIFF, "
    "JPEG, BMP, DM3 or DM4 files"
)


def open_stack(source: str | Path, inner: str, asked: Asked | None = None) -> Stack:
    """Open a stack of slices: a file by what its name says it is, a folder by what is in it.

    Args:
        source: of any kind in ``KINDS``, ``FILE.h5:/path``, ``FILE.npz:/name``, or the address of a
            Zarr, N5 or precomputed volume (``http``, ``https``, ``s3`` or ``gs``).
        inner: dataset of an HDF5 file whose source names none.
        asked: what the file does not say of itself, and whether it holds labels.

    Raises:
        UserError: missing, of another kind, cut short, locked, in colour, of axes that are not
            clear, without the scale that is asked for, or beyond the size limits.
    """
    asked = asked or Asked()
    stack = _open(source, inner, asked)
    if asked.level and stack.scales == 1 and not asked.labels:
        stack.close()
        raise UserError(f"{stack.where} is stored in one scale; leave --level out.")
    return stack


def _open(source: str | Path, inner: str, asked: Asked) -> Stack:
    if is_address(source):
        place = Location.of(source)
        if (find := _finder(place)) is None:
            raise UserError(
                f"{place.root} holds no Zarr, N5 or neuroglancer precomputed volume that may be "
                "read; check the address, and fetch files of other kinds first."
            )
        return _chunked(place, find, asked)
    path, named = split_source(source)
    with reading(str(path)):
        there, is_folder = path.exists(), path.is_dir()
    if not there:
        raise UserError(f"There is no file or folder {path}; check the path.")
    if is_folder:
        place = Location.of(path)
        find = _finder(place)
        return FolderStack(path, asked) if find is None else _chunked(place, find, asked)
    for endings, opened in _FILES.items():
        if path.name.lower().endswith(endings):
            return opened(path, named or (inner if opened is Hdf5Stack else ""), asked)
    raise UserError(f"{path} is no volume; give {KINDS}.")


def _chunked(place: Location, find: _Find, asked: Asked) -> Stack:
    with reading(place.root):  # metadata may be of any shape
        found = find(place, asked)
    return ChunkedStack(found, asked)


def _finder(place: Location) -> _Find | None:
    """How a folder or address is read; None for a folder of pictures."""
    for module, find in ((zarr, zarr.find_zarr), (n5, n5.find_n5)):
        if any(place.read(name) is not None for name in module.FILES):
            return find
    if precomputed.is_precomputed(place):
        return precomputed.find_precomputed
    # Groups of N5 need no file of their own.
    is_n5 = any(part.lower().endswith(".n5") for part in place.root.split("/"))
    return n5.find_n5 if is_n5 else None


def split_source(source: str | Path) -> tuple[Path, str]:
    """The file of ``FILE.h5:/path`` and what is named in it; nothing for other sources."""
    named = _WITH_PATH.match(str(source))
    return (Path(named["file"]), named["inner"]) if named else (Path(source), "")
