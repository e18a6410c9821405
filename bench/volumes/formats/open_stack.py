"""Which kind of file or folder a source is."""

from __future__ import annotations

import re
from pathlib import Path

from bench.base.errors import UserError
from bench.volumes.formats.folder import FolderStack
from bench.volumes.formats.hdf5 import Hdf5Stack
from bench.volumes.formats.stack import Asked, Stack
from bench.volumes.formats.tiff import TiffStack
from bench.volumes.formats.unreadable import reading

_HDF5_WITH_PATH = re.compile(r"^(?P<file>.+\.(?:h5|hdf5?)):(?P<inner>.+)$", re.IGNORECASE)
_HDF5, _TIFF = {".h5", ".hdf", ".hdf5"}, {".tif", ".tiff"}


def open_stack(source: str | Path, inner: str, asked: Asked | None = None) -> Stack:
    """Open a stack of slices by what its name says it is.

    Args:
        source: HDF5 file, ``FILE.h5:/path``, TIFF, or folder of PNG, TIFF, JPEG or BMP files.
        inner: dataset of an HDF5 file whose source names none.
        asked: what the file does not say of itself, and whether it holds labels.

    Raises:
        UserError: missing, of another kind, cut short, locked, in colour, of axes that are not
            clear, or beyond the size limits.
    """
    path, named = split_source(source)
    with reading(str(path)):
        there, is_folder = path.exists(), path.is_dir()
    if not there:
        raise UserError(f"There is no file or folder {path}; check the path.")
    if is_folder:
        return FolderStack(path, asked)
    if path.suffix.lower() in _HDF5:
        return Hdf5Stack(path, named or inner, asked)
    if path.suffix.lower() in _TIFF:
        return TiffStack(path, asked)
    raise UserError(
        f"{path} is no volume; give an HDF5 file (.h5, .hdf), a TIFF, or a folder of PNG, TIFF, "
        "JPEG or BMP files."
    )


def split_source(source: str | Path) -> tuple[Path, str]:
    """The file of ``FILE.h5:/path`` and the dataset in it; no dataset for other sources."""
    named = _HDF5_WITH_PATH.match(str(source))
    return (Path(named["file"]), named["inner"]) if named else (Path(source), "")
