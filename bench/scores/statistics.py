"""Intervals that know that neighbouring triplets are not independent.

All triplets of a column show the same neurites, and all triplets of a slice share what happened to
that slice. Both make scores alike, so both are counted: the error of a mean is clustered two ways,
by column and by block of z (Cameron, Gelbach and Miller, Journal of Business and Economic
Statistics 2011). An interval is over other places and slices of tissue like this one; what a whole
volume has of its own, one volume cannot show. docs/decisions/0010 has the coverage on independent
volumes. Seeds are no clusters: average a triplet's scores over them, and give their spread apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

PLACE = ["volume", "column", "z"]  # where a triplet lies
BLOCK = 3  # consecutive z: as many triplets as can share one slice
BLOCKS = 6  # of z that are wanted before any of them is longer than one z
FEWEST = 3  # columns, and blocks: with fewer there is no telling how much they vary


class Interval(NamedTuple):
    """A mean and the interval around it.

    Attributes:
        mean: over triplets.
        low: lower end; NaN below 3 columns or 3 blocks of z.
        high: upper end; NaN likewise.
        clusters: columns or blocks of z, whichever are fewer.
        lacks: what there are too few of for an interval: ``columns``, ``slices`` or nothing.
    """

    mean: float
    low: float
    high: float
    clusters: int
    lacks: Literal["columns", "slices", ""] = ""

    @property
    def known(self) -> bool:
        """Whether there is an interval around the mean."""
        return not math.isnan(self.low)

    @property
    def reach(self) -> float:
        """Half the interval, which lies evenly about the mean; NaN where there is none."""
        return self.mean - self.low


class Spread(NamedTuple):
    """What another training would change of a mean.

    Attributes:
        variance: of the mean over the trainings.
        freedom: degrees of freedom, one fewer than trainings.
    """

    variance: float
    freedom: int


def seed_spread(means: Sequence[float]) -> Spread | None:
    """The spread of the mean over several trainings; None where there is one.

    Args:
        means: of each training, over the same triplets.
    """
    if len(means) < 2:
        return None
    return Spread(float(np.var(means, ddof=1)) / len(means), len(means) - 1)


def z_blocks(places: pd.DataFrame) -> NDArray[np.int64]:
    """The block of z that each triplet lies in, over all columns of its volume.

    Args:
        places: one row per triplet, with the columns of ``PLACE``. Rows may come in any order;
            a z may be missing or repeat.

    Returns:
        For each row a number from 0. The z that a volume has, in order, are cut into equal
        blocks of at least three, or of fewer where that would leave fewer than six blocks.
    """
    volume, z = pd.factorize(places["volume"], sort=True)[0], places["z"].to_numpy()
    blocks, first = np.empty(len(places), np.int64), 0
    for number in range(int(volume.max(initial=-1)) + 1):
        rows = volume == number
        levels, position = np.unique(z[rows], return_inverse=True)
        count = len(levels) // max(1, min(BLOCK, len(levels) // BLOCKS))
        blocks[rows] = first + position * count // len(levels)
        first += count
    return blocks


def mean_interval(
    values: ArrayLike,
    places: pd.DataFrame,
    spreads: Iterable[Spread] = (),
    confidence: float = 0.95,
) -> Interval:
    """Mean over triplets, with a t interval that counts columns and blocks of z.

    The variance of the mean is that of clustering by column, plus that by block, less that by
    both at once, which was counted twice; and never less than the larger of the first two. t has
    one degree of freedom fewer than the larger of them has clusters.

    Args:
        values: one number per triplet; any that is not finite leaves no interval.
        places: where each triplet lies, with the columns of ``PLACE``.
        spreads: of the trainings that were averaged, added to the variance; the degrees of
            freedom of the sum are Satterthwaite's.
        confidence: how often the interval shall hold the true mean.

    Raises:
        ValueError: nothing to average, or lengths that differ.
    """
    found = _estimate(values, places, spreads)
    if not np.isfinite(found.error):
        return Interval(found.mean, float("nan"), float("nan"), found.clusters, found.lacks)
    from scipy.special import stdtrit

    reach = float(stdtrit(found.freedom, (1 + confidence) / 2)) * found.error
    return Interval(found.mean, found.mean - reach, found.mean + reach, found.clusters)


def paired_gain(
    values: ArrayLike,
    reference: ArrayLike,
    places: pd.DataFrame,
    spreads: Iterable[Spread] = (),
    confidence: float = 0.95,
) -> Interval:
    """Mean of values - reference over the same triplets, with its interval.

    With the null method as reference this is the skill.
    """
    return mean_interval(_differences(values, reference), places, spreads, confidence)


def paired_p_value(
    values: ArrayLike, reference: ArrayLike, places: pd.DataFrame, spreads: Iterable[Spread] = ()
) -> float:
    """Two-sided p-value of the paired gain being zero; NaN where there is no interval.

    It is below 0.05 exactly where the 95 % interval of ``paired_gain`` leaves out zero.
    """
    found = _estimate(_differences(values, reference), places, spreads)
    if not np.isfinite(found.error):
        return float("nan")
    if found.error == 0.0:
        return 1.0 if found.mean == 0.0 else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(found.freedom, -abs(found.mean) / found.error))


def holm(p_values: Sequence[float], tests: int | None = None) -> list[float]:
    """P-values adjusted for the number of tests (Holm 1979), in the order given.

    A NaN stays NaN and counts as no test.

    Args:
        p_values: of the tests that are looked at.
        tests: how many there are in all, where these were picked after a look at the data; the
            others count as the least significant.
    """
    given = np.asarray(p_values, np.float64)
    adjusted = np.full(len(given), np.nan)
    order = np.argsort(given)[: np.count_nonzero(~np.isnan(given))]  # NaN sorts last
    total = len(order) if tests is None else tests
    stepped = given[order] * (total - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted.tolist()


class _Estimate(NamedTuple):
    """A mean, its standard error (NaN where there is none), degrees of freedom, clusters."""

    mean: float
    error: float
    freedom: float
    clusters: int
    lacks: Literal["columns", "slices", ""] = ""


def _estimate(values: ArrayLike, places: pd.DataFrame, spreads: Iterable[Spread]) -> _Estimate:
    numbers = np.asarray(values, np.float64)
    if numbers.shape != (len(places),) or not len(numbers):
        raise ValueError(
            f"An interval needs a place for each value, not {len(places)} for {numbers.shape}."
        )
    column, block = _columns(places), z_blocks(places)
    counts = int(column.max()) + 1, int(block.max()) + 1
    with np.errstate(invalid="ignore"):
        mean = float(numbers.mean())
    if min(counts) < FEWEST:
        lacks: Literal["columns", "slices"] = "columns" if counts[0] < FEWEST else "slices"
        return _Estimate(mean, float("nan"), float("nan"), min(counts), lacks)
    if not np.isfinite(numbers).all():
        return _Estimate(mean, float("nan"), float("nan"), min(counts))
    rest = numbers - mean
    by_column, by_block = _clustered(rest, column), _clustered(rest, block)
    by_both = _clustered(rest, column * counts[1] + block)
    larger = max(by_column, by_block)
    variance = max(by_column + by_block - by_both, larger)
    freedom = counts[0 if by_column >= by_block else 1] - 1
    parts = [Spread(variance, freedom), *spreads]
    total = sum(part.variance for part in parts)
    uncertain = sum(part.variance**2 / part.freedom for part in parts)
    freedom_of_sum = total**2 / uncertain if uncertain else float(freedom)
    return _Estimate(mean, float(np.sqrt(total)), freedom_of_sum, min(counts))


def _columns(places: pd.DataFrame) -> NDArray[np.int64]:
    """A number from 0 for each column of each volume."""
    volume, column = (pd.factorize(places[name])[0] for name in ("volume", "column"))
    numbers: NDArray[np.int64] = np.unique(volume * len(places) + column, return_inverse=True)[1]
    return numbers


def _clustered(rest: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Variance of the mean by clusters: G / (G - 1) times the squared sums of residuals / n^2."""
    _, position = np.unique(labels, return_inverse=True)
    sums = np.bincount(position, rest)
    return len(sums) / (len(sums) - 1) * float(sums @ sums) / len(rest) ** 2


def _differences(values: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    one, other = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"A paired gain needs pairs, not {one.shape} against {other.shape}.")
    with np.errstate(invalid="ignore"):  # two perfect frames: infinity less infinity is no gain
        return one - other
