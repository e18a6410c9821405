"""Intervals hold what they say, shown by simulation and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench.scores.statistics import (
    Spread,
    holm,
    mean_interval,
    paired_gain,
    paired_p_value,
    seed_spread,
    z_blocks,
)


def grid(columns: int, depth: int, volume: str = "v") -> pd.DataFrame:
    """A place for a triplet in each column at each z, column by column."""
    column, z = np.divmod(np.arange(columns * depth), depth)
    return pd.DataFrame({"volume": volume, "column": column, "z": 40 + z})


@pytest.mark.parametrize(
    ("depth", "sizes"),
    [(3, [1] * 3), (6, [1] * 6), (11, [1] * 11), (12, [2] * 6), (16, [2] * 8), (18, [3] * 6),
     (20, [4, 3, 3, 4, 3, 3]), (30, [3] * 10)],
)  # fmt: skip
def test_blocks_are_of_three_z_where_that_leaves_six(depth: int, sizes: list[int]) -> None:
    blocks = z_blocks(grid(1, depth))
    assert np.bincount(blocks).tolist() == sizes
    assert (np.diff(blocks) >= 0).all()


def test_a_block_is_the_same_slices_in_all_columns_of_a_volume_and_of_no_other() -> None:
    one = grid(2, 18)
    both = pd.concat([one, grid(1, 18, "w")])
    blocks = z_blocks(both)
    assert (blocks[:18] == blocks[18:36]).all()
    assert (blocks[36:] == blocks[:18] + 6).all()
    holes = both[~both["z"].isin((43, 47))]
    assert len(np.unique(z_blocks(holes[holes["volume"] == "v"]))) == 8  # of two: 16 are left
    order = np.random.default_rng(0).permutation(len(both))
    assert (z_blocks(both.iloc[order]) == blocks[order]).all()


def test_the_variance_is_that_of_a_two_way_table() -> None:
    """In a full table: (between columns + between slices - of all) / n, as mean squares."""
    random = np.random.default_rng(1)
    table = random.normal(size=(5, 8)) + random.normal(size=(5, 1)) + random.normal(size=(1, 8))
    found = mean_interval(table.ravel(), grid(5, 8), confidence=0.9)
    columns = 8 * table.mean(axis=1).var(ddof=1)
    slices = 5 * table.mean(axis=0).var(ddof=1)
    error = np.sqrt((columns + slices - table.var(ddof=1)) / 40)
    freedom = 4 if columns > slices else 7
    expected = stats.t.interval(0.9, freedom, loc=table.mean(), scale=error)
    assert found.mean == pytest.approx(table.mean(), rel=1e-12)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-12)
    assert found.clusters == 5


@pytest.mark.parametrize("axis", [0, 1])
def test_where_the_variance_would_be_too_small_the_larger_part_stands(axis: int) -> None:
    """Columns that cancel in every slice say nothing of slices, and the other way round."""
    table = np.array([[1.0, -1.0, 2.0, -2.0]] * 4) * np.array([[1], [-1], [1], [-1]])
    table += np.expand_dims([0.0, 0.1, -0.1, 0.2], axis)
    found = mean_interval(table.ravel(), grid(4, 4))
    means = table.mean(axis=axis)
    expected = stats.t.interval(0.95, 3, loc=table.mean(), scale=stats.sem(means))
    assert table.var(ddof=1) > 4 * means.var(ddof=1)  # so that the sum would be below zero
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-9)


def test_columns_that_differ_by_hand() -> None:
    """The worked example of docs/reference/metrics.md: no slice differs from another."""
    gains = np.repeat([0.1, 0.2, 0.2, 0.3], 18)
    variance = 4 / 3 * 2 * (18 * 0.1) ** 2 / 72**2
    found = mean_interval(gains, grid(4, 18))
    assert variance == pytest.approx(0.00167, abs=1e-5)
    assert found.reach == pytest.approx(stats.t.ppf(0.975, 3) * np.sqrt(variance))
    assert (round(found.mean, 2), round(found.reach, 2)) == (0.2, 0.13)


def test_unequal_clusters_by_hand() -> None:
    places = pd.DataFrame({"volume": "v", "column": [0, 0, 1, 2, 2], "z": [1, 2, 3, 1, 3]})
    # Mean 2. Sums of (value - 2) by column: -2, 0, 2; by z: 0, -1, 1. 3/2 x 8 / 25 = 0.48 and
    # 3/2 x 2 / 25 = 0.12; by both 5/4 x 4 / 25 = 0.2: their sum less that is below 0.48.
    found = mean_interval([1.0, 1.0, 2.0, 3.0, 3.0], places)
    reach = 4.302652729911275 * np.sqrt(0.48)
    assert found[:4] == pytest.approx((2.0, 2 - reach, 2 + reach, 3), rel=1e-9)


@pytest.mark.parametrize(("columns", "depth"), [(2, 18), (1, 30), (9, 2)])
def test_no_interval_below_three_columns_or_three_slices(columns: int, depth: int) -> None:
    found = mean_interval(np.arange(columns * depth), grid(columns, depth))
    assert found.mean == (columns * depth - 1) / 2
    assert np.isnan([found.low, found.high]).all()
    assert found.clusters == min(columns, len(set(z_blocks(grid(columns, depth)))))


def test_no_interval_where_a_score_is_infinite() -> None:
    places = grid(3, 3)
    found = mean_interval([np.inf, *range(8)], places)
    assert found.mean == np.inf
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(paired_gain([np.inf] * 9, [np.inf] * 9, places).mean)


def test_values_and_places_must_match() -> None:
    with pytest.raises(ValueError, match="a place for each value"):
        mean_interval([1.0, 2.0], grid(1, 1))
    with pytest.raises(ValueError, match="a place for each value"):
        mean_interval([], grid(1, 0))
    with pytest.raises(ValueError, match="pairs"):
        paired_gain([1.0, 2.0], [0.0], grid(1, 2))


def crossed(
    random: np.random.Generator, columns: int, depth: int, by_column: float, by_slice: float
) -> NDArray[np.float64]:
    """Scores of mean 0: what a column has of its own, what a slice has, and what neither has."""
    table = random.normal(size=(columns, depth))
    table += random.normal(scale=by_column, size=(columns, 1))
    return (table + random.normal(scale=by_slice, size=(1, depth))).ravel()


@pytest.mark.parametrize(("columns", "depth"), [(3, 18), (4, 6), (4, 18), (16, 6), (12, 12)])
@pytest.mark.parametrize("effects", [(0.5, 0.0), (0.0, 0.5), (2.0, 0.5), (0.5, 2.0), (1.0, 1.0)])
def test_coverage(columns: int, depth: int, effects: tuple[float, float]) -> None:
    random, places, held = np.random.default_rng(columns), grid(columns, depth), []
    for _ in range(200):
        interval = mean_interval(crossed(random, columns, depth, *effects), places)
        held.append(interval.low <= 0 <= interval.high)
    assert 0.91 <= np.mean(held) <= 0.995


@pytest.mark.parametrize("trainings", [2, 3, 5])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 3.0])
def test_coverage_with_several_trainings(trainings: int, ratio: float) -> None:
    """Trainings that differ by so many standard errors of the mean over the triplets."""
    random, places, held, without = np.random.default_rng(trainings), grid(4, 18), [], []
    error = np.sqrt(1 / 4 + 0.25 / 18 + 1 / 72)
    for _ in range(300):
        own = random.normal(scale=ratio * error, size=trainings)
        seeds = own[:, None] + 0.3 * random.normal(size=(trainings, 72))
        mean = seeds.mean(axis=0) + crossed(random, 4, 18, 1.0, 0.5)
        spread = seed_spread(seeds.mean(axis=1))
        assert spread is not None
        for kept, spreads in ((held, [spread]), (without, [])):
            interval = mean_interval(mean, places, spreads)
            kept.append(interval.low <= 0 <= interval.high)
    assert 0.92 <= np.mean(held) <= 0.99
    if ratio == 3.0:
        assert np.mean(without) < 0.9


def test_the_spread_of_trainings_by_hand() -> None:
    assert seed_spread([19.0]) is None
    assert seed_spread([19.0, 19.4, 19.2]) == pytest.approx((0.04 / 3, 2))
    values, places = np.random.default_rng(3).normal(size=72), grid(4, 18)
    alone, two = mean_interval(values, places), mean_interval(values, places, [Spread(4.0, 1)])
    assert two.high - two.mean == pytest.approx(2 * stats.t.ppf(0.975, 1), rel=0.05)
    assert mean_interval(values, places, [Spread(0.0, 1)]) == pytest.approx(alone)


def p_values(columns: int, effect: float) -> NDArray[np.float64]:
    """Of 200 data sets whose paired differences have this mean."""
    random, places, found = np.random.default_rng(columns), grid(columns, 12), []
    for _ in range(200):
        shared = random.normal(scale=3, size=len(places))
        gain = effect + crossed(random, columns, 12, 1.0, 0.5)
        found.append(paired_p_value(shared + gain, shared, places))
    return np.array(found)


@pytest.mark.parametrize("columns", [4, 6, 10, 20])
def test_false_positives_are_few(columns: int) -> None:
    assert np.mean(p_values(columns, effect=0.0) < 0.05) <= 0.085


@pytest.mark.parametrize(("columns", "effect"), [(4, 3.0), (6, 2.0), (10, 1.5), (20, 1.0)])
def test_a_known_effect_is_found(columns: int, effect: float) -> None:
    assert np.mean(p_values(columns, effect) < 0.05) >= 0.9


@pytest.mark.parametrize("methods", [2, 5, 9])
def test_equal_methods_are_rarely_beaten_by_the_one_that_happens_to_lead(methods: int) -> None:
    random = np.random.default_rng(methods)
    places, beaten = grid(6, 6), []
    for _ in range(200):
        scores = np.stack([crossed(random, 6, 6, 0.7, 0.3) for _ in range(methods)])
        best = int(scores.mean(axis=1).argmax())
        found = [paired_p_value(scores[best], other, places) for other in scores]
        found[best] = float("nan")
        adjusted = holm(found, methods * (methods - 1) // 2)
        beaten.append(np.nanmin(adjusted) < 0.05)
    assert np.mean(beaten) <= 0.075


def test_pairing_removes_what_both_share() -> None:
    random = np.random.default_rng(2)
    reference = random.normal(scale=5, size=60)
    values = reference + 0.3 + random.normal(scale=0.1, size=60)
    gain = paired_gain(values, reference, grid(6, 10))
    assert gain.low > 0.2
    assert gain.high < 0.4
    assert mean_interval(values, grid(6, 10)).low < 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spreads", [(), (Spread(0.05, 2), Spread(0.01, 1))])
def test_p_value_belongs_to_the_interval(seed: int, spreads: tuple[Spread, ...]) -> None:
    values = np.random.default_rng(seed).normal(loc=0.4, size=24)
    places, zero = grid(4, 6), np.zeros(24)
    p_value = paired_p_value(values, zero, places, spreads)
    edge = paired_gain(values, zero, places, spreads, confidence=1 - p_value)
    assert min(abs(edge.low), abs(edge.high)) == pytest.approx(0, abs=1e-9)


def test_p_value_at_its_limits() -> None:
    places = grid(3, 3)
    assert paired_p_value(np.ones(9), np.ones(9), places) == 1.0
    assert paired_p_value(np.ones(9), np.zeros(9), places) == 0.0
    assert np.isnan(paired_p_value([1.0, 2.0], [0.0, 0.0], grid(1, 2)))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.01, 0.02], tests=6) == pytest.approx([0.06, 0.1])


def test_holm_leaves_out_what_was_not_tested() -> None:
    first, second, third = holm([0.02, float("nan"), 0.03])
    assert (first, third) == pytest.approx((0.04, 0.04))
    assert np.isnan(second)
