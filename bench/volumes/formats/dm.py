"""DM3 and DM4 files, as Gatan's DigitalMicrograph writes them; read by the extra ``dm``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.base.errors import UserError
from bench.volumes.formats.array_file import ArrayFileStack
from bench.volumes.formats.axes import NAMELESS
from bench.volumes.formats.pictures import in_colour
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import nanometres, rounded, unitless

_Image = Mapping[str, Any]  # data, axes and tags, as RosettaSciIO gives them


class DmStack(ArrayFileStack):
    """One stack of slices in a DM3 or DM4 file, mapped into memory."""

    def __init__(self, path: Path, asked: Asked) -> None:
        with reading(str(path)):
            image, self.notes = _largest(str(path), _images(path))
            data, axes = image["data"], image["axes"]
            if data.dtype.kind == "c":
                raise UserError(f"{path} holds {data.dtype} values; give grey values.")
            stored = image["original_metadata"]["ImageList"]["TagGroup0"]["ImageData"]["Data"]
            if stored["size_bytes"] < math.prod(data.shape) * data.dtype.itemsize:
                raise UserError(f"{path} is cut short or damaged; get it anew.")
            # RosettaSciIO gives the machine's byte order, whichever the file has.
            kind = data.dtype.newbyteorder("<" if stored["endian"] == "little" else ">")
            values = np.memmap(path, kind, "r", stored["offset"], data.shape)
            size, notes = _size(str(path), axes)
            self.notes += notes
            letters = "".join((axis["name"] or NAMELESS)[0].upper() for axis in axes)
            self.open_array(str(path), values, letters, asked, size)
            self._keep_size_of_pixels(size)

    def _keep_size_of_pixels(self, size: Sequence[float | None]) -> None:
        """Where a file is one slice, of a folder of them, it knows y and x only."""
        layout = self._layout
        if layout.z is None:
            y, x = size[layout.y], size[layout.x]
            self.resolution = None if y is None or x is None else (None, y, x)


def _images(path: Path) -> Sequence[_Image]:
    """The images of a file without its thumbnails; nothing of their pixels is read.

    Raises:
        UserError: RosettaSciIO is not installed, or one of them is in colour.
    """
    try:
        from rsciio.digitalmicrograph import file_reader
    except ModuleNotFoundError as error:
        raise UserError(
            f"{path} is read by RosettaSciIO, which is not installed; in "
            "the checkout of interslice: `pip install '.[dm]'`."
        ) from error
    try:
        # In one chunk: the smaller ones are listed, however many a damaged header says.
        images: Sequence[_Image] = file_reader(str(path), lazy=True, chunks=-1)
    except ValueError as error:
        if "RGBA" in str(error):
            raise in_colour(str(path)) from error
        raise
    return images


def _largest(where: str, images: Sequence[_Image]) -> tuple[_Image, tuple[str, ...]]:
    """The image with the most pixels, and what is to be said where there are others."""
    if not images:
        raise UserError(f"{where} holds no image; give a stack of slices.")
    largest = max(images, key=lambda image: math.prod(image["data"].shape))
    if len(images) == 1:
        return largest, ()
    sides = " x ".join(map(str, largest["data"].shape))
    return largest, (f"{where} holds {len(images)} images; the largest, {sides}, is read.",)


def _size(
    where: str, axes: Sequence[Mapping[str, Any]]
) -> tuple[list[float | None], tuple[str, ...]]:
    """Of a voxel in nm along each axis that says it, and what is to be said of lengths alone."""
    scales = [rounded(float(axis["scale"])) for axis in axes]
    units = [nanometres(axis["units"]) for axis in axes]
    sides = [
        rounded(scale * unit) if unit is not None and 0 < scale < math.inf else None
        for scale, unit in zip(scales, units, strict=True)
    ]
    # 1 without a unit is what DigitalMicrograph writes where nobody said the size.
    bare = [
        scale for scale, axis in zip(scales, axes, strict=True) if scale != 1 and not axis["units"]
    ]
    return sides, (unitless(where, bare),) if bare else ()
