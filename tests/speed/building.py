"""Triplets from a volume, beside scikit-image in a loop over the slices."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.exposure import match_histograms
from skimage.feature import match_template

from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from speed.figures import Result, Setting, agree
from speed.racing import race
from speed.subjects import textures

SIZE = 512
_DEPTH = 15  # the fewest slices of which five blocks hold a triplet each
_SEARCH = 16

Slices = NDArray[np.uint8]


class Made(NamedTuple):
    """Shifts of the slice before (y, x) and after, and the frames 3HW, of each triplet."""

    shifts: NDArray[np.int64]
    frames: NDArray[np.uint8]


def measure(setting: Setting) -> Result:
    """A volume of few slices, one tile each, neighbours matched to the middle."""
    side = setting.size or SIZE
    volume = textures(_DEPTH, side)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "triplets.h5")
        ours, reference = our_triplets(volume, path), reference_triplets(volume)
        equal = [
            agree("shifts", _farthest(ours.shifts, reference.shifts), 0),
            agree("grey levels", _farthest(ours.frames, reference.frames), 1),
        ]
        figures = race(
            f"{_DEPTH - 2} triplets", partial(reference_triplets, volume),
            partial(our_triplets, volume, path), 1 / 5, setting, target="5 x faster",
        )  # fmt: skip
    return Result(figures, equal, side)


def our_triplets(volume: Slices, path: Path) -> Made:
    """The whole build: aligned, judged, split, written with checksums, contact sheet and all."""
    tile = volume.shape[1] - 4 * _SEARCH
    options = BuildOptions(tile=tile, stride=tile, search=_SEARCH, histogram="middle")
    build("texture", [ArrayVolume("texture", volume)], load_card("texture"), options, path,
          replace=True)  # fmt: skip
    with TripletFile(path) as file:
        columns = ["shift_before_y", "shift_before_x", "shift_after_y", "shift_after_x"]
        frames = np.stack([file.frames(index) for index in range(len(file))])
        return Made(file.keys[columns].to_numpy(np.int64), frames)


def reference_triplets(volume: Slices) -> Made:
    """Match, shift, cut and specify, slice by slice."""
    shifts, frames = [], []
    depth, side, _ = volume.shape
    tile = side - 4 * _SEARCH
    for z in range(1, depth - 1):
        middle = volume[z]
        found = [_shift(middle, volume[z + step]) for step in (-1, 1)]
        before, after = (
            np.rint(match_histograms(volume[z + step], middle)).astype(np.uint8) for step in (-1, 1)
        )
        # The corner nearest to that of the middle at which all three windows stay inside.
        corner = -np.min([(0, 0), *found], axis=0)
        places = (corner + found[0], corner, corner + found[1])
        slices = (before, middle, after)
        frames.append(
            np.stack(
                [s[y : y + tile, x : x + tile] for s, (y, x) in zip(slices, places, strict=True)]
            )
        )
        shifts.append([*found[0], *found[1]])
    return Made(np.array(shifts), np.stack(frames))


def _shift(middle: Slices, neighbour: Slices) -> tuple[int, int]:
    template = middle[_SEARCH:-_SEARCH, _SEARCH:-_SEARCH]
    scores = match_template(neighbour, template)
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    return int(y) - _SEARCH, int(x) - _SEARCH


def _farthest(one: NDArray[np.generic], other: NDArray[np.generic]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())
