"""Dice and carried of test triplets, as ``bench run`` judged them, by what their neighbours say.

Both need a segmenter and labels, which a repair has not; the benchmark of the same volume has them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.repair.disagreement import moved
from bench.repair.refusal import Difference, difference
from bench.repair.trust import Reached
from bench.triplets.file import TripletFile
from bench.triplets.gap import positions

_MOST = 40  # gaps: more of them make no interval narrower


def judged(membranes: pd.DataFrame, file: TripletFile) -> tuple[Reached, ...]:
    """What a method reached in each gap of the test split.

    Args:
        membranes: its membrane scores, a row for each test triplet that counts.
        file: the triplets.

    Returns:
        For each gap, over its slices and tiles: the mean difference of the neighbours, the mean
        Dice, and the share of all its neurites that were carried; NaN where there are no neurites.
    """
    # The rows say where the source has a slice: those of one gap lie as far apart as slices taken.
    first = membranes["z"] - (positions(membranes) - 1) * file.options.every
    gaps = [rows for _, rows in membranes.groupby(["volume", first])]
    chosen = np.linspace(0, len(gaps) - 1, min(len(gaps), _MOST)).round().astype(int)
    return tuple(
        Reached(_difference(gaps[i]["triplet"], file), _scores(gaps[i])) for i in chosen.tolist()
    )


def _difference(triplets: pd.Series[int], file: TripletFile) -> Difference:
    found = []
    for index in map(int, triplets):
        before, _, after = file.frames(index)
        found.append(difference(before, after, moved(before, after, file.time(index))))
    return Difference(*np.mean(found, axis=0).tolist())


def _scores(rows: pd.DataFrame) -> Mapping[str, float]:
    neurites = int(rows["neurites"].sum()) if "neurites" in rows else 0
    carried = int(rows["neurites_carried"].sum()) / neurites if neurites else float("nan")
    return {"dice": float(rows["dice"].mean()), "carried": carried}
