"""Which triplets are fit to train and score on: six numeric rules on the raw grey values.

The values each rule looks at (see ``window_measures``) are recorded for every triplet, kept or
not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from bench.triplets.gap import POSITION, first_missing

REASONS = ("defect", "padding", "blend", "duplicate", "continuity", "blur")

_WINDOW = 11  # triplets along z whose median is the expected correlation
_LEAST_SPREAD = 0.02  # Fisher z; sampling noise, where a volume is too regular for its MAD
ENOUGH = 7  # triplets of a column that tell what is usual there: most of such a window
_COPY = 0.9999  # correlation of one picture with itself, however few triplets there are
_UPSAMPLED = 0.2  # of the triplets: fewer blends are slices that somebody has filled


class Rules(BaseModel):
    """Thresholds; a triplet is rejected for the first rule of this order that it breaks.

    They were set by looking at contact sheets of two volumes, mouse cortex (SNEMI3D AC4,
    512 px tiles) and fly nerve cord (Gerhard et al. 2013, 192 px tiles). Sound windows had a
    defect value of at most 0.047, a duplicate value of at most 6.4, and a blur ratio whose
    99th percentile is 1.53 and 1.75.

    Attributes:
        defect: largest share of one window's tissue that may have one and the same grey
            value, or be black or white (0 or 255): constant or saturated beyond it. A window
            without tissue is blank.
        padding: largest share of one window's pixels that may show no tissue.
        uneven: largest share of the pixels that may show tissue in one of the three slices and
            none in another. As much of it as this costs an interpolation about 0.3 dB.
        blend: of the middle's finest detail that the better neighbour does not predict, the
            least share that both together may not predict either. Noise is finest detail, and
            each slice has its own: genuine slices had 0.99 and more, isotropic FIB-SEM of 10 nm
            0.76 and more. Slices that somebody had filled by averaging had 0.02 (two parts to
            one: 0.07), most of a volume upsampled along z 0.05 to 0.4. What was compressed with
            loss after it was averaged is not found (0.82).
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
    padding: float = Field(default=0.1, ge=0, le=1)
    uneven: float = Field(default=0.002, ge=0, le=1)
    blend: float = Field(default=0.5, ge=0, le=1)
    duplicate: float = Field(default=10.0, gt=0)
    continuity: float = Field(default=4.0, gt=0)
    floor: float = Field(default=0.1, ge=-1, le=1)
    blur: float = Field(default=1.7, ge=1)


def judge(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Apply the rules to all triplets of all volumes.

    A correlation is compared, as Fisher's z, to the running median over 11 triplets of the
    same column, because it depends on what a column shows and drifts with staining and
    noise through a volume; the unit is 1.4826 times the median absolute deviation from it.
    A column of fewer than 7 triplets does not tell what is usual: there nothing but a copy is
    a duplicate, and nothing but the floor ends continuity.

    Of a gap of several slices each has such a row, beside the slices next to it. They are compared
    with those at the same position in the gaps of their column, and what one of them is rejected
    for, all of the gap are.

    Args:
        table: a row for each triplet with ``volume``, ``column``, ``z``, where gaps are wider than
            one slice ``position``, and what ``window_measures.measure`` returns, in order of z
            within a column (and position).
        rules: the thresholds.

    Returns:
        The table with the columns ``continuity`` (negative: worse than expected),
        ``duplicate`` (both 0 in a column of fewer than 7) and ``reason``, which is empty for a
        triplet that is kept.
    """
    both = table[["ncc_before", "ncc_after"]]
    worse, better = both.min(axis=1), both.max(axis=1)
    lower, upper = _fisher(worse), _fisher(better)
    position = [table[POSITION]] if POSITION in table else []
    column, volume = [table["column"], *position], [table["volume"], *position]
    enough = lower.groupby(column).transform("size") >= ENOUGH
    expected = lower.groupby(column).transform(_running_median)
    deviation = (lower - expected).abs().where(enough)
    spread = deviation.groupby(volume).transform("median") * 1.4826
    unit = spread.clip(lower=_LEAST_SPREAD)
    judged = table.assign(
        continuity=((lower - expected) / unit).where(enough, 0.0),
        duplicate=((upper - expected) / unit).where(enough, 0.0),
    )
    broken = {
        "defect": judged["defect"] > rules.defect,
        "padding": (judged["padding"] > rules.padding) | (judged["uneven"] > rules.uneven),
        "blend": judged["blend"] < rules.blend,
        "duplicate": (judged["duplicate"] > rules.duplicate) | (~enough & (better >= _COPY)),
        "continuity": (judged["continuity"] < -rules.continuity) | (worse < rules.floor),
        "blur": judged["blur"] > rules.blur,
    }
    if position:
        gap = [table["column"], first_missing(table)]
        broken = {name: rows.groupby(gap).transform("any") for name, rows in broken.items()}
    reason = np.select([broken[name] for name in REASONS], list(REASONS), default="")
    return judged.assign(reason=reason)


def upsampled(reasons: pd.Series[str]) -> str:
    """One sentence if many slices of a volume are mixes of others; empty if not.

    Args:
        reasons: of all candidates.
    """
    blends = int((reasons == "blend").sum())
    if blends <= _UPSAMPLED * len(reasons):
        return ""
    return (
        f"{blends} of {len(reasons)} middle slices are mixes of their neighbours, so the volume "
        "was hardly imaged like this but upsampled along z; build from the slices that were imaged."
    )


def _fisher(correlation: pd.Series[float]) -> pd.Series[float]:
    clipped = correlation.clip(-0.999999, 0.999999)
    return pd.Series(np.arctanh(clipped.to_numpy()), index=correlation.index)


def _running_median(values: pd.Series[float]) -> pd.Series[float]:
    return values.rolling(_WINDOW, center=True, min_periods=1).median()
