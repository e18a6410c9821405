"""Which pages of a TIFF file are the stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.unreadable import tiff_complaints

_COUNTED = ("imagej", "shaped")  # series whose pages are counted by a description


@dataclass(frozen=True)
class Series:
    """The pages of a TIFF file that make one array.

    Attributes:
        where: what error messages call the file.
        axes: a letter for each axis, as tifffile has them.
        shape: of the array.
        dtype: of its values.
        page: the first page, which says how all are stored.
        offset: where the array begins in the file, if it is one plain block with a single page.
        notes: what was decided that the user has to know.
    """

    where: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    page: Any
    offset: int | None
    notes: tuple[str, ...]
    _series: Any = field(repr=False)

    @property
    def lead(self) -> int:
        """How many of the axes count pages; the others lie within a page."""
        pages = math.prod(self.shape) // math.prod(self.page.shape)
        counts = [math.prod(self.shape[:axes]) for axes in range(len(self.shape) + 1)]
        return counts.index(pages)

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """With the byte order of the file."""
        return self.dtype.newbyteorder(self.page.parent.byteorder)

    def read_page(self, places: Sequence[int], z: int) -> NDArray[Any]:
        """The page at a place on each of the leading axes, which belongs to slice z."""
        number = int(np.ravel_multi_index(tuple(places), self.shape[: self.lead])) if places else 0
        page = self._series.pages[number]
        if page is None:
            raise UserError(f"{self.where} has no page for slice {z}; write it anew.")
        page = page.aspage()  # as its own tags have it, and not those of the first
        if tuple(page.shape) != tuple(self.page.shape) or page.dtype != self.dtype:
            raise UserError(f"Page {z} of {self.where} is not like page 0 in size or depth.")
        if page.photometric != self.page.photometric:
            raise UserError(
                f"Page {z} of {self.where} is not like page 0: black and white, or colours, are "
                "meant otherwise."
            )
        return np.asarray(page.asarray())

    def read_all(self) -> NDArray[Any]:
        """The whole array."""
        return np.asarray(self._series.asarray()).reshape(self.shape)


def find_series(path: Path, where: str, *, alone: bool) -> tuple[tifffile.TiffFile, Series]:
    """Open a TIFF file and find the largest array in it.

    Args:
        path: of the file.
        where: what error messages call it.
        alone: whether other files that it names are left aside.

    Raises:
        UserError: it holds no picture, or other pages lie between those of the stack.
    """
    flags: dict[str, Any] = {"is_ome": False, "is_mmstack": False} if alone else {}
    file = tifffile.TiffFile(path, **flags)
    try:
        with tiff_complaints(where):  # tifffile looks for series forever where pages go in circles
            len(file.pages)
        if file.series and _is_miscounted(file):
            file.close()
            flags |= {f"is_{kind}": False for kind in _COUNTED}
            file = tifffile.TiffFile(path, **flags)
        if not file.series:
            raise UserError(f"{where} holds no picture; give another file.")
        return file, _largest(file, where)
    except BaseException:
        file.close()
        raise


def _is_miscounted(file: tifffile.TiffFile) -> bool:
    """Whether a description left by another program does not count the pages that are there."""
    largest = max(file.series, key=lambda each: each.size)
    if largest.kind not in _COUNTED or len(file.pages) == 1:
        return False
    if largest.kind == "shaped":  # each page was written as an array of its own
        alike = [each for each in file.series if each.shape == largest.shape]
        return len(alike) > 1 and largest.size == math.prod(largest.keyframe.shape)
    described = largest.size // math.prod(largest.keyframe.shape)
    return (
        bool(described != len(file.pages)) and (file.imagej_metadata or {}).get("channels", 1) == 1
    )


def _largest(file: tifffile.TiffFile, where: str) -> Series:
    largest = max(file.series, key=lambda each: each.size)
    page, axes, shape = largest.keyframe, str(largest.axes), tuple(map(int, largest.shape))
    _check_gaps(largest, where)
    notes: tuple[str, ...] = ()
    if others := [each for each in file.series if each is not largest]:
        sizes = ", ".join(" x ".join(map(str, each.shape)) for each in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        notes = (
            f"{where} holds {len(others) + 1} series; the largest, {' x '.join(map(str, shape))}, "
            f"is read, and not {sizes}{more}.",
        )
    offset = None
    if len(file.pages) == 1:
        # ImageJ writes stacks of more than 4 GB as one page and a plain block of pixels.
        images = int((file.imagej_metadata or {}).get("images", 1))
        if images > 1 and math.prod(shape) == math.prod(page.shape):
            axes, shape = f"Z{page.axes}", (images, *page.shape)
        if math.prod(shape) > math.prod(page.shape):
            offset = largest.dataoffset
    return Series(where, axes, shape, np.dtype(largest.dtype), page, offset, notes, largest)


def _check_gaps(series: Any, where: str) -> None:
    """Refuse a stack with other pages between its own: a slice would be missing without a word."""
    if series.kind != "generic":
        return
    places = [page.index for page in series.pages if isinstance(page.index, int)]
    pages = series.parent.pages
    for place in sorted(set(range(min(places), max(places))) - set(places)):
        if not pages[place].is_reduced:
            raise UserError(f"Page {place} of {where} is not like page 0 in size or depth.")
