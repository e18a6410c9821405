"""Where nothing is filled: the neighbours differ beyond what was seen when slices were hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.repair.departure import shrunk
from bench.repair.disagreement import Moved

_CELL = 2  # pixels
_BACKGROUND = 32.0  # pixels: brightness that varies more slowly is no difference
_FINE = (0.7, 1.4)  # pixels: standard deviations of the Gaussians between which detail is fine
_COARSE = (2.0, 4.0)
_FALSE = 0.01  # of sound gaps: beyond the limit
_LEAST = 1e-6  # in place of 0: its logarithm is looked at
_SHARP = 1.4  # times more detail: less than that is nobody's blur
_WORDS = ("1 less their correlation", "the detail of one over that of the other")

Slice = NDArray[np.uint8]
Map = NDArray[np.float32]


class Difference(NamedTuple):
    """How much the neighbours of a slice differ.

    Attributes:
        unlikeness: 1 less the correlation of both, moved to where the slice lies, averaged over
            2 x 2 px and without what varies slowly: 0 for the same slice, about 1 for unrelated
            ones, whatever their brightness and contrast.
        detail: how many times more fine detail one has than the other, relative to its coarse
            detail: 1 for equally sharp ones.
    """

    unlikeness: float
    detail: float


def difference(before: Slice, after: Slice, neighbours: Moved) -> Difference:
    """How much the neighbours of a slice differ.

    Args:
        before: HW, grey levels.
        after: HW.
        neighbours: what ``moved`` makes of both at the time of the slice between them.
    """
    one, other = (_less_background(shrunk(each, _CELL)) for each in neighbours[:2])
    power = float(np.sqrt((one * one).mean() * (other * other).mean()))
    alike = float((one * other).mean()) / power if power > _LEAST else 1.0
    sharp, soft = (_detail(grey.astype(np.float32)) for grey in (before, after))
    return Difference(max(1 - alike, _LEAST), float(np.exp(abs(sharp - soft))))


def refusal(gap: Difference, hidden: Sequence[Difference]) -> str:
    """Why a gap is not filled; empty where it may be.

    It is not where a number of it is beyond that of every hidden slice, and also beyond what one
    sound gap in a hundred would pass, were the logarithms of the numbers normal: with few hidden
    slices that is far. Of detail, less than 1.4 times is never beyond.

    Args:
        gap: of its neighbours.
        hidden: of the neighbours of each hidden slice; with fewer than two nothing is refused.
    """
    if len(hidden) < 2:
        return ""
    numbers = zip(*hidden, strict=True)
    for words, least, number, seen in zip(_WORDS, (0, _SHARP), gap, numbers, strict=True):
        limit = max(least, max(seen), _one_in_a_hundred(seen))
        if number > limit:
            return (
                f"its neighbours differ more than those of hidden slices: {words} is {number:.2f}, "
                f"at most {max(seen):.2f} in {len(seen)} hidden slices (limit {limit:.2f})"
            )
    return ""


def _one_in_a_hundred(numbers: Sequence[float]) -> float:
    """The upper end of a one-sided prediction interval for one more number."""
    from scipy.special import stdtrit

    logs, count = np.log(numbers), len(numbers)
    reach = stdtrit(count - 1, 1 - _FALSE) * np.sqrt(1 + 1 / count)
    return float(np.exp(logs.mean() + reach * logs.std(ddof=1)))


def _less_background(grey: Map) -> Map:
    slow = cv2.GaussianBlur(grey, (0, 0), _BACKGROUND / _CELL)
    return np.asarray(grey - slow, np.float32)


def _detail(grey: Map) -> float:
    """The logarithm of fine detail relative to coarse detail."""
    fine, coarse = (
        (cv2.GaussianBlur(grey, (0, 0), narrow) - cv2.GaussianBlur(grey, (0, 0), wide)).std()
        for narrow, wide in (_FINE, _COARSE)
    )
    return float(np.log(max(fine, 1e-6) / max(coarse, 1e-6)))
