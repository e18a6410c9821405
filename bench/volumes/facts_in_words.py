"""What a user has to know of the volumes of a dataset, at the build and ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from bench.volumes.facts import VolumeFacts
from bench.volumes.grey_range import grey_words
from bench.volumes.holes import as_ranges


def told(volumes: Sequence[VolumeFacts]) -> list[tuple[str, str]]:
    """Rows of a table; a row names its volume where there are several."""
    return [
        (title, f"{volume.name}: {words}" if len(volumes) > 1 else words)
        for volume in volumes
        for title, say in _SAYS.items()
        for words in say(volume)
    ]


def _missing(volume: VolumeFacts) -> Iterator[str]:
    """The slices that are missing, by the numbers of their files."""
    if volume.missing:
        yield as_ranges([volume.first + z for z in volume.missing])


def _taken(volume: VolumeFacts) -> Iterator[str]:
    """Which slices of the source were taken."""
    if volume.every > 1:
        start = volume.first + volume.corner[0]
        yield (
            f"{start}, {start + volume.every}, {start + 2 * volume.every} and so on, "
            f"{volume.slices} in all (--every {volume.every})"
        )


def _region(volume: VolumeFacts) -> Iterator[str]:
    """Which part of the source was taken."""
    if volume.region is not None:
        sides = ",".join(f"{low}:{high}" for low, high in volume.region)
        whole = " x ".join(map(str, volume.source_shape or ()))
        yield f"{sides} of {whole} voxels (--region)"


def _level(volume: VolumeFacts) -> Iterator[str]:
    if volume.level:
        yield f"{volume.level}, counted from 0, the finest (--level)"


def _grey_range(volume: VolumeFacts) -> Iterator[str]:
    if volume.grey_range is not None and volume.grey is not None:
        yield grey_words(volume.grey_range, volume.grey)


def _no_tissue(volume: VolumeFacts) -> Iterator[str]:
    padding = volume.padding
    if padding is None:
        return
    yield (
        f"{100 * padding.share:.1f} % of the pixels, in {padding.slices} of {volume.slices} "
        "slices: one constant value up to the edge, or outside the mask; no statistic counts them"
    )
    for lines, numbers in (("columns", padding.dead_columns), ("rows", padding.dead_rows)):
        if numbers:
            yield f"dead in every slice: {lines} {as_ranges(numbers)}"


_SAYS: Mapping[str, Callable[[VolumeFacts], Iterator[str]]] = {
    "scale": _level,
    "region": _region,
    "slices taken": _taken,
    "missing slices": _missing,
    "grey range": _grey_range,
    "no tissue": _no_tissue,
}
