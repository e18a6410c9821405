"""What hidden windows say whatever fills them: what their scores are to be measured by.

Scores and errors are of tissue, with brightness and contrast matched. How far the brightness of
sound slices lies from what their neighbours foretell is said beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.repair.expected import FEWEST, SCORES, rank
from bench.repair.slices import Slice
from bench.scores.metrics import frc_10, psnr


class Scale(NamedTuple):
    """What a window says whatever fills it.

    Attributes:
        brighter: it is so many grey levels brighter than its neighbours foretell; below 0: darker.
        copy: scores of a copy of the nearer neighbour.
        mean: scores of the mean of both, by their distance.
    """

    brighter: float
    copy: Mapping[str, float]
    mean: Mapping[str, float]


def scored(frame: Slice, truth: Slice) -> dict[str, float]:
    """The scores that a repair expects of a slice."""
    return {"psnr": psnr(frame, truth), "frc_10": frc_10(frame, truth)}


def scale(brighter: float, before: Slice, after: Slice, truth: Slice, time: float) -> Scale:
    """What a window says whatever fills it.

    Args:
        brighter: than its neighbours foretell, in grey levels.
        before: HW, what the slice before shows there.
        after: HW, what the slice after shows there.
        truth: HW, what the window shows.
        time: of its slice.
    """
    mean = np.rint((1 - time) * before.astype(np.float32) + time * after).astype(np.uint8)
    copy = before if time <= 0.5 else after
    return Scale(brighter, scored(copy, truth), scored(mean, truth))


def together(scores: Sequence[Mapping[str, float]], scales: Sequence[Scale]) -> dict[str, Any]:
    """What windows say together, as the record of a repair keeps it; nothing of none.

    Args:
        scores: that each window reached.
        scales: what it says whatever fills it.

    Returns:
        ``brightness``: how far a window is brighter or darker than its neighbours foretell, in grey
        levels: the median, and an end that 1 in 10 pass; of few windows the smallest and the
        largest. ``reached``: mean scores of what was filled, of a copy and of a mean.
    """
    if not scales:
        return {}
    away = np.sort([abs(each.brighter) for each in scales]).round(2).tolist()
    few = len(away) < FEWEST
    brightness = {
        "median": round(float(np.median(away)), 2),
        "low": away[0] if few else None,
        "high": away[-1] if few else away[rank(len(away)) - 1],
    }
    found = {
        "filled": scores,
        "copy": [each.copy for each in scales],
        "mean": [each.mean for each in scales],
    }
    reached = {
        name: {score: _mean([one[score] for one in each]) for score in SCORES}
        for name, each in found.items()
    }
    return {"brightness": brightness, "reached": reached}


def _mean(scores: Sequence[float]) -> float | None:
    """Of the finite ones: slices that are alike to the bit have no finite PSNR."""
    finite = [score for score in scores if np.isfinite(score)]
    return round(float(np.mean(finite)), 4) if finite else None
