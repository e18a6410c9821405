"""The score that a filled slice is expected to have, from those that hidden slices had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bounds = Mapping[str, tuple[float, float]]

SCORES: Bounds = {"psnr": (0.0, 100.0), "frc_10": (0.0, 1.0)}  # from hidden slices
JUDGED: Bounds = {"dice": (0.0, 1.0), "carried": (0.0, 1.0)}  # from test triplets that were judged
COVERAGE = 0.9  # share of true scores that the intervals are to hold
FEWEST = 9  # hidden slices: of fewer, no interval of that coverage is finite

Values = NDArray[np.float64]


class Expected(NamedTuple):
    """What a score is expected to be.

    Attributes:
        score: the line through the hidden slices, at the gap's difference.
        low: the interval begins there.
        high: it ends there.
        hidden: how many slices were hidden and have the score.
        coverage: share of true scores that such intervals hold; None where so few slices were
            hidden that the interval is the range of their scores and says no more.
    """

    score: float
    low: float
    high: float
    hidden: int
    coverage: float | None


def expected_score(
    difference: float,
    differences: Sequence[float],
    scores: Sequence[float],
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Expected | None:
    """The expected score of a filled slice, and an interval that holds it 9 times in 10.

    A straight line of the score on the logarithm of the difference; the interval is the
    jackknife+ (Barber et al. 2021): the line without each hidden slice in turn, and how far that
    slice lies from it. It supposes no distribution, and that the gap is as any hidden slice.

    Args:
        difference: of the gap's neighbours, above 0.
        differences: of the neighbours of each hidden slice.
        scores: that it reached, filled as the gap is; not finite where it has none.
        bounds: lowest and highest possible score.

    Returns:
        None where no hidden slice has the score.
    """
    x, y = np.log(np.asarray(differences, np.float64)), np.asarray(scores, np.float64)
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if not len(y):
        return None
    here = np.log(difference)
    everything = np.ones((1, len(y)), np.bool_)
    score = float(np.clip(_lines(x, y, everything, np.array([here])), *bounds)[0, 0])
    if len(y) < FEWEST:
        low, high = float(y.min()), float(y.max())
        return Expected(min(max(score, low), high), low, high, len(y), None)
    low, high = np.clip(_jackknife(x, y, here), *bounds)
    return Expected(score, float(low), float(high), len(y), COVERAGE)


def _jackknife(x: Values, y: Values, here: float) -> tuple[float, float]:
    count = len(y)
    others = ~np.eye(count, dtype=np.bool_)
    lines = _lines(x, y, others, np.append(x, here))
    there, residuals = lines[:, -1], np.abs(y - lines.diagonal())
    place = rank(count)
    return (
        float(np.sort(there - residuals)[count - place]),
        float(np.sort(there + residuals)[place - 1]),
    )


def rank(count: int) -> int:
    """Which of so many ascending values, from 1, another one like them passes 1 time in 10."""
    return int(np.ceil(round(COVERAGE * (count + 1), 6)))


def _lines(x: Values, y: Values, taken: NDArray[np.bool_], at: Values) -> Values:
    """Least-squares lines through several choices of points (LN), each read at M places: LM."""
    weights = taken / taken.sum(axis=1, keepdims=True)
    mean_x, mean_y = weights @ x, weights @ y
    spread = weights @ x**2 - mean_x**2
    common = weights @ (x * y) - mean_x * mean_y
    slope = np.divide(common, spread, out=np.zeros_like(spread), where=spread > 1e-12)
    read: Values = mean_y[:, None] + slope[:, None] * (at - mean_x[:, None])
    return read
