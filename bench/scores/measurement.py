"""What was measured for a method, a loss and a dataset, over all of its seeds and folds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import pandas as pd

from bench.scores.entry import Entry
from bench.scores.statistics import (
    PLACE,
    Interval,
    Spread,
    mean_interval,
    paired_gain,
    paired_p_value,
    seed_spread,
)
from bench.scores.triplet_table import KEYS

Derive = Callable[[pd.DataFrame], pd.DataFrame]


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
    derive: Derive | None = None

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """A row for each (fold, triplet), averaged over the seeds, and where the triplet lies.

        Only triplets that every seed of a fold has are counted: a mean over seeds of
        different triplets would be neither.
        """
        return None if self._averaged is None else self._derived(self._averaged)

    @cached_property
    def _averaged(self) -> pd.DataFrame | None:
        """The same before anything is derived."""
        if not self._folds:
            return None
        parts = {fold: _average(seeds) for fold, seeds in self._folds.items()}
        return pd.concat(parts, names=["fold"])

    @cached_property
    def _folds(self) -> dict[int, list[pd.DataFrame]]:
        """The tables of each fold's seeds, by triplet."""
        folds: dict[int, list[pd.DataFrame]] = {}
        for entry, table in zip(self.entries, self.tables, strict=True):
            if table is not None:
                folds.setdefault(entry.cell.fold, []).append(table.set_index("triplet"))
        return dict(sorted(folds.items()))

    @cached_property
    def _derived_folds(self) -> dict[int, list[pd.DataFrame]]:
        """The same with what is derived of each by itself."""
        return {fold: [*map(self._derived, seeds)] for fold, seeds in self._folds.items()}

    def _derived(self, scores: pd.DataFrame) -> pd.DataFrame:
        return scores if self.derive is None else self.derive(scores)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were trained and measured; none where nothing is trained."""
        pairs = zip(self.entries, self.tables, strict=True)
        found = {entry.cell.seed for entry, t in pairs if t is not None and entry.trained}
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

    def then(self, step: Derive) -> Measurement:
        """The same with one step more behind what is derived."""
        derived = self._derived
        return dataclasses.replace(self, derive=lambda scores: step(derived(scores)))

    def known(self, metric: str) -> Measurement:
        """The same without the triplets where a metric is not finite."""
        tables = [] if self.scores is None else [self.scores, *chain(*self._derived_folds.values())]
        if all(metric not in table or np.isfinite(table[metric]).all() for table in tables):
            return self  # what was derived and averaged is not done again
        return self.then(
            lambda scores: scores[np.isfinite(scores[metric])] if metric in scores else scores
        )

    def on(self, other: Measurement) -> Measurement:
        """The same, of the triplets that another one has too."""
        if other.scores is None:
            return self
        shared = set(other.scores.index)
        if all(
            shared.issuperset((fold, triplet) for triplet in table.index)
            for fold, seeds in self._folds.items()
            for table in seeds
        ):
            return self
        tables = []
        for entry, table in zip(self.entries, self.tables, strict=True):
            if table is not None:
                fold = entry.cell.fold
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
        if self.scores is None or other.scores is None:
            return None
        shared = self.scores.index.intersection(other.scores.index)
        if not len(shared):
            return None
        mine, theirs = self._over(shared), other._over(shared)
        spreads = [*self._spreads(metric, shared), *other._spreads(metric, shared)]
        return mine[metric], theirs[metric], mine[PLACE], spreads

    def _over(self, shared: pd.Index) -> pd.DataFrame:
        """The scores of some of the triplets; a pooled ratio is then one of these alone."""
        if self.scores is None or self._averaged is None:
            raise ValueError("Nothing was measured.")
        if len(shared) == len(self.scores):
            return self.scores.loc[shared]
        return self._derived(self._averaged.loc[shared])

    def _spreads(self, metric: str, shared: pd.Index) -> Iterator[Spread]:
        """What another training of each fold would change of the mean over these triplets."""
        for fold, seeds in self._folds.items():
            triplets = shared[shared.get_level_values("fold") == fold].get_level_values("triplet")
            if not len(triplets) or len(seeds) < 2:  # of one training no spread is known
                continue
            means = [
                float(self._part(table, derived, triplets)[metric].mean())
                for table, derived in zip(seeds, self._derived_folds[fold], strict=True)
            ]
            spread = seed_spread(means, len(triplets) / len(shared))
            if spread is not None:
                yield spread

    def _part(self, table: pd.DataFrame, derived: pd.DataFrame, triplets: pd.Index) -> pd.DataFrame:
        """What is derived of some triplets of a table, of which ``derived`` is that of all."""
        return derived if triplets.equals(table.index) else self._derived(table.loc[triplets])


def every_seed(measurements: Iterable[Measurement]) -> tuple[int, ...]:
    """The seeds of all of them; single ones may have fewer."""
    return tuple(sorted({seed for each in measurements for seed in each.seeds}))


def most_triplets(measurements: Iterable[Measurement]) -> int:
    """How many triplets the fullest of them was measured on."""
    return max((each.count for each in measurements), default=0)


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
