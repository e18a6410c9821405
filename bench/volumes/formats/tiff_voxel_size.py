"""The voxel size that a TIFF file says: OME, ImageJ, or its resolution tags."""

from __future__ import annotations

import html
import math
import re
from typing import Any

from bench.volumes.formats.stack import Resolution
from bench.volumes.formats.voxel_size import COARSEST, nanometres

_UNITS = {2: "inch", 3: "cm"}  # of the tag ResolutionUnit
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b([^>]*)>")  # of OME; no parser is safe against any XML
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_IMAGEJ = re.compile(r"^(?P<key>unit|spacing)=(?P<value>.*)$", re.MULTILINE)


def voxel_size_of(file: Any, page: Any, shape: tuple[int, int, int]) -> Resolution | None:
    """Size of a voxel in nm (z, y, x); z is None where only that of a pixel is known.

    A resolution per inch or cm counts only as that of a microscope, finer than a micrometre: 72
    or 300 dots per inch are what programs write for printers.

    Args:
        file: the open file.
        page: of the stack, the first.
        shape: z, y, x.
    """
    description = file.pages.first.description or ""
    if "<OME" in description:
        return _ome(description, shape)
    words = {found["key"]: found["value"].strip() for found in _IMAGEJ.finditer(description)}
    unit = nanometres(words.get("unit", "")) if description.startswith("ImageJ=") else None
    printed = unit is None
    if printed:
        unit = nanometres(_UNITS.get(int(_tag(page, "ResolutionUnit", 1)), ""))
    if unit is None:
        return None
    y, x = (_side(page, f"{axis}Resolution", unit) for axis in "YX")
    if y is None or x is None or ((printed or unit == nanometres("inch")) and max(y, x) > COARSEST):
        return None
    return (None if printed else _spacing(words, unit)), y, x


def _spacing(words: dict[str, str], unit: float) -> float | None:
    try:
        depth = abs(float(words["spacing"])) * unit
    except (KeyError, ValueError):
        return None
    return depth if 0 < depth < math.inf else None


def _side(page: Any, name: str, unit: float) -> float | None:
    """The length of a pixel whose number per unit is a fraction."""
    above, below = _tag(page, name, (0, 1))
    return float(below) / float(above) * unit if above and below else None


def _tag(page: Any, name: str, default: Any) -> Any:
    return page.tags[name].value if name in page.tags else default


def _ome(description: str, shape: tuple[int, int, int]) -> Resolution | None:
    """PhysicalSizeX, Y and Z of the first image whose slices are as large as the stack's.

    One of as many slices comes before an overview of another depth.
    """
    images = [
        {name: html.unescape(value) for name, value in _ATTRIBUTE.findall(pixels)}
        for pixels in _PIXELS.findall(description)
    ]
    depth, *sides = map(str, shape)
    alike = [given for given in images if [given.get(f"Size{axis}") for axis in "YX"] == sides]
    for given in sorted(
        alike, key=lambda given: depth not in {given.get(f"Size{axis}") for axis in "ZTC"}
    ):
        z, y, x = (_physical(given, axis) for axis in "ZYX")
        if y is not None and x is not None:
            return z, y, x
    return None


def _physical(given: dict[str, str], axis: str) -> float | None:
    unit = nanometres(given.get(f"PhysicalSize{axis}Unit", "µm"))
    try:
        size = float(given[f"PhysicalSize{axis}"])
    except (KeyError, ValueError):
        return None
    return size * unit if unit is not None and 0 < size < math.inf else None
