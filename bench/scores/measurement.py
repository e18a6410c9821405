"""What was measured for a method, a loss and a dataset, over all of its seeds and folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from bench.scores.results import Entry
from bench.scores.statistics import (
    PLACE,
    Interval,
    Spread,
    holm,
    mean_interval,
    paired_gain,
    paired_p_value,
    seed_spread,
)  # fmt: skip
from bench.scores.triplet_table import KEYS

Better = Literal["higher", "lower", "one"]
LEVEL = 0.05
TIE = "="  # the mark of what cannot be told apart from the best
Emphasis = Literal["", "best", "second"]


@dataclass(frozen=True)
class Measurement:
    """The cells of one method and loss on one dataset.

    Attributes:
        entries: one a fold and seed, finished or not.
        tables: what each of them measured, a row a triplet; None where it did not.
        derive: adds columns to a table of scores, be it of one seed or of their average.
    """

    entries: tuple[Entry, ...]
    tables: tuple[pd.DataFrame | None, ...]
    derive: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """A row for each (fold, triplet), averaged over the seeds, and where the triplet lies.

        Only triplets that every seed of a fold has are counted: a mean over seeds of
        different triplets would be neither.
        """
        if not self._folds:
            return None
        parts = {fold: _average(seeds) for fold, seeds in self._folds.items()}
        return self._derived(pd.concat(parts, names=["fold"]))

    @cached_property
    def _folds(self) -> dict[int, list[pd.DataFrame]]:
        """The tables of each fold's seeds, by triplet."""
        folds: dict[int, list[pd.DataFrame]] = {}
        for entry, table in zip(self.entries, self.tables, strict=True):
            if table is not None:
                folds.setdefault(entry.words["fold"], []).append(table.set_index("triplet"))
        return dict(sorted(folds.items()))

    def _derived(self, scores: pd.DataFrame) -> pd.DataFrame:
        return scores if self.derive is None else self.derive(scores)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were trained and measured; none where nothing is trained."""
        pairs = zip(self.entries, self.tables, strict=True)
        found = {entry.words["seed"] for entry, t in pairs if t is not None and entry.trained}
        return tuple(sorted(found))

    @property
    def count(self) -> int:
        """How many triplets were measured."""
        return 0 if self.scores is None else len(self.scores)

    def mean(self, metric: str) -> Interval | None:
        """The mean of a metric; None where nothing was measured."""
        if self.scores is None or metric not in self.scores or not len(self.scores):
            return None
        spreads = self._spreads(metric, self.scores.index)
        return mean_interval(self.scores[metric], self.scores[PLACE], spreads)

    def gain(self, other: Measurement, metric: str) -> Interval | None:
        """Mean of this less the other over the triplets that both have.

        Where either has several seeds, their spread is in the interval; where one has a single
        seed, the interval is of that training.
        """
        pair = self._pair(other, metric)
        return None if pair is None else paired_gain(*pair)

    def on(self, other: Measurement) -> Measurement:
        """The same, of the triplets that another one has too."""
        if other.scores is None:
            return self
        shared = set(other.scores.index)
        tables = []
        for entry, table in zip(self.entries, self.tables, strict=True):
            if table is not None:
                fold = entry.words["fold"]
                table = table[[(fold, triplet) in shared for triplet in table["triplet"]]]
            tables.append(table)
        return dataclasses.replace(self, tables=tuple(tables))

    def p_value(self, other: Measurement, metric: str) -> float:
        """Two-sided p-value of that gain being zero; NaN where it cannot be told."""
        pair = self._pair(other, metric)
        return float("nan") if pair is None else paired_p_value(*pair)

    def _pair(
        self, other: Measurement, metric: str
    ) -> tuple[pd.Series[float], pd.Series[float], pd.DataFrame, list[Spread]] | None:
        if self.mean(metric) is None or other.mean(metric) is None:
            return None
        one, two = self.scores, other.scores
        if one is None or two is None:
            return None
        shared = one.index.intersection(two.index)
        if not len(shared):
            return None
        mine = one.loc[shared]
        spreads = [*self._spreads(metric, shared), *other._spreads(metric, shared)]
        return mine[metric], two.loc[shared, metric], mine[PLACE], spreads

    def _spreads(self, metric: str, shared: pd.Index) -> Iterator[Spread]:
        """What another training of each fold would change of the mean over these triplets."""
        for fold, seeds in self._folds.items():
            triplets = shared[shared.get_level_values("fold") == fold].get_level_values("triplet")
            if not len(triplets):
                continue
            means = [float(self._derived(table.loc[triplets])[metric].mean()) for table in seeds]
            spread = seed_spread(means, len(triplets) / len(shared))
            if spread is not None:
                yield spread


def every_seed(measurements: Iterable[Measurement]) -> tuple[int, ...]:
    """The seeds of all of them; single ones may have fewer."""
    return tuple(sorted({seed for each in measurements for seed in each.seeds}))


def most_triplets(measurements: Iterable[Measurement]) -> int:
    """How many triplets the fullest of them was measured on."""
    return max((each.count for each in measurements), default=0)


def comparable(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Those with as many triplets as the fullest; in place of the others, nothing measured.

    Means over different triplets cannot be ranked.
    """
    most = most_triplets(measurements)
    return [each if each.count == most else Measurement((), ()) for each in measurements]


def not_ranked(measurement: Measurement, among: Iterable[Measurement], dataset: str) -> list[str]:
    """What a row's name has to say where ``comparable`` leaves its measurement out."""
    if not 0 < measurement.count < most_triplets(among):
        return []
    return [
        f"{dataset}: over fewer test triplets than the caption says, so without best, second "
        f"and `{TIE}`."
    ]


def _average(seeds: list[pd.DataFrame]) -> pd.DataFrame:
    """Every score that all of the seeds have, over the triplets that all of them have."""
    shared, names = seeds[0].index, seeds[0].select_dtypes("number").columns
    for table in seeds[1:]:
        shared = shared.intersection(table.index)
        names = names.intersection(table.columns, sort=False)
    names = names.difference(KEYS, sort=False)
    with np.errstate(invalid="ignore"):
        total = sum(table.loc[shared, names].to_numpy(np.float64) for table in seeds)
    mean = pd.DataFrame(total / len(seeds), index=shared, columns=names)
    return seeds[0].loc[shared, PLACE].join(mean)


@dataclass(frozen=True)
class Standing:
    """How one of several measurements stands among them."""

    emphasis: Emphasis = ""
    tie: bool = False


def standings(measurements: Sequence[Measurement], metric: str, better: Better) -> list[Standing]:
    """Best and second by unrounded means, and what cannot be told apart from the best.

    Equal means share a place; whoever shares the first leaves none second. A tie is a paired
    difference to the best whose p-value, adjusted for the number of comparisons (Holm), is
    not below 0.05, or that has no interval. All pairs count as compared, not only those with
    the best: which one is the best, the same scores have said.
    """
    means = [measurement.mean(metric) for measurement in measurements]
    costs = [float("nan") if mean is None else cost(mean.mean, better) for mean in means]
    known = sorted(cost for cost in costs if not np.isnan(cost))
    if len(known) < 2:
        return [Standing()] * len(costs)
    best = costs.index(known[0])
    p_values = [
        _difference(measurements[best], other, metric, better) if cost > known[0] else float("nan")
        for other, cost in zip(measurements, costs, strict=True)
    ]
    adjusted = holm(p_values, len(known) * (len(known) - 1) // 2)
    ties = [
        not np.isnan(cost) and i != best and not adjusted[i] < LEVEL for i, cost in enumerate(costs)
    ]
    places = [known.index(cost) if cost in known else -1 for cost in costs]
    names: dict[int, Emphasis] = {0: "best", 1: "second"}
    return [Standing(names.get(place, ""), tie) for place, tie in zip(places, ties, strict=True)]


def cost(mean: float, better: Better) -> float:
    """What a method should have little of."""
    return {"higher": -mean, "lower": mean, "one": abs(mean - 1)}[better]


def _difference(best: Measurement, other: Measurement, metric: str, better: Better) -> float:
    """The p-value of the two being equally good."""
    if better != "one":
        return best.p_value(other, metric)
    return _toward_one(best, metric).p_value(_toward_one(other, metric), metric)


def _toward_one(measurement: Measurement, metric: str) -> Measurement:
    """The metric as a distance from 1, signed so that the distance of the mean is its mean."""
    mean = measurement.mean(metric)
    sign = 1.0 if mean is not None and mean.mean >= 1 else -1.0

    def derive(scores: pd.DataFrame) -> pd.DataFrame:
        return scores.assign(**{metric: sign * (scores[metric] - 1)})

    return dataclasses.replace(measurement, derive=derive)
