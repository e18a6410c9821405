"""What several seeds and folds of one method make of a mean, a gain and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_store import COUNT, followed, membranes, scores

from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import boundary_f1, pooled_ratio, with_membrane_metrics
from bench.scores.statistics import Spread, mean_interval, paired_gain, paired_p_value, seed_spread
from bench.store.records import Record


def measured(*tables: pd.DataFrame, folds: Sequence[int] = (0,)) -> Measurement:
    """Cells of one method: the seeds of each fold in turn."""
    entries = []
    for number in range(len(tables)):
        words = {"method": "ssan", "loss": "l1", "dataset": "d", "preset": "quick",
                 "fold": folds[number % len(folds)], "seed": number // len(folds)}  # fmt: skip
        record = Record(status="done", cell=words, key="k", config={}, started="now", dataset={})
        entries.append(Entry(Path(), record))
    return Measurement(tuple(entries), tables)


def trained(means: Sequence[float]) -> list[pd.DataFrame]:
    return [scores("ssan", mean, seed, noise=0.3) for seed, mean in enumerate(means)]


def spread_of(means: Sequence[float], share: float = 1.0) -> Spread:
    spread = seed_spread(means)
    assert spread is not None
    return Spread(share**2 * spread.variance, spread.freedom)


def test_the_spread_of_seeds_is_in_the_mean_and_in_every_gain() -> None:
    one, other, null = trained((19.0, 19.2, 19.4)), trained((18.9, 18.7)), scores("linear", 18.5)
    mean = np.mean([table["psnr"] for table in one], axis=0)
    two = np.mean([table["psnr"] for table in other], axis=0)
    first, second = spread_of((19.0, 19.2, 19.4)), spread_of((18.9, 18.7))
    mine, theirs, alone = measured(*one), measured(*other), measured(null)
    assert mine.mean("psnr") == pytest.approx(mean_interval(mean, null, [first]))
    expected = paired_gain(mean, two, null, [first, second])
    assert mine.gain(theirs, "psnr") == pytest.approx(expected)
    assert mine.p_value(theirs, "psnr") == pytest.approx(
        paired_p_value(mean, two, null, [first, second])
    )
    gain = mine.gain(alone, "psnr")
    assert gain == pytest.approx(paired_gain(mean, null["psnr"], null, [first]))
    back = alone.gain(mine, "psnr")
    assert gain is not None
    assert back[:4] == pytest.approx((-gain.mean, -gain.high, -gain.low, 3))


def test_one_seed_has_no_spread() -> None:
    table = scores("ssan", 19.0)
    assert measured(table).mean("psnr") == pytest.approx(mean_interval(table["psnr"], table))


def test_seeds_with_different_triplets_keep_the_places_of_those_they_share() -> None:
    one, two = trained((19.0, 19.3))
    most = pd.concat([two.iloc[7:], two.iloc[2:4]])  # numbered anew, in another order
    shared = one[one["triplet"].isin(most["triplet"])].reset_index(drop=True)
    other = two[two["triplet"].isin(most["triplet"])].reset_index(drop=True)
    found = measured(one, most.reset_index(drop=True))
    scored = found.scores
    assert scored is not None
    assert found.count == COUNT - 5
    place = scored.droplevel("fold").loc[shared["triplet"], ["volume", "column", "z"]]
    assert place.to_numpy().tolist() == shared[["volume", "column", "z"]].to_numpy().tolist()
    means = [float(table["psnr"].mean()) for table in (shared, other)]
    mean = (shared["psnr"] + other["psnr"]) / 2
    expected = mean_interval(mean, shared, [spread_of(means)])
    assert found.mean("psnr") == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, -1])
def test_seeds_with_different_scores_are_averaged_over_those_they_share(order: int) -> None:
    one, two = trained((19.0, 19.4))
    found = measured(*[one.drop(columns="frc_25"), two.assign(dice=0.5)][::order])
    mean = found.mean("psnr")
    assert mean is not None
    assert mean.mean == pytest.approx(19.2)
    assert found.mean("frc_25") is None
    assert found.mean("dice") is None
    assert found.gain(measured(one), "frc_25") is None


def test_each_fold_has_seeds_of_its_own() -> None:
    """Their spreads count by their shares of the triplets; a column is one in all folds."""
    means = [(19.0, 18.0), (19.4, 18.1)]  # of each seed, in either fold
    tables = [scores("ssan", mean, seed) for seed, pair in enumerate(means) for mean in pair]
    for late in tables[1::2]:
        late["z"] += 20
    few = [table.iloc[:12] if i % 2 else table for i, table in enumerate(tables)]
    found = measured(*few, folds=(0, 1))
    own = [(few[i]["psnr"].reset_index(drop=True) + few[i + 2]["psnr"]) / 2 for i in (0, 1)]
    spreads = [
        spread_of([float(few[i]["psnr"].mean()), float(few[i + 2]["psnr"].mean())], share)
        for i, share in ((0, 30 / 42), (1, 12 / 42))
    ]
    expected = mean_interval(pd.concat(own), pd.concat(few[:2]), spreads)
    assert found.mean("psnr") == pytest.approx(expected)
    assert expected.clusters == 3


def test_a_gain_in_a_pooled_ratio_pools_only_what_both_have() -> None:
    mine, best = membranes(0.7), membranes(0.9)[:24]
    one, other = (replace(measured(t), derive=with_membrane_metrics) for t in (mine, best))
    expected = paired_gain(boundary_f1(mine[:24]), boundary_f1(best), best)
    assert one.gain(other, "boundary_f1") == expected
    whole = one.mean("boundary_f1")
    assert whole is not None
    assert whole.mean == boundary_f1(mine).mean()


def counted(name: str, share: float, each: int) -> pd.DataFrame:
    """Membrane scores with so many neurites a triplet, and that share of them carried."""
    table = followed(name, share)
    return table.assign(neurites=each, neurites_carried=table["neurites_carried"] * each / 20)


def pooled(*tables: pd.DataFrame, folds: Sequence[int]) -> Measurement:
    found = replace(measured(*tables, folds=folds), derive=with_membrane_metrics)
    return found.known("carried")


def share_of(*tables: pd.DataFrame) -> float:
    carried, every = (
        sum(table[name].sum() for table in tables) for name in ("neurites_carried", "neurites")
    )
    return float(carried / every)


def test_in_a_pooled_ratio_a_fold_counts_by_what_is_counted_there() -> None:
    """Trainings differ by 0.02 where there are many neurites, by 0.5 where there are few."""
    many, few = ([counted(f"{share}", share, each) for share in shares]
                 for shares, each in (((0.6, 0.62), 20), ((0.3, 0.8), 1)))  # fmt: skip
    found = pooled(many[0], few[0], many[1], few[1], folds=(0, 1)).mean("carried")
    names = ["neurites", "neurites_carried"]
    both = [sum(table[names] for table in fold) / 2 for fold in (many, few)]
    alone = [[share_of(table, both[1]) for table in many], [share_of(both[0], t) for t in few]]
    values = pooled_ratio(*(pd.concat(both)[name].to_numpy() for name in reversed(names)))
    spreads = [spread_of(means) for means in alone]
    assert found is not None
    expected = mean_interval(values, pd.concat([many[0], few[0]]), spreads)
    assert found[:4] == pytest.approx(expected[:4])
    assert found.mean == pytest.approx(share_of(*both))


def test_a_fold_without_neurites_takes_no_interval_away() -> None:
    with_some, none = (counted(name, 0.6, each) for name, each in (("a", 20), ("b", 0)))
    other = counted("c", 0.62, 20)
    found = pooled(with_some, none, other, none, folds=(0, 1)).mean("carried")
    assert found is not None
    assert found.known
    assert found.mean == pytest.approx(0.61)


def test_triplets_without_a_finite_score_leave_the_mean_where_they_are_told_to() -> None:
    table = scores("ssan", 19.0)
    holed = table.assign(psnr=table["psnr"].where(table["z"] != 4, np.inf))
    mean = measured(holed).known("psnr").mean("psnr")
    rest = table[table["z"] != 4]
    assert mean == mean_interval(rest["psnr"], rest)
    raw = measured(holed).mean("psnr")
    assert raw is not None
    assert not raw.known
