"""How many test triplets share a pixel with what is learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.triplets.gap import positions


def measured_leakage(
    keys: pd.DataFrame,
    tile: int | pd.Series[int],
    every: int | pd.Series[int] = 1,
    gap: int | pd.Series[int] = 1,
) -> float:
    """Share of test triplets that share a pixel with a training or validation triplet.

    Counted over kept triplets, on the windows of all three slices as they were read.

    Args:
        keys: a row for each triplet.
        tile: side of a window, of all triplets or of each.
        every: how many z two slices that follow one another lie apart, likewise.
        gap: how many slices are missing in a row, likewise.

    Returns:
        Between 0 and 1; 0 without test triplets.
    """
    kept = keys[keys["reason"] == ""]
    tested = kept["split"] == "test"
    if not tested.any():
        return 0.0
    kept = kept.assign(tile=tile, every=every, gap=gap)
    before = positions(kept)
    steps: dict[str, int | pd.Series[int]] = {
        "before": -before,
        "middle": 0,
        "after": kept["gap"] + 1 - before,
    }
    windows = pd.concat([_windows(kept, name, step) for name, step in steps.items()])
    shared: set[int] = set()
    for _, there in windows.groupby(["volume", "slice"]):
        test = there[there["split"] == "test"]
        known = there[there["split"].isin(("train", "validation"))]
        overlap = _overlap(test, known, "y") & _overlap(test, known, "x")
        shared.update(test["triplet"].to_numpy()[overlap.any(axis=1)])
    return len(shared) / int(tested.sum())


def _overlap(some: pd.DataFrame, others: pd.DataFrame, axis: str) -> NDArray[np.bool_]:
    """Whether each window of some shares a line with each of others along an axis."""
    step = others[axis].to_numpy()[None] - some[axis].to_numpy()[:, None]
    overlap: NDArray[np.bool_] = (step < some["tile"].to_numpy()[:, None]) & (
        -step < others["tile"].to_numpy()[None]
    )
    return overlap


def _windows(keys: pd.DataFrame, name: str, step: int | pd.Series[int]) -> pd.DataFrame:
    still = name == "middle"
    return pd.DataFrame(
        {
            "triplet": keys.index,
            "volume": keys["volume"],
            "split": keys["split"],
            "tile": keys["tile"],
            "slice": keys["z"] + step * keys["every"],
            "y": keys["y"] if still else keys["y"] + keys[f"shift_{name}_y"],
            "x": keys["x"] if still else keys["x"] + keys[f"shift_{name}_x"],
        }
    )
