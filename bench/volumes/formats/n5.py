"""N5: arrays that store x first, and groups of scales s0, s1 and so on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bench.volumes.formats.axes import NAMELESS
from bench.volumes.formats.chunked import ChunkedArray, chosen_level, only
from bench.volumes.formats.location import Location
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.voxel_size import lengths, nanometres, unit_of, unitless

FILES = ("attributes.json",)
_SCALE = re.compile(r"s(\d+)")
_FACTORS = ("downsamplingFactors", "scales")  # of all scales, in the group (BDV, N5 Viewer)
_DEEPEST = 8  # of groups in groups


def find_n5(place: Location, asked: Asked) -> ChunkedArray:
    """What the attributes of an N5 array or group say.

    Args:
        place: of an array, of a group of scales, or of a group that holds one of either.
        asked: which scale.

    Raises:
        UserError: the attributes are damaged, or do not name one array.
    """
    about = place.document("attributes.json") or {}
    if "dimensions" in about:
        above = place.parent if _SCALE.fullmatch(place.name) else None
        return _array(place, about, (above and above.document("attributes.json")) or {}, 1)
    if _is_array(place.inside("s0")):
        scales = _count_scales(place)
        scale = place.inside(f"s{chosen_level(place, asked, scales)}")
        return _array(scale, scale.document("attributes.json") or {}, about, scales)
    return find_n5(only(place, sorted(_inside(place, _DEEPEST)), "N5"), asked)


def _is_array(place: Location) -> bool:
    return "dimensions" in (place.document("attributes.json") or {})


def _count_scales(place: Location) -> int:
    count = 0
    while _is_array(place.inside(f"s{count}")):
        count += 1
    return count


def _inside(place: Location, deepest: int) -> Iterator[str]:
    """Paths of the arrays and groups of scales in the folders of a group."""
    for folder in place.folders() if deepest else ():
        if _is_array(folder) or _is_array(folder.inside("s0")):
            yield folder.name
        else:
            yield from (f"{folder.name}/{name}" for name in _inside(folder, deepest - 1))


def _array(
    place: Location, about: Mapping[str, Any], group: Mapping[str, Any], scales: int
) -> ChunkedArray:
    rank = len(about["dimensions"])
    axes = "XYZ"[:rank].ljust(rank, NAMELESS)
    size, offset, notes = _own_size(place, about)
    if size is None:
        size, offset, others = _finest_size(place, about, group)
        notes = others if size else (*notes, *others)
    return ChunkedArray(place, {"driver": "n5"}, axes, size, offset, scales, notes)


_Found = tuple[list[float] | None, list[float] | None, tuple[str, ...]]


def _own_size(place: Location, about: Mapping[str, Any]) -> _Found:
    """The ``transform`` of COSEM, which is that of the scale itself and names its axes."""
    transform = about.get("transform")
    if not isinstance(transform, dict) or "scale" not in transform:
        return None, None, ()
    letters = [str(axis).lower() for axis in transform.get("axes", ())]
    if sorted(letters) != ["x", "y", "z"]:
        return None, None, ()
    scale = lengths(place.root, "scale", transform["scale"])
    moved = lengths(place.root, "translate", transform.get("translate", [0] * 3), positive=False)
    units = [nanometres(str(unit)) for unit in transform.get("units", ())]
    if len(units) != 3 or None in units:
        return None, None, (unitless(place.root, scale),)
    order = [letters.index(letter) for letter in "xyz"]
    size, offset = ([v[i] * (units[i] or 1.0) for i in order] for v in (scale, moved))
    return size, offset if "translate" in transform else None, ()


def _finest_size(place: Location, about: Mapping[str, Any], group: Mapping[str, Any]) -> _Found:
    """``pixelResolution`` or ``resolution``, times ``downsamplingFactors``; and ``offset``."""
    for attributes in (about, group):
        found, unit = attributes.get("pixelResolution"), None
        if isinstance(found, dict):
            unit, found = nanometres(str(found.get("unit", ""))), found.get("dimensions")
        if found is None and "resolution" in attributes:
            unit, found = unit_of(place.root, attributes), attributes["resolution"]
        if found is None:
            continue
        finest = lengths(place.root, "resolution", found)
        if unit is None:
            return None, None, (unitless(place.root, finest),)
        factors = _factors(place, about, group if attributes is group else {})
        if factors is None:
            note = (
                f"{place.root} does not say how much coarser it is than the finest scale, so its "
                "voxel size is not known; say it with --voxel-size."
            )
            return None, None, (note,)
        size = [a * b * unit for a, b in zip(finest, factors, strict=True)]
        moved = lengths(place.root, "offset", about.get("offset", [0] * 3), positive=False)
        return size, [part * unit for part in moved] if "offset" in about else None, ()
    return None, None, ()


def _factors(
    place: Location, about: Mapping[str, Any], group: Mapping[str, Any]
) -> list[float] | None:
    """How much coarser a scale is than the one that a resolution is of; None if nobody says."""
    if "downsamplingFactors" in about:
        return lengths(place.root, "downsamplingFactors", about["downsamplingFactors"])
    scale = _SCALE.fullmatch(place.name)
    level = int(scale[1]) if scale and group else 0
    for name in _FACTORS:
        each = group.get(name, ())
        if isinstance(each, list) and level < len(each):
            return lengths(place.root, name, each[level])
    return None if level else [1.0] * len(about["dimensions"])
