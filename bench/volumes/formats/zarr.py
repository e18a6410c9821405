"""Zarr 2 and 3: plain arrays, groups of them, and OME-Zarr images with scales and labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.base.errors import UserError
from bench.volumes.formats.axes import letters_of
from bench.volumes.formats.chunked import ChunkedArray, chosen_level, only
from bench.volumes.formats.location import Location
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.voxel_size import lengths, nanometres, unit_of, unitless

FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
_DEEPEST = 8  # of groups in groups
_OLD_AXES = "TCZYX"  # of OME-Zarr before it named them


@dataclass(frozen=True)
class _Node:
    """An array or a group.

    Attributes:
        place: where it lies.
        driver: of TensorStore.
        array: the metadata of an array; None for a group.
        attributes: that a user may write.
        known: paths of the arrays in a group, where its own metadata list them.
    """

    place: Location
    driver: str
    array: Mapping[str, Any] | None
    attributes: Mapping[str, Any]
    known: tuple[str, ...]

    @property
    def scales(self) -> Mapping[str, Any] | None:
        """The scales of an OME-Zarr image; None for what is none."""
        ome = self.attributes.get("ome", self.attributes)
        images = ome.get("multiscales") if isinstance(ome, dict) else None
        # COSEM's N5 attributes of that name have no datasets.
        if not isinstance(images, list) or not images or not isinstance(images[0], dict):
            return None
        return images[0] if images[0].get("datasets") else None


def find_zarr(place: Location, asked: Asked) -> ChunkedArray:
    """What the metadata of a Zarr array or group say.

    Args:
        place: of an array, of an OME-Zarr image, or of a group that holds one of either.
        asked: which scale; of an image with labels in it, labels are taken.

    Raises:
        UserError: the metadata are damaged, or do not name one array.
    """
    node = _read(place)
    if node is None:
        raise UserError(f"{place.root} holds no Zarr array; check the path.")
    if node.array is not None:
        return _level_of_parent(node) or _plain(node)
    if node.scales is None:
        return find_zarr(_only(node), asked)
    labels = _read(place.inside("labels")) if asked.labels else None
    if labels is not None and labels.array is None:
        return find_zarr(_only(labels), asked)
    return _level(node, chosen_level(place, asked, len(node.scales["datasets"])))


def _read(place: Location) -> _Node | None:
    if (document := place.document("zarr.json")) is not None:
        is_array = document.get("node_type") == "array"
        listed = (document.get("consolidated_metadata") or {}).get("metadata", {})
        known = [path for path, about in listed.items() if about.get("node_type") == "array"]
        attributes = document.get("attributes") or {}
        return _Node(place, "zarr3", document if is_array else None, attributes, tuple(known))
    array, attributes = place.document(".zarray"), place.document(".zattrs")
    if array is None and attributes is None and place.document(".zgroup") is None:
        return None
    listed = {} if array else (place.document(".zmetadata") or {}).get("metadata", {})
    known = [path.removesuffix("/.zarray") for path in listed if path.endswith("/.zarray")]
    return _Node(place, "zarr", array, attributes or {}, tuple(known))


def _only(group: _Node) -> Location:
    """The one array or image in a group."""
    names = sorted(_inside(group.place, _DEEPEST)) or _listed(group)
    return only(group.place, names, "Zarr")


def _listed(group: _Node) -> list[str]:
    """The arrays that a group's own metadata list, and images instead of their scales."""
    names = set[str]()
    for path in group.known:
        above = path.rpartition("/")[0]
        parent = _read(group.place.inside(above)) if above else None
        names.add(above if parent is not None and parent.scales is not None else path)
    return sorted(names)


def _inside(place: Location, deepest: int) -> Iterator[str]:
    """Paths of the arrays and images in the folders of a group."""
    for folder in place.folders() if deepest else ():
        node = _read(folder)
        if node is not None and (node.array is not None or node.scales is not None):
            yield folder.name
        else:
            yield from (f"{folder.name}/{name}" for name in _inside(folder, deepest - 1))


def _level_of_parent(node: _Node) -> ChunkedArray | None:
    """What an OME-Zarr image says of a scale that was named itself."""
    above = node.place.parent
    image = None if above is None else _read(above)
    if image is None or image.scales is None:
        return None
    paths = [each.get("path") for each in image.scales["datasets"]]
    if node.place.name not in paths:
        return None
    return replace(_level(image, paths.index(node.place.name)), scales=1)


def _level(image: _Node, level: int) -> ChunkedArray:
    """One scale of an OME-Zarr image."""
    scales = image.scales or {}
    dataset = scales["datasets"][level]
    place = image.place.inside(str(dataset["path"]))
    axes = [
        each if isinstance(each, dict) else {"name": each} for each in scales.get("axes", _OLD_AXES)
    ]
    letters = letters_of([str(each["name"]) for each in axes], len(axes))
    found = ChunkedArray(place, {"driver": image.driver}, letters, scales=len(scales["datasets"]))
    steps = [
        *dataset.get("coordinateTransformations", ()),
        *scales.get("coordinateTransformations", ()),
    ]
    size, offset = _transformed(place, [step for step in steps if step.get("type") in step])
    if size is None:
        return found
    units = [nanometres(str(each.get("unit", ""))) for each in axes]
    spatial = [unit for unit, letter in zip(units, letters, strict=True) if letter in "ZYX"]
    # Where the file does not name all three, any axis may be read as z.
    if None in (spatial if len(spatial) == 3 else units):
        plain = set(size) == {1.0}  # what is written where nobody knows
        return found if plain else replace(found, notes=(unitless(image.place.root, size),))
    factors = [unit or math.nan for unit in units]  # of times and channels
    return replace(
        found,
        size=_scaled(size, factors),
        offset=None if offset is None else _scaled(offset, factors),
    )


def _transformed(
    place: Location, steps: Sequence[Mapping[str, Any]]
) -> tuple[list[float] | None, list[float] | None]:
    """Size and offset of a voxel that scales and translations, one after the other, come to."""
    size: list[float] | None = None
    offset: list[float] | None = None
    for step in steps:
        kind = step["type"]
        if kind not in ("scale", "translation"):
            continue
        numbers = lengths(place.root, kind, step[kind], positive=kind == "scale")
        if kind == "translation":
            offset = [a + b for a, b in zip(offset or [0.0] * len(numbers), numbers, strict=True)]
            continue
        size = _scaled(size or [1.0] * len(numbers), numbers)
        offset = None if offset is None else _scaled(offset, numbers)
    return size, offset


def _plain(node: _Node) -> ChunkedArray:
    """An array that is no part of an OME-Zarr image."""
    array, about = node.array or {}, node.attributes
    labels = array.get("dimension_names") or about.get("_ARRAY_DIMENSIONS") or ()
    letters = letters_of([str(each) for each in labels], len(array["shape"]))
    unit = unit_of(node.place.root, about)
    size, offset = (
        _numbers(node, names, unit) for names in (("resolution", "voxel_size"), ("offset",))
    )
    return ChunkedArray(node.place, {"driver": node.driver}, letters, size, offset)


def _numbers(node: _Node, names: Sequence[str], unit: float) -> list[float] | None:
    """The first attribute of some, in nm."""
    for name in names:
        if name in node.attributes:
            where, given = node.place.root, node.attributes[name]
            return [n * unit for n in lengths(where, name, given, positive=name != "offset")]
    return None


def _scaled(values: Sequence[float], units: Sequence[float]) -> list[float]:
    return [value * unit for value, unit in zip(values, units, strict=True)]
