"""Which triplets are fit to train and score on: six numeric rules on the raw grey values.

The values each rule looks at are recorded for every triplet, kept or not. Sums are taken
over whole numbers, so the same volume gives the same verdicts on every machine.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from bench.triplets.align import ncc

REASONS = ("defect", "padding", "blend", "duplicate", "continuity", "blur")

_WINDOW = 11  # triplets along z whose median is the expected correlation
_LEAST_SPREAD = 0.02  # Fisher z; sampling noise, where a volume is too regular for its MAD
_ENOUGH = 7  # triplets of a column that tell what is usual there: most of such a window
_ROUNDING = 3.0  # energy a pixel of the second difference of rounding errors: 36 / 12
_COPY = 0.9999  # correlation of one picture with itself, however few triplets there are
_UPSAMPLED = 0.2  # of the triplets: fewer blends are slices that somebody has filled
_FINE, _COARSE = 2, 8  # pixels

Windows = NDArray[np.uint8]


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
        blend: of the middle's finest detail that the better neighbour does not foretell, the
            least share that both together may not foretell either. Noise is finest detail, and
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


def measure(windows: Windows, tissue: NDArray[np.bool_] | None = None) -> dict[str, float]:
    """What the rules need to know of one triplet.

    Args:
        windows: 3HW, raw grey values of before, middle and after at their offsets.
        tissue: 3HW, where they show tissue; None where they show nothing else.

    Returns:
        ``padding``: largest share of a window without tissue. ``uneven``: share of the pixels
        that show tissue in some of the three windows and not in all. ``defect``: largest share,
        over the tissue of the three windows, of the most frequent grey value, or of 0 and 255
        together. ``blend``: of the middle's finest detail that one neighbour does not foretell,
        the share that both do not foretell either. ``blur``: the three windows' detail, largest
        over smallest. ``ncc_before``, ``ncc_after``: normalised cross-correlation with the
        middle. The last four look at pixels that show tissue in all windows that they compare.
    """
    before, middle, after = windows
    common = None if tissue is None else np.asarray(tissue.all(axis=0))
    detail = [_detail(window, common) for window in windows]
    return {
        "padding": 0.0 if tissue is None else float((~tissue).mean(axis=(1, 2)).max()),
        "uneven": 0.0 if tissue is None else float((tissue != tissue[0]).any(axis=0).mean()),
        "defect": max(_flat_share(w) for w in _tissue_of(windows, tissue)),
        "blend": _own_detail(windows, common),
        "blur": max(detail) / min(detail) if min(detail) > 0 else float("inf"),
        "ncc_before": _ncc(middle, before, tissue, (1, 0)),
        "ncc_after": _ncc(middle, after, tissue, (1, 2)),
    }


def judge(table: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Apply the rules to all triplets of all volumes.

    A correlation is compared, as Fisher's z, to the running median over 11 triplets of the
    same column, because it depends on what a column shows and drifts with staining and
    noise through a volume; the unit is 1.4826 times the median absolute deviation from it.
    A column of fewer than 7 triplets does not tell what is usual: there nothing but a copy is
    a duplicate, and nothing but the floor ends continuity.

    Args:
        table: a row for each triplet with ``volume``, ``column`` and what ``measure``
            returns, in order of z within a column.
        rules: the thresholds.

    Returns:
        The table with the columns ``continuity`` (negative: worse than expected),
        ``duplicate`` (both 0 in a column of fewer than 7) and ``reason``, which is empty for a
        triplet that is kept.
    """
    both = table[["ncc_before", "ncc_after"]]
    worse, better = both.min(axis=1), both.max(axis=1)
    lower, upper = _fisher(worse), _fisher(better)
    enough = table.groupby("column")["column"].transform("size") >= _ENOUGH
    expected = lower.groupby(table["column"]).transform(_running_median)
    deviation = (lower - expected).abs().where(enough)
    spread = deviation.groupby(table["volume"]).transform("median") * 1.4826
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
    reason = np.select([broken[name] for name in REASONS], list(REASONS), default="")
    return judged.assign(reason=reason)


def upsampled(reasons: pd.Series[str]) -> str:
    """One sentence on a volume of which many slices are mixes of others; empty for others.

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


def _tissue_of(windows: Windows, tissue: NDArray[np.bool_] | None) -> list[Windows]:
    if tissue is None:
        return list(windows)
    return [window[there] for window, there in zip(windows, tissue, strict=True)]


def _ncc(
    one: Windows, other: Windows, tissue: NDArray[np.bool_] | None, which: tuple[int, int]
) -> float:
    if tissue is None:
        return ncc(one, other)
    there = tissue[which[0]] & tissue[which[1]]
    return ncc(one[there], other[there])


def _flat_share(pixels: NDArray[np.uint8]) -> float:
    if not pixels.size:
        return 1.0
    counts = np.bincount(pixels.ravel(), minlength=256)
    return float(max(counts.max(), counts[0] + counts[255]) / pixels.size)


def _own_detail(windows: Windows, common: NDArray[np.bool_] | None) -> float:
    """How much of what one neighbour does not foretell of the middle both do not foretell either.

    It looks at the finest detail, the second difference along both axes, and takes the least
    squares fit of the middle's to that of the better neighbour and to those of both. Sums are
    of whole numbers below 2^53, so they are exact.
    """
    details = [_second_difference(window) for window in windows]
    if common is not None:
        whole = np.lib.stride_tricks.sliding_window_view(common, (3, 3)).all(axis=(2, 3))
        details = [detail[whole] for detail in details]
    before, middle, after = (detail.ravel() for detail in details)
    energies = np.array([before @ before, after @ after])
    shared = np.array([before @ middle, after @ middle])
    explained = np.divide(shared**2, energies, out=np.zeros(2), where=energies > 0)
    one = middle @ middle - explained.max()
    products = np.diag(energies) + (before @ after) * (1 - np.eye(2))
    both = middle @ middle - shared @ np.linalg.lstsq(products, shared, rcond=None)[0]
    # A copy, exact but for rounding, leaves nothing over; it is a duplicate and no mix.
    return float(both / one) if one > _ROUNDING * middle.size else 1.0


def _second_difference(window: Windows) -> NDArray[np.float64]:
    rows = np.diff(window.astype(np.int16), n=2, axis=0)  # up to 16 x 255: small is fast
    return np.diff(rows, n=2, axis=1).astype(np.float64)


def _detail(window: Windows, common: NDArray[np.bool_] | None) -> float:
    """Gradient energy at 2 px over that at 8 px: free of contrast, and of most pixel noise."""
    fine, coarse = (
        _gradient_energy(
            _block_sums(window, side),
            None if common is None else _block_sums(common, side) == side * side,
        )
        for side in (_FINE, _COARSE)
    )
    return fine / coarse if coarse > 0 else 0.0


def _block_sums(window: NDArray[np.uint8] | NDArray[np.bool_], side: int) -> NDArray[np.int64]:
    height, width = (length // side for length in window.shape)
    whole = window[: height * side, : width * side]
    rows = whole.reshape(height, side, width * side).sum(axis=1, dtype=np.int64)
    sums: NDArray[np.int64] = rows.reshape(height, width, side).sum(axis=2)
    return sums


def _gradient_energy(values: NDArray[np.int64], known: NDArray[np.bool_] | None) -> float:
    total = 0
    for lines, there in ((values, known), (values.T, None if known is None else known.T)):
        squares = np.diff(lines, axis=0) ** 2
        total += int((squares if there is None else squares[there[1:] & there[:-1]]).sum())
    return float(total)
