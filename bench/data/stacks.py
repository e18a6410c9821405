"""Stacks of slices on disk, read one slice at a time, whatever the file says of its size."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import tifffile
from numpy.typing import NDArray

from bench.errors import UserError

MAX_SLICE_PIXELS = 2**27  # 11,585 x 11,585; about 1 GB of scratch memory in the alignment
MAX_SLICES = 100_000
_MAX_CHUNK_BYTES = 2**28
_HDF5_CACHE_BYTES = 2**27  # holds one layer of chunks, so that none is decompressed twice
_HDF5_WITH_PATH = re.compile(r"^(?P<file>.+\.(?:h5|hdf5?)):(?P<inner>.+)$", re.IGNORECASE)
_HDF5, _TIFF, _PNG = {".h5", ".hdf", ".hdf5"}, {".tif", ".tiff"}, {".png"}

Nanometres = tuple[float, float, float]


class Stack(Protocol):
    """A file or folder of slices as it is stored: any depth of grey, or labels.

    Attributes:
        where: what error messages call it.
        shape: z, y, x.
        dtype: of the stored values.
        resolution: size of a voxel in nm (z, y, x) where the file says so.
        offset: position of its first voxel in nm (z, y, x) where the file says so.
        missing: positions within the shape for which there is no slice; reading one is an error.
        first: the number that the source gives to the slice at position 0.
        notes: what was decided about the file that its user has to know, in sentences.
    """

    where: str
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    resolution: Nanometres | None
    offset: Nanometres | None
    missing: frozenset[int]
    first: int
    notes: tuple[str, ...]

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW, as stored."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class ArrayStack:
    """A stack in memory."""

    resolution: Nanometres | None = None
    offset: Nanometres | None = None
    missing: frozenset[int] = frozenset()
    first = 0
    notes: tuple[str, ...] = ()

    def __init__(self, where: str, values: NDArray[Any]) -> None:
        self.where = where
        self.shape = _checked_shape(where, values.shape)
        self.dtype = values.dtype
        self._values = values

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        return np.asarray(self._values[z])

    def close(self) -> None:
        """Nothing to let go of."""


class Hdf5Stack:
    """A 3-D dataset of an HDF5 file."""

    missing: frozenset[int] = frozenset()
    first = 0
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, inner: str) -> None:
        self.path, self.inner = path, inner.strip("/")
        self.where = f"{path}:/{self.inner}"
        with reading(str(path)):
            self._file = h5py.File(path, "r", rdcc_nbytes=_HDF5_CACHE_BYTES, rdcc_nslots=10_007)
        try:
            with reading(str(path)):
                self._values = self._dataset()
                self.dtype = self._values.dtype
                self.resolution = self._triple("resolution")
                self.offset = self._triple("offset")
        except BaseException:
            self.close()
            raise

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
                f"(3-D datasets: {known})."
            )
        # Such a dataset reads whatever file it names, not the one the user gave.
        if found.file.filename != self._file.filename or found.external or found.is_virtual:
            raise UserError(f"{self.where} only points to other files; name those files instead.")
        self.shape = _checked_shape(self.where, found.shape)
        if found.chunks and int(np.prod(found.chunks)) * found.dtype.itemsize > _MAX_CHUNK_BYTES:
            raise UserError(
                f"{self.where} is stored in chunks of {found.chunks}, too large to read slice by "
                "slice; store it again in smaller chunks."
            )
        return found

    def _triple(self, name: str) -> Nanometres | None:
        value = np.asarray(self._values.attrs.get(name, ()), dtype=object).ravel()
        if len(value) != 3:
            return None
        try:
            z, y, x = (float(part) for part in value)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"The attribute '{name}' of {self.where} is {value.tolist()}, not three numbers; "
                "write it anew in nm (z, y, x)."
            ) from error
        if not np.isfinite([z, y, x]).all() or (name == "resolution" and min(z, y, x) <= 0):
            raise UserError(
                f"The attribute '{name}' of {self.where} is {(z, y, x)}; write it anew in nm "
                "(z, y, x)."
            )
        return z, y, x

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        with reading(self.where):
            return np.asarray(self._values[z])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TiffStack:
    """The pages of one TIFF file."""

    resolution: Nanometres | None = None
    offset: Nanometres | None = None
    missing: frozenset[int] = frozenset()
    first = 0
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._block: NDArray[Any] | None = None
        try:
            with reading(self.where), _tiff_complaints(self.where):
                self._file = tifffile.TiffFile(path)
            self._look(path)
        except BaseException:
            if hasattr(self, "_file"):  # a complaint comes after the file was opened
                self.close()
            raise

    def _look(self, path: Path) -> None:
        with reading(self.where), _tiff_complaints(self.where):
            self._pages = self._file.pages
            page, depth = self._pages.first, len(self._pages)
            _refuse_colour(self.where, page.samplesperpixel != 1 or len(page.shape) != 2)
            # ImageJ writes stacks of more than 4 GB as one page and a plain block of pixels.
            if depth == 1 and len(self._file.series[0].shape) == 3:
                self._block = tifffile.memmap(path, mode="r")
                depth = len(self._block)
        self.shape = _checked_shape(self.where, (depth, *page.shape))
        self.dtype = np.dtype(page.dtype)

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        if self._block is not None:
            return np.array(self._block[z])
        with reading(self.where), _tiff_complaints(self.where):
            page = self._pages[z]
            if tuple(page.shape) != self.shape[1:] or page.dtype != self.dtype:
                raise UserError(f"Page {z} of {self.where} is not like page 0 in size or depth.")
            return np.asarray(page.asarray())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class FolderStack:
    """A folder of PNG or TIFF files, one slice each, in natural order (2 before 10)."""

    resolution: Nanometres | None = None
    offset: Nanometres | None = None
    missing: frozenset[int] = frozenset()
    first = 0
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        with reading(self.where):
            files = [file for file in path.iterdir() if not file.name.startswith(".")]
        kinds = [[f for f in files if f.suffix.lower() in kind] for kind in (_TIFF, _PNG)]
        if all(kinds):
            raise UserError(f"{path} mixes PNG and TIFF files; keep one kind in the folder.")
        self._files = sorted(kinds[0] or kinds[1], key=_natural)
        if not self._files:
            raise UserError(f"{path} holds no PNG or TIFF file; give the folder of the slices.")
        first = self._load(self._files[0])
        self.shape = _checked_shape(self.where, (len(self._files), *first.shape))
        self.dtype = first.dtype

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        values = self._load(self._files[z])
        if values.shape != self.shape[1:] or values.dtype != self.dtype:
            raise UserError(f"{self._files[z]} is not like {self._files[0].name} in size or depth.")
        return values

    def _load(self, file: Path) -> NDArray[Any]:
        if file.suffix.lower() in _PNG:
            return _read_png(file)
        stack = TiffStack(file)
        try:
            if stack.shape[0] != 1:
                raise UserError(
                    f"{file} has {stack.shape[0]} pages; a folder holds one slice each."
                )
            return stack.read(0)
        finally:
            stack.close()

    def close(self) -> None:
        """Nothing is held open."""


def open_stack(source: str | Path, inner: str) -> Stack:
    """Open a stack of slices by what its name says it is.

    Args:
        source: HDF5 file, ``FILE.h5:/path``, multi-page TIFF, or folder of PNG or TIFF files.
        inner: dataset of an HDF5 file whose source names none.

    Raises:
        UserError: missing, of another kind, cut short, in colour, or beyond the size limits.
    """
    path, named = split_source(source)
    if not path.exists():
        raise UserError(f"There is no file or folder {path}; check the path.")
    if path.is_dir():
        return FolderStack(path)
    if path.suffix.lower() in _HDF5:
        return Hdf5Stack(path, named or inner)
    if path.suffix.lower() in _TIFF:
        return TiffStack(path)
    raise UserError(
        f"{path} is no volume; give an HDF5 file (.h5, .hdf), a multi-page TIFF, or a folder of "
        "PNG or TIFF files."
    )


def split_source(source: str | Path) -> tuple[Path, str]:
    """The file of ``FILE.h5:/path`` and the dataset in it; no dataset for other sources."""
    named = _HDF5_WITH_PATH.match(str(source))
    return (Path(named["file"]), named["inner"]) if named else (Path(source), "")


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Say of any failure to read which file it was."""
    try:
        yield
    except UserError:
        raise
    # What a damaged file raises is up to the decoder that meets it.
    except Exception as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"{where} cannot be read ({first_line}); it may be cut short or damaged: get it anew."
        ) from error


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def _tiff_complaints(where: str) -> Iterator[None]:
    # tifffile reads the pages it finds of a truncated file and only logs that some are missing.
    logger, listener = logging.getLogger("tifffile"), _Listener()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagate
    if listener.messages:
        complaint = listener.messages[0].split("> ")[-1]  # without the name of the reader
        raise UserError(f"{where} is cut short or damaged ({complaint}); get it anew.")


def _read_png(file: Path) -> NDArray[Any]:
    from PIL import Image

    with reading(str(file)), warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our limit is below
        with Image.open(file) as image:
            _refuse_colour(str(file), image.mode not in ("1", "L", "I", "I;16", "F"))
            _checked_shape(str(file), (1, image.height, image.width))
            return np.asarray(image)


def _refuse_colour(where: str, colour: bool) -> None:
    if colour:
        raise UserError(f"{where} is in colour; convert it to a grey image of one channel.")


def _checked_shape(where: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
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


def _natural(file: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", file.name)
    return [(int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts]


def _volumes_inside(file: h5py.File) -> list[str]:
    found: list[str] = []

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 3:
            found.append(f"/{name}")

    file.visititems(note)
    return found
