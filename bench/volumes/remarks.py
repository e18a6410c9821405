"""What a user has to know of the volumes of a dataset, at the build and ever after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.volumes.grey_range import grey_words
from bench.volumes.holes import hole_words

_SAYS = {"missing slices": hole_words, "grey range": grey_words}


def told(volumes: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Rows of a table; a row names its volume where there are several.

    Args:
        volumes: what the triplet file keeps of each.
    """
    return [
        (title, f"{volume['name']}: {words}" if len(volumes) > 1 else words)
        for volume in volumes
        for title, say in _SAYS.items()
        if (words := say(volume))
    ]
