"""Which triplets are fit to train and score on: four numeric rules on the raw grey values.

The values each rule looks at are recorded for every triplet, kept or not. Sums are taken
over whole numbers, so the same volume gives the same verdicts on every machine.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.data.align import ncc

REASONS = ("defect", "duplicate", "continuity", "blur")

_WINDOW = 11  # triplets along z whose median is the expected correlation
_LEAST_SPREAD = 0.02  # Fisher z; sampling noise, where a volume is too regular for its MAD
_FINE, _COARSE = 2, 8  # pixels

Windows = NDArray[np.uint8]


class Rules(BaseModel):
    """Thresholds; a triplet is rejected for the first rule of this order that it breaks.

    They were set by looking at contact sheets of two volumes, mouse cortex (SNEMI3D AC4,
    512 px tiles) and fly nerve cord (Gerhard et al. 2013, 192 px tiles). Sound windows had a
    defect value of at most 0.047, a duplicate value of at most 6.4, and a blur ratio whose
    99th percentile is 1.53 and 1.75.

    Attributes:
        defect: largest share of one window's pixels that may have one and the same grey
            value, or be black or white (0 or 255): blank, constant or saturated beyond it.
        duplicate: largest excess of the better neighbour's correlation, in robust standard
            deviations. A lost slice is at times filled with a copy of the next one, which
            makes a triplet trivial; the one such pair of AC4 lies 46 to 61 above.
        continuity: largest lack of the worse neighbour's correlation, in robust standard
            deviations. Tiles at AC4's one lost slice lie 5.5 to 8.5 below, at its next
            weakest pair 5.8; no other tile lies more than 4.4 below.
        floor: least correlation of both neighbours, whatever is usual in the volume; tiles
            of the nerve cord below it show no structure that goes on.
        blur: largest ratio of fine detail between two of the three windows. AC4 has no
            slice of visibly different blur and no ratio above 1.61; tiles of slice 9 of the
            nerve cord, visibly softer than its neighbours, reach 2.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    defect: float = Field(default=0.1, gt=0, le=1)
    duplicate: float = Field(default=10.0, gt=0)
    continuity: float = Field(default=4.0, gt=0)
    floor: float = Field(default=0.1, ge=-1, le=1)
    blur: float = Field(default=1.7, ge=1)


def measure(windows: Windows) -> dict[str, float]:
    """What the rules need to know of one triplet.

    Args:
        windows: 3HW, raw grey values of before, middle and after at their offsets.

    Returns:
        ``defect``: largest share, over the three windows, of the most frequent grey value,
        or of 0 and 255 together. ``blur``: the three windows' detail, largest over smallest.
        ``ncc_before``, ``ncc_after``: normalised cross-correlation with the middle.
    """
    before, middle, after = windows
    detail = [_detail(window) for window in windows]
    return {
        "defect": max(_flat_share(window) for window in windows),
        "blur": max(detail) / min(detail) if min(detail) > 0 else float("inf"),
        "ncc_before": ncc(middle, before),
        "ncc_after": ncc(middle, after),
    }


def judge(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Apply the rules to all triplets of all volumes.

    A correlation is compared, as Fisher's z, to the running median over 11 triplets of the
    same column, because it depends on what a column shows and drifts with staining and
    noise through a volume; the unit is 1.4826 times the median absolute deviation from it.

    Args:
        table: a row for each triplet with ``volume``, ``column`` and what ``measure``
            returns, in order of z within a column.
        rules: the thresholds.

    Returns:
        The table with the columns ``continuity`` (negative: worse than expected),
        ``duplicate`` and ``reason``, which is empty for a triplet that is kept.
    """
    both = table[["ncc_before", "ncc_after"]]
    worse = both.min(axis=1)
    lower, upper = _fisher(worse), _fisher(both.max(axis=1))
    expected = lower.groupby(table["column"]).transform(_running_median)
    spread = (lower - expected).abs().groupby(table["volume"]).transform("median") * 1.4826
    unit = spread.clip(lower=_LEAST_SPREAD)
    judged = table.assign(continuity=(lower - expected) / unit, duplicate=(upper - expected) / unit)
    broken = {
        "defect": judged["defect"] > rules.defect,
        "duplicate": judged["duplicate"] > rules.duplicate,
        "continuity": (judged["continuity"] < -rules.continuity) | (worse < rules.floor),
        "blur": judged["blur"] > rules.blur,
    }
    reason = np.select([broken[name] for name in REASONS], list(REASONS), default="")
    return judged.assign(reason=reason)


def _fisher(correlation: pd.Series[float]) -> pd.Series[float]:
    clipped = correlation.clip(-0.999999, 0.999999)
    return pd.Series(np.arctanh(clipped.to_numpy()), index=correlation.index)


def _running_median(values: pd.Series[float]) -> pd.Series[float]:
    return values.rolling(_WINDOW, center=True, min_periods=1).median()


def _flat_share(window: NDArray[np.uint8]) -> float:
    counts = np.bincount(window.ravel(), minlength=256)
    return float(max(counts.max(), counts[0] + counts[255]) / window.size)


def _detail(window: NDArray[np.uint8]) -> float:
    """Gradient energy at 2 px over that at 8 px: free of contrast, and of most pixel noise."""
    fine, coarse = (_gradient_energy(_block_sums(window, side)) for side in (_FINE, _COARSE))
    return fine / coarse if coarse > 0 else 0.0


def _block_sums(window: NDArray[np.uint8], side: int) -> NDArray[np.int64]:
    height, width = (length // side for length in window.shape)
    whole = window[: height * side, : width * side]
    rows = whole.reshape(height, side, width * side).sum(axis=1, dtype=np.int64)
    sums: NDArray[np.int64] = rows.reshape(height, width, side).sum(axis=2)
    return sums


def _gradient_energy(values: NDArray[np.int64]) -> float:
    return float(np.sum(np.diff(values, axis=0) ** 2) + np.sum(np.diff(values, axis=1) ** 2))
