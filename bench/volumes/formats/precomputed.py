"""Neuroglancer precomputed volumes: all their scales, raw or compressed, sharded or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.volumes.formats.chunked import ChunkedArray, chosen_level
from bench.volumes.formats.location import Location
from bench.volumes.formats.packed_chunks import PackedChunks, are_packed
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.voxel_size import lengths

FILES = ("info",)


def is_precomputed(place: Location) -> bool:
    """Whether a file named ``info`` is that of a volume: other programs write some too."""
    content = place.read("info")
    return content is not None and b'"scales"' in content


def find_precomputed(place: Location, asked: Asked) -> ChunkedArray:
    """What the ``info`` of a volume says.

    Args:
        place: of the volume.
        asked: which scale.

    Raises:
        UserError: the info is damaged, has no such scale, or keeps labels as JPEG.
    """
    scales = (place.document("info") or {}).get("scales")
    if not isinstance(scales, list) or not all(isinstance(each, dict) for each in scales):
        raise UserError(f"{place.root}/info lists no scales; get it anew.")
    level = chosen_level(place, asked, len(scales))
    scale = scales[level]
    if asked.labels and scale.get("encoding") == "jpeg":
        raise UserError(
            f"{place.root} holds labels as JPEG, which does not keep values exactly; give ids that "
            "are raw or compressed_segmentation."
        )
    size = lengths(place.root, "resolution", scale.get("resolution", ()))
    corner = lengths(
        place.root, "voxel_offset", scale.get("voxel_offset", [0] * len(size)), positive=False
    )
    return ChunkedArray(
        place,
        {"driver": "neuroglancer_precomputed", "scale_index": level},
        "XYZC",
        size,
        [low * side for low, side in zip(corner, size, strict=True)],
        len(scales),
        packed=_packed(place, scale),
    )


def _packed(place: Location, scale: Mapping[str, Any]) -> PackedChunks | None:
    folder = Path(place.inside(str(scale.get("key", ""))).root)
    if place.is_remote or not are_packed(folder):
        return None
    return PackedChunks(place.read("info") or b"", folder, scale)
