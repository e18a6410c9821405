"""TIFF files: OME, ImageJ and plain ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import find_layout
from bench.volumes.formats.pictures import grey_of, in_colour, shown_by_palette
from bench.volumes.formats.stack import MAX_BYTES_HELD, Asked, Stack, checked_shape
from bench.volumes.formats.tiff_series import Series, find_series
from bench.volumes.formats.tiff_voxel_size import voxel_size_of
from bench.volumes.formats.unreadable import reading, tiff_complaints

_WHITE_IS_ZERO, _PALETTE = 0, 3
_PLAIN = 1  # of the tag Compression
_JPEG = (6, 7, 99, 33007, 34892)  # likewise; none keeps values exactly
_MAYBE_LOSSY = {
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    **dict.fromkeys((50002, 52546), "JPEG XL"),
    **dict.fromkeys((34927, 50001), "WebP"),
    34887: "LERC",
}
_COLOURS = (2, 6)  # RGB and YCbCr, both of three samples
_TRANSPARENT = (1, 2)


class TiffStack(Stack):
    """One stack of slices in a TIFF file.

    Args:
        path: of the file.
        asked: beside what the file says.
        alone: whether the file is one of a folder, so that what it says of others is not read.
    """

    def __init__(self, path: Path, asked: Asked | None = None, *, alone: bool = False) -> None:
        self.where = str(path)
        self._asked = asked or Asked()
        self._stored: Callable[[], NDArray[Any]] | None = None
        try:
            with reading(self.where), tiff_complaints(self.where):
                self._file, self._series = find_series(path, self.where, alone=alone)
                self._look(path)
        except BaseException:
            if hasattr(self, "_file"):  # a complaint comes after the file was opened
                self.close()
            raise

    def _look(self, path: Path) -> None:
        series = self._series
        page = series.page
        axes = self._axes_with_samples(series)
        self._layout = find_layout(self.where, axes, series.shape, self._asked)
        self.shape = checked_shape(self.where, self._layout.shape)
        self._palette = int(page.photometric) == _PALETTE and not self._asked.labels
        self.inverted = int(page.photometric) == _WHITE_IS_ZERO
        self.dtype = np.dtype(np.uint8 if self._palette else series.dtype)
        self._steps = self._grey_steps(page)
        self.resolution = voxel_size_of(self._file, series.page, self.shape)
        self.compressed = int(page.compression) != _PLAIN
        self.notes = (*series.notes, *self._layout.notes)
        if self._asked.labels:
            self._check_exact(int(page.compression))
        if series.offset is not None:
            # Mapped anew for each slice: what was read stays in memory as long as it is mapped.
            self._stored = partial(
                np.memmap, path, series.stored_dtype, "r", series.offset, series.shape, "C"
            )
            self._stored()  # a file that is cut short is refused at once
        elif not self._in_pages():
            whole = self._whole()
            self._stored = lambda: whole
        if self._palette or self._layout.samples is not None:
            self.read(0)  # colour is refused at once

    def _check_exact(self, compression: int) -> None:
        """Refuse labels as JPEG, and name what may be as inexact."""
        if compression in _JPEG:
            raise UserError(
                f"{self.where} holds labels as JPEG, which does not keep values exactly; store "
                "them anew with deflate or LZW."
            )
        if compression in _MAYBE_LOSSY:
            self.notes += (
                f"{self.where} holds labels as {_MAYBE_LOSSY[compression]}, which need not keep "
                "values exactly; if it was not told to, store them anew with deflate or LZW.",
            )

    def _axes_with_samples(self, series: Series) -> str:
        """The axes, with S only where the samples of a pixel are those of one picture."""
        page, axes = series.page, series.axes
        if "S" not in axes or series.shape[axes.index("S")] == 1:
            self._transparent = False
            return axes.replace("S", "Q")
        extra = [int(kind) for kind in page.extrasamples]
        self._transparent = bool(extra) and extra[-1] in _TRANSPARENT
        shown = page.samplesperpixel - len(extra)
        if int(page.photometric) in _COLOURS or (shown == 1 and self._transparent):
            return axes
        if int(page.photometric) <= 1:  # grey detectors side by side
            return axes.replace("S", "C")
        raise in_colour(self.where)

    def _grey_steps(self, page: Any) -> int:
        """How far apart two grey levels are shown: 17 of 255 where they have 4 bits."""
        bits = page.bitspersample
        if self._asked.labels or self._palette or bits not in (2, 4):
            return 1
        return int(255 // (2**bits - 1))

    def _in_pages(self) -> bool:
        """Whether a slice is a page, or part of one."""
        lead, layout = self._series.lead, self._layout
        return min(axis for axis in (layout.y, layout.x, layout.samples or lead)) >= lead

    def _whole(self) -> NDArray[Any]:
        series = self._series
        if math.prod(series.shape) * np.dtype(series.dtype).itemsize > MAX_BYTES_HELD:
            raise UserError(
                f"{self.where} stores slices across its pages, and is too large to be held in "
                "memory; write it anew with a page for each slice."
            )
        return np.asarray(series.read_all())

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        with reading(self.where), tiff_complaints(self.where):
            values = self._slice(z)
            if self._palette:
                return shown_by_palette(self.where, values, self._series.page.colormap)
            if values.ndim == 3:
                where, labels = f"Slice {z} of {self.where}", self._asked.labels
                return grey_of(where, values, transparent=self._transparent, labels=labels)
            return np.array(values) if self._steps == 1 else values * np.uint8(self._steps)

    def _slice(self, z: int) -> NDArray[Any]:
        index = self._layout.index(z, z + 1)
        if self._stored is not None:
            return self._one(self._stored()[index])
        lead = self._series.lead
        places = [z if isinstance(part, slice) else part for part in index[:lead]]
        page = self._series.read_page(places, z)
        there = page.reshape((1,) * lead + self._series.shape[lead:])
        leading = tuple(0 if isinstance(part, int) else slice(0, 1) for part in index[:lead])
        return self._one(there[leading + index[lead:]])

    def _one(self, taken: NDArray[Any]) -> NDArray[Any]:
        slices = self._layout.arranged(taken)
        return np.asarray(slices[0])

    def close(self) -> None:
        """Close the file."""
        self._stored = None
        self._file.close()
