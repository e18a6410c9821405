"""Intervals that know that neighbouring triplets are not independent.

Triplets of neighbouring z share slices: one bad slice spoils three of them. The unit that is
counted is therefore the cluster, a block of at least three consecutive z in one column.
Neighbouring blocks still share two slices at their seam. Were a score made of nothing but its
three slices in equal parts, a 95 % interval would hold the mean 91 times in a hundred (by
simulation). Longer blocks would mend that and leave too few of them, so it is stated rather
than corrected; so is that tiles of one slice count as independent. Seeds are no clusters:
average a triplet's scores over seeds first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

BLOCK = 3  # consecutive z: as many triplets as can share one slice
FEWEST = 4  # clusters: with fewer there is no telling how much they vary


class Interval(NamedTuple):
    """A mean and the interval around it.

    Attributes:
        mean: over triplets.
        low: lower end; NaN below 4 clusters.
        high: upper end; NaN below 4 clusters.
        clusters: how many clusters the triplets came from.
    """

    mean: float
    low: float
    high: float
    clusters: int


def cluster_ids(keys: pd.DataFrame) -> NDArray[np.int64]:
    """Cluster of every triplet: blocks of at least three consecutive z in one column.

    Args:
        keys: one row per triplet, with the columns ``volume``, ``column`` (which tile of the
            slice) and ``z``. Rows may come in any order; a z may be missing or repeat.

    Returns:
        For each row a number from 0. The z that a column has, in order, are cut into as many
        equal blocks of at least three as there is room for; a column with fewer is one block.
    """
    clusters = np.empty(len(keys), np.int64)
    first = 0
    for rows in keys.groupby(["volume", "column"], sort=True).indices.values():
        levels, position = np.unique(keys["z"].to_numpy()[rows], return_inverse=True)
        count = max(1, len(levels) // BLOCK)
        clusters[rows] = first + position * count // len(levels)
        first += count
    return clusters


def cluster_interval(values: ArrayLike, clusters: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean over triplets, with a t interval that counts clusters.

    The mean is a ratio of two sums over clusters, values by triplets; its linearised variance
    is G / (G - 1) times the sum of squares of (cluster sum - cluster size x mean) / n, and t
    has G - 1 degrees of freedom (Cameron and Miller, Journal of Human Resources 2015).

    Args:
        values: one number per triplet; any that is not finite leaves no interval.
        clusters: the cluster of each triplet, as ``cluster_ids`` gives it.
        confidence: how often the interval shall hold the true mean.

    Raises:
        ValueError: nothing to average, or lengths that differ.
    """
    mean, error, count = _mean_and_error(values, clusters)
    if not np.isfinite(error):
        return Interval(mean, float("nan"), float("nan"), count)
    from scipy.special import stdtrit

    reach = float(stdtrit(count - 1, (1 + confidence) / 2)) * error
    return Interval(mean, mean - reach, mean + reach, count)


def paired_gain(
    values: ArrayLike, reference: ArrayLike, clusters: ArrayLike, confidence: float = 0.95
) -> Interval:
    """Mean of values - reference over the same triplets, with its interval.

    With the null method as reference this is the skill.
    """
    return cluster_interval(_differences(values, reference), clusters, confidence)


def paired_p_value(values: ArrayLike, reference: ArrayLike, clusters: ArrayLike) -> float:
    """Two-sided p-value of the paired gain being zero; NaN where there is no interval.

    It is below 0.05 exactly where the 95 % interval of ``paired_gain`` leaves out zero.
    """
    mean, error, count = _mean_and_error(_differences(values, reference), clusters)
    if not np.isfinite(error):
        return float("nan")
    if error == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(count - 1, -abs(mean) / error))


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


def _mean_and_error(values: ArrayLike, clusters: ArrayLike) -> tuple[float, float, int]:
    """Mean, its cluster-robust standard error (NaN where there is none), number of clusters."""
    numbers, labels = np.asarray(values, np.float64), np.asarray(clusters)
    if numbers.shape != labels.shape or numbers.ndim != 1 or not len(numbers):
        raise ValueError(
            f"An interval needs one cluster for each value, not {labels.shape} for {numbers.shape}."
        )
    _, position = np.unique(labels, return_inverse=True)
    count = int(position.max()) + 1
    with np.errstate(invalid="ignore"):
        mean = float(numbers.mean())
    if count < FEWEST or not np.isfinite(numbers).all():
        return mean, float("nan"), count
    residuals = np.bincount(position, numbers - mean)
    variance = count / (count - 1) * float(residuals @ residuals) / len(numbers) ** 2
    return mean, float(np.sqrt(variance)), count


def _differences(values: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    one, other = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"A paired gain needs pairs, not {one.shape} against {other.shape}.")
    with np.errstate(invalid="ignore"):  # two perfect frames: infinity less infinity is no gain
        return one - other
