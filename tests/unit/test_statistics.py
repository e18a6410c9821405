"""Intervals hold what they say, shown by simulation and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench.statistics import cluster_ids, cluster_interval, holm, paired_gain, paired_p_value


def _keys(columns: dict[str, list[int]]) -> pd.DataFrame:
    rows = [("v", name, z) for name, levels in columns.items() for z in levels]
    return pd.DataFrame(rows, columns=["volume", "column", "z"])


def test_blocks_hold_three_consecutive_z_of_one_column() -> None:
    keys = _keys({"0": list(range(8)), "1": [4, 5, 6]})
    assert cluster_ids(keys).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_order_of_rows_does_not_matter() -> None:
    keys = _keys({"0": list(range(20)), "1": list(range(5, 17))})
    order = np.random.default_rng(0).permutation(len(keys))
    assert (cluster_ids(keys.iloc[order]) == cluster_ids(keys)[order]).all()


def test_volumes_do_not_share_a_block() -> None:
    one = _keys({"0": [1, 2, 3]})
    both = pd.concat([one, one.assign(volume="w")])
    assert cluster_ids(both).tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("length", range(3, 25))
def test_no_block_is_shorter_than_three(length: int) -> None:
    sizes = np.bincount(cluster_ids(_keys({"0": list(range(10, 10 + length))})))
    assert sizes.min() >= 3
    assert len(sizes) == length // 3


def test_a_short_column_is_one_block_and_repeats_of_z_stay_together() -> None:
    assert cluster_ids(_keys({"0": [7, 8]})).tolist() == [0, 0]
    ids = cluster_ids(_keys({"0": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]}))
    assert ids.tolist() == [0] * 6 + [1] * 6


def test_equal_clusters_give_the_t_interval_of_their_means() -> None:
    values = np.random.default_rng(1).normal(size=(7, 3)) + np.arange(7)[:, None]
    means = values.mean(axis=1)
    found = cluster_interval(values.ravel(), np.repeat(np.arange(7), 3), confidence=0.9)
    low, high = stats.t.interval(0.9, 6, loc=means.mean(), scale=stats.sem(means))
    assert found.clusters == 7
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)


def test_unequal_clusters_by_hand() -> None:
    # Mean 2; cluster sums of (value - 2): -2, 0, 1, 1; variance 4/3 x 6 / 25.
    found = cluster_interval([1.0, 1.0, 2.0, 3.0, 3.0], [5, 5, 9, 1, 2])
    reach = 3.182446305284263 * np.sqrt(4 / 3 * 6 / 25)
    assert found == pytest.approx((2.0, 2 - reach, 2 + reach, 4), rel=1e-9)


def test_no_interval_below_four_clusters() -> None:
    found = cluster_interval([1.0, 2.0, 3.0, 4.0], [0, 1, 2, 2])
    assert found.mean == 2.5
    assert np.isnan([found.low, found.high]).all()
    assert found.clusters == 3


def test_no_interval_where_a_score_is_infinite() -> None:
    found = cluster_interval([np.inf, 1.0, 2.0, 3.0, 4.0], np.arange(5))
    assert found.mean == np.inf
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(paired_gain([np.inf] * 5, [np.inf] * 5, np.arange(5)).mean)


def test_values_and_clusters_must_match() -> None:
    with pytest.raises(ValueError, match="one cluster for each value"):
        cluster_interval([1.0, 2.0], [0])
    with pytest.raises(ValueError, match="one cluster for each value"):
        cluster_interval([], [])
    with pytest.raises(ValueError, match="pairs"):
        paired_gain([1.0, 2.0], [0.0], [0, 1])


def _coverage(count: int, unequal: bool) -> tuple[float, float]:
    """How often the clustered and the naive 95 % interval hold the true mean of 200 data sets."""
    random = np.random.default_rng(count)
    sizes = random.integers(1, 7, count) if unequal else np.full(count, 3)
    clusters = np.repeat(np.arange(count), sizes)
    held = np.zeros(2)
    for _ in range(200):
        values = random.normal(size=count)[clusters] + random.normal(size=len(clusters))
        for index, labels in enumerate((clusters, np.arange(len(clusters)))):
            interval = cluster_interval(values, labels)
            held[index] += interval.low <= 0 <= interval.high
    return held[0] / 200, held[1] / 200


@pytest.mark.parametrize("unequal", [False, True], ids=["equal", "unequal"])
@pytest.mark.parametrize("count", [6, 10, 20, 40])
def test_coverage(count: int, unequal: bool) -> None:
    clustered, naive = _coverage(count, unequal)
    assert 0.91 <= clustered <= 0.98
    assert naive < 0.89


def _p_values(count: int, effect: float) -> NDArray[np.float64]:
    """P-values of 200 data sets whose paired differences have this mean, in cluster deviations."""
    random = np.random.default_rng(count)
    clusters = np.repeat(np.arange(count), 3)
    found = []
    for _ in range(200):
        shared = random.normal(scale=3, size=len(clusters))
        gain = effect + random.normal(size=count)[clusters]
        found.append(paired_p_value(shared + gain, shared, clusters))
    return np.array(found)


@pytest.mark.parametrize("count", [6, 10, 20, 40])
def test_false_positives_are_few(count: int) -> None:
    assert np.mean(_p_values(count, effect=0.0) < 0.05) <= 0.075


@pytest.mark.parametrize(("count", "effect"), [(6, 2.0), (10, 1.5), (20, 1.0), (40, 0.75)])
def test_a_known_effect_is_found(count: int, effect: float) -> None:
    assert np.mean(_p_values(count, effect) < 0.05) >= 0.9


@pytest.mark.parametrize("methods", [2, 5, 9])
def test_equal_methods_are_rarely_beaten_by_the_one_that_happens_to_lead(methods: int) -> None:
    random = np.random.default_rng(methods)
    clusters, beaten = np.arange(12), []
    for _ in range(200):
        scores = random.normal(size=(methods, 12))
        best = int(scores.mean(axis=1).argmax())
        p_values = [paired_p_value(scores[best], other, clusters) for other in scores]
        p_values[best] = float("nan")
        adjusted = holm(p_values, methods * (methods - 1) // 2)
        beaten.append(np.nanmin(adjusted) < 0.05)
    assert np.mean(beaten) <= 0.075


def test_pairing_removes_what_both_share() -> None:
    random = np.random.default_rng(2)
    reference = random.normal(scale=5, size=60)
    values = reference + 0.3 + random.normal(scale=0.1, size=60)
    clusters = np.repeat(np.arange(20), 3)
    gain = paired_gain(values, reference, clusters)
    assert gain.low > 0.2
    assert gain.high < 0.4
    assert cluster_interval(values, clusters).low < 0


@pytest.mark.parametrize("seed", range(5))
def test_p_value_belongs_to_the_interval(seed: int) -> None:
    random = np.random.default_rng(seed)
    values, clusters = random.normal(loc=0.4, size=24), np.repeat(np.arange(8), 3)
    p_value = paired_p_value(values, np.zeros(24), clusters)
    edge = paired_gain(values, np.zeros(24), clusters, confidence=1 - p_value)
    assert min(abs(edge.low), abs(edge.high)) == pytest.approx(0, abs=1e-9)


def test_p_value_at_its_limits() -> None:
    clusters = np.arange(5)
    assert paired_p_value(np.ones(5), np.ones(5), clusters) == 1.0
    assert paired_p_value(np.ones(5), np.zeros(5), clusters) == 0.0
    assert np.isnan(paired_p_value([1.0, 2.0], [0.0, 0.0], [0, 1]))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.01, 0.02], tests=6) == pytest.approx([0.06, 0.1])


def test_holm_leaves_out_what_was_not_tested() -> None:
    first, second, third = holm([0.02, float("nan"), 0.03])
    assert (first, third) == pytest.approx((0.04, 0.04))
    assert np.isnan(second)
