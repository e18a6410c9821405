"""Whether triplets were built from the volume that is repaired: a file's name alone says little.

Windows of both are compared, not digests: a volume of which another part is taken, or of which
other slices are called missing, has another digest and is the same volume all the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.words import read_words
from bench.triplets.dataset_paths import built_names, dataset_path
from bench.triplets.file import TripletFile, readable
from bench.volumes.cards import fold_of, is_public
from bench.volumes.stack_volume import StackVolume
from bench.volumes.volume import Volume

_WINDOWS = 12  # of each volume of the triplets
_FOLLOWS = 0.9  # of 1; the same slice has 1 but for rounding, neighbouring slices have less
WAY_OUT = "give another --dataset NAME, or --method dis, which needs no triplets."


def check_same_volume(name: str, data: Path, volume: StackVolume) -> None:
    """Refuse triplets that are called as a volume is, and were built from another one.

    Args:
        name: of the volume; the triplets of wider gaps have it too.
        data: folder of the datasets.
        volume: that is repaired.

    Raises:
        UserError: they were built from another one, or would be taken for those of a public one.
    """
    there = [each for each in built_names(data) if _is_of(each, name)]
    if is_public(name) and name not in there:
        raise UserError(
            f"'{name}', as {volume.raw.where} is called, is the name of a public dataset, which is "
            f"not built in {data}; give --dataset {name} if that is what you mean, or else "
            f"{WAY_OUT}"
        )
    for each in there:
        path = dataset_path(data, each, fold_of(each, None))
        file = readable(path) if path.exists() else None  # one that is damaged is told of later
        if file is None:
            continue
        with file:
            if not is_from(file, volume):
                raise UserError(
                    f"'{each}' in {data} was built from another volume than {volume.raw.where}, "
                    f"which has the same name, or from another scale of it; {WAY_OUT}"
                )


def is_from(file: TripletFile, volume: Volume) -> bool:
    """Whether triplets show a volume: most of their windows that it has do so.

    A slice may have been damaged, or mended, since they were built. Where the volume has none of
    their windows, the shape of its source decides.
    """
    for facts in file.volumes:
        alike = [
            share > _FOLLOWS
            for row in _shared(file, facts.name, volume)
            if (share := _explained(file, row, volume)) is not None
        ]
        depth, *sides = facts.source_shape or facts.shape
        source, *beside = volume.source_shape
        if facts.source_shape is None:  # the slices that were taken are counted
            source = -(-source // facts.every)
        if 2 * sum(alike) >= len(alike) if alike else [depth, *sides] == [source, *beside]:
            return True
    return False


def _is_of(dataset: str, name: str) -> bool:
    base, options = read_words(dataset) if "[" in dataset else (dataset, {})
    return base == name and set(options) <= {"gap"}


def _shared(file: TripletFile, name: str, volume: Volume) -> list[int]:
    """Triplets, evenly spread, whose middle windows lie in a volume."""
    keys, (depth, height, width) = file.keys, volume.shape
    z, y, x = (keys[axis] - low for axis, low in zip("zyx", volume.corner, strict=True))
    inside = (keys["volume"] == name) & (keys["reason"] == "")
    inside &= z.between(0, depth - 1) & ~z.isin(volume.missing)
    inside &= y.between(0, height - file.tile) & x.between(0, width - file.tile)
    found = np.flatnonzero(inside.to_numpy())
    spread = np.linspace(0, len(found) - 1, min(len(found), _WINDOWS)).round().astype(int)
    return [int(row) for row in found[spread]]


def _explained(file: TripletFile, row: int, volume: Volume) -> float | None:
    """How much of a stored window follows from what the volume shows there, at most 1.

    None where that cannot be said. A build maps grey values by a table for each slice, so the
    window of the same slice is a function of it, whatever the table and the grey range.
    """
    z, y, x = (
        int(file.keys[axis].iloc[row]) - low for axis, low in zip("zyx", volume.corner, strict=True)
    )
    box = slice(z, z + 1), slice(y, y + file.tile), slice(x, x + file.tile)
    shown = volume.crop(box).slice(0).ravel()
    stored: NDArray[np.float64] = file.frames(row)[1].ravel().astype(np.float64)
    counts = np.bincount(shown, minlength=256)
    free = shown.size - np.count_nonzero(counts)
    if free == 0 or np.ptp(stored) == 0:
        return None
    means = np.bincount(shown, stored, minlength=256) / np.maximum(counts, 1)
    left = float(np.square(stored - means[shown]).sum()) / free
    return 1 - left / (float(np.square(stored - stored.mean()).sum()) / (shown.size - 1))
