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

    def covers(self, other: Measurement) -> bool:
        """Whether it has every triplet that another one has."""
        if self.scores is None or other.scores is None:
            return other.scores is None
        mine, theirs = self.scores.index, other.scores.index
        return mine.equals(theirs) or bool(theirs.isin(mine).all())

    def mean(self, metric: str) -> Interval | None:
        """The mean of a metric; None where nothing was measured."""
        if metric not in self._means:
            self._means[metric] = self._mean(metric)
        return self._means[metric]

    @cached_property
    def _means(self) -> dict[str, Interval | None]:
        """What was asked for so far: a report asks for the same mean many times."""
        return {}

    def _mean(self, metric: str) -> Interval | None:
        if self.scores is None or not self._has(metric):
            return None
        spreads = self._spreads(metric, self.scores.index)
        return mean_interval(self.scores[metric], self.scores[PLACE], spreads)

    def _has(self, metric: str) -> bool:
        """Whether a metric was measured on any triplet."""
        return self.scores is not None and metric in self.scores and len(self.scores) > 0

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
        if metric not in self._knowns:
            self._knowns[metric] = self._known(metric)
        return self._knowns[metric]

    @cached_property
    def _knowns(self) -> dict[str, Measurement]:
        """What was asked for so far, likewise."""
        return {}

    def _known(self, metric: str) -> Measurement:
        tables = [] if self.scores is None else [self.scores, *chain(*self._alone.values())]
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
        if self.scores is None or other.scores is None:
            return None
        if not self._has(metric) or not other._has(metric):
            return None
        shared = self.scores.index
        if not shared.equals(other.scores.index):
            shared = shared.intersection(other.scores.index)
        if not len(shared):
            return None
        mine, theirs = self._over(shared), other._over(shared)
        spreads = [*self._spreads(metric, shared), *other._spreads(metric, shared)]
        return mine[metric], theirs[metric], mine[PLACE], spreads

    def _over(self, shared: pd.Index) -> pd.DataFrame:
        """The scores of some of the triplets; a pooled ratio is then one of these alone."""
        if self.scores is None or self._averaged is None:
            raise ValueError("Nothing was measured.")
        if shared.equals(self.scores.index):
            return self.scores
        if len(shared) == len(self.scores):
            return self.scores.loc[shared]
        return self._derived(self._averaged.loc[shared])

    def _spreads(self, metric: str, shared: pd.Index) -> Iterator[Spread]:
        """What another training of each fold would change of the mean over these triplets."""
        whole = self._averaged is not None and shared.equals(self._averaged.index)
        for fold, seeds in self._folds.items():
            # Of one training no spread is known.
            if len(seeds) < 2 or fold not in shared.get_level_values("fold"):
                continue
            alone = self._alone[fold] if whole else self._with_each(fold, shared)
            spread = seed_spread([float(scores[metric].mean()) for scores in alone])
            if spread is not None:
                yield spread

    @cached_property
    def _alone(self) -> dict[int, list[pd.DataFrame]]:
        """The scores, had a fold been trained with each of its seeds alone; where it has several.

        Of a pooled ratio a fold has the share of what is counted there, not of its triplets: it
        takes the other folds to know it.
        """
        if self._averaged is None:
            return {}
        every = self._averaged.index
        return {
            fold: [*self._with_each(fold, every)]
            for fold, seeds in self._folds.items()
            if len(seeds) > 1
        }

    def _with_each(self, fold: int, shared: pd.Index) -> Iterator[pd.DataFrame]:
        """The same of some of the triplets."""
        if self._averaged is None:
            raise ValueError("Nothing was measured.")
        here = shared.get_level_values("fold") == fold
        triplets = shared[here].get_level_values("triplet")
        names = self._averaged.columns.difference(PLACE, sort=False)
        for seed in self._folds[fold]:
            scores = self._averaged.loc[shared].copy()
            scores.loc[here, names] = seed.loc[triplets, names].to_numpy(np.float64)
            yield self._derived(scores)


def every_seed(measurements: Iterable[Measurement]) -> tuple[int, ...]:
    """The seeds of all of them; single ones may have fewer."""
    return tuple(sorted({seed for each in measurements for seed in each.seeds}))


def fullest(measurements: Iterable[Measurement]) -> Measurement:
    """The one of most triplets, of several the first: means over others cannot be ranked with it.

    As many triplets are not enough: methods that were run on a fold each have other ones.
    """
    return max(measurements, key=lambda each: each.count, default=Measurement((), ()))


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
