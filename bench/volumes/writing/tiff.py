"""TIFF: a page for each slice, with a description as ImageJ or OME writes it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from bench.volumes.formats.stack import Resolution
from bench.volumes.writing.content import MARK, Content, as_line

_LARGEST = 2**32 - 2**25  # bytes of the pixels of a TIFF that is no BigTIFF
_FINE = 10**6  # denominator of a pixel's side in nm
_OME_TYPES = {"float32": "float", "float64": "double"}  # others are called as NumPy calls them
_OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def write_tiff(part: Path, content: Content) -> None:
    """Write a TIFF file; one of more than 4 GB is a BigTIFF. A missing slice is 0."""
    size = content.notes.voxel_size
    _write_pages(part, content, described_by_imagej(content.stack.shape, size, content.marks))


def write_ome_tiff(part: Path, content: Content) -> None:
    """Write an OME-TIFF file, in the same pages."""
    described = _described_by_ome(content).encode("ascii", "xmlcharrefreplace")
    _write_pages(part, content, described.decode())


def _write_pages(part: Path, content: Content, description: str) -> None:
    import tifffile

    shape, dtype, size = content.stack.shape, content.dtype, content.notes.voxel_size
    whole = int(np.prod(shape, dtype=object)) * dtype.itemsize
    tags = tiff_tags(content.stack.inverted, content.source.compressed, size)
    big = whole > _LARGEST
    with checked_file(part) as raw, tifffile.TiffWriter(raw, bigtiff=big) as file:
        for z, values in content.slices():
            page = np.zeros(shape[1:], dtype) if values is None else values
            file.write(page, description=description if z == 0 else None, **tags)


class _CheckedFile(io.BufferedRandom):
    def fileno(self) -> int:
        raise io.UnsupportedOperation


def checked_file(path: Path) -> io.BufferedRandom:
    """A new file for tifffile that tells when the disk is full.

    Into a file of the system NumPy writes past Python, and what its last bytes meet is lost.
    """
    return _CheckedFile(io.FileIO(path, "w+"))


def tiff_tags(inverted: bool, compressed: bool, size: Resolution | None) -> dict[str, Any]:
    """What tifffile is told of a page, in the same bytes whenever it is written.

    Args:
        inverted: whether the lowest value is white.
        compressed: without loss.
        size: of a voxel in nm (z, y, x).
    """
    return {
        "photometric": "miniswhite" if inverted else "minisblack",
        "compression": "zlib" if compressed else None,
        "contiguous": False,
        "metadata": None,
        "software": False,
        "resolution": None if size is None else tuple(map(_per_nanometre, (size[2], size[1]))),
        "resolutionunit": "NONE",
    }


def _per_nanometre(side: float) -> tuple[int, int]:
    """Pixels in one nm, as a fraction."""
    nanometres = Fraction(side).limit_denominator(_FINE)
    return nanometres.denominator, nanometres.numerator


def described_by_imagej(
    shape: tuple[int, int, int], size: Resolution | None, marks: Mapping[str, Any]
) -> str:
    """The description of a stack as ImageJ writes it, and a line of ours.

    Args:
        shape: z, y, x.
        size: of a voxel in nm (z, y, x).
        marks: what is synthetic.
    """
    lines = ["ImageJ=1.11a", f"images={shape[0]}", f"slices={shape[0]}"]
    if size is not None:
        lines.append("unit=nm")
        lines += [] if size[0] is None else [f"spacing={size[0]!r}"]
    lines.append("loop=false")
    lines += [f"{MARK}={as_line(marks)}"] if marks else []
    return "\n".join([*lines, ""])


def _described_by_ome(content: Content) -> str:
    (z, y, x), name = content.stack.shape, content.dtype.name
    sizes = zip("ZYX", content.notes.voxel_size or (None,) * 3, strict=True)
    physical = "".join(
        f' PhysicalSize{axis}="{side!r}" PhysicalSize{axis}Unit="nm"'
        for axis, side in sizes
        if side is not None
    )
    marks = f"{MARK}={as_line(content.marks)}" if content.marks else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{_OME}">'
        f'<Image ID="Image:0" Name={quoteattr(content.name)}>'
        f"<Description>{escape(marks)}</Description>"
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="{_OME_TYPES.get(name, name)}" '
        f'SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="1" SizeT="1"{physical}>'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="{z}"/>'
        "</Pixels></Image></OME>"
    )
