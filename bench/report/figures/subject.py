"""Which cells of the store a dataset's figures show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.cells.cell import NULL
from bench.report.registry_order import registry_place
from bench.report.selection import EVERY_ROW, Shown
from bench.scores.cell_scores import image_scores
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.results import Results, fullest_preset
from bench.store.records import NONE
from bench.triplets.file import TripletFile


class AbsentError(Exception):
    """A figure lacks its cells; the sentence says which."""


def method_of(entry: Entry) -> str:
    """The method's word without options."""
    return entry.cell.method.partition("[")[0]


def loss_of(entry: Entry) -> str:
    """The loss's word without options."""
    return entry.cell.loss.partition("[")[0]


def label(entry: Entry) -> str:
    """What a text calls a cell: ``SSAN-Ls``, or ``linear`` as on the command line."""
    return entry.title if entry.trained else entry.cell.method


def drawn(text: str) -> str:
    """A name for matplotlib, which reads what stands between two dollars as mathematics."""
    return text.replace("$", r"\$")


@dataclass
class Subject:
    """The cells of one dataset that belong together: one fold and one preset.

    Attributes:
        dataset: its name.
        fold: the one with the most cells.
        preset: the one with the most cells, the longer one of two; None if none was trained.
        entries: its cells in the order of the registry, then by loss and seed.
        file: its triplets, if they are at hand.
        others: presets and folds that the store also has of this dataset.
        shown: which methods and losses are shown; the null ranks triplets either way.
    """

    dataset: str
    fold: int
    preset: str | None
    entries: list[Entry]
    file: TripletFile | None
    others: list[str]
    shown: Shown = EVERY_ROW

    @cached_property
    def leading(self) -> list[Entry]:
        """Of what is shown, a cell for each method and loss: without options, first seed."""
        return [e for e in self._every if self.shown.row(e.cell.method, e.cell.loss)]

    @cached_property
    def _every(self) -> list[Entry]:
        """The same of all methods and losses."""
        chosen: dict[tuple[str, str], Entry] = {}
        for entry in sorted(self.entries, key=_plainness):
            chosen.setdefault((method_of(entry), loss_of(entry)), entry)
        return [entry for entry in self.entries if entry in chosen.values()]

    @cached_property
    def scored(self) -> list[Entry]:
        """The leading cells that have scores."""
        return [entry for entry in self.leading if entry.scores is not None]

    @cached_property
    def own(self) -> str | None:
        """The trained method that a figure is about: SSAN, or else the one with most losses."""
        trained = [method_of(entry) for entry in self.leading if entry.trained]
        if "ssan" in trained or not trained:
            return "ssan" if trained else None
        return Counter(trained).most_common(1)[0][0]

    @property
    def null(self) -> Entry | None:
        """The null, if it has scores, whether it is shown or not."""
        scored = (entry for entry in self._every if entry.scores is not None)
        return next((entry for entry in scored if method_of(entry) == NULL), None)

    def find(self, method: str | None, loss: str) -> Entry | None:
        """The leading cell of a method and a loss, in whatever state it is."""
        return next(
            (e for e in self.leading if method_of(e) == method and loss_of(e) == loss), None
        )

    def seeds(self, entry: Entry) -> list[Entry]:
        """A cell with every seed."""
        names = ("method", "loss", "preset")
        return [
            other
            for other in self.entries
            if all(getattr(other.cell, name) == getattr(entry.cell, name) for name in names)
        ]

    def values(self, entry: Entry, metric: str) -> pd.Series:
        """A metric by triplet, the mean over the seeds that have scores; finite values only."""
        scores = self.measured(entry, metric).scores
        if scores is None:
            raise ValueError(f"{entry.folder} has no scores to show.")
        values: pd.Series = scores[metric].droplevel("fold")
        return values

    def measured(self, entry: Entry, metric: str) -> Measurement:
        """A cell with every seed, over the triplets where a metric is finite."""
        return image_scores(self.seeds(entry)).known(metric)

    def common(self, entries: Sequence[Entry]) -> NDArray[np.int64]:
        """The kept test triplets that all of these cells have frames of.

        Raises:
            AbsentError: there is none.
        """
        shared: set[int] | None = None
        for entry in entries:
            if entry.scores is None:
                continue
            own = set(entry.scores["triplet"].tolist())
            shared = own if shared is None else shared & own
        if not shared:
            raise AbsentError("no test triplet was scored by all of its cells")
        return np.array(sorted(shared), np.int64)


def subject_of(results: Results, dataset: str, shown: Shown = EVERY_ROW) -> Subject:
    """The cells of a dataset that its figures show."""
    every = results.select(dataset=dataset)
    fold = min(
        (entry.cell.fold for entry in every),
        key=lambda fold: (-len(results.select(dataset=dataset, fold=fold)), fold),
    )
    preset = fullest_preset(results.select(dataset=dataset, fold=fold))
    entries = [
        entry
        for entry in results.select(dataset=dataset, fold=fold)
        if entry.cell.preset in (NONE, preset)
    ]
    others = {f"fold {entry.cell.fold}" for entry in every} - {f"fold {fold}"}
    others |= {f"preset {entry.cell.preset}" for entry in every} - {f"preset {preset}"}
    return Subject(
        dataset,
        fold,
        preset,
        sorted(entries, key=_order),
        results.files.get(dataset),
        sorted(others - {f"preset {NONE}"}),
        shown,
    )


def _order(entry: Entry) -> tuple[tuple[int, str, int, str], int]:
    return registry_place(entry.cell.method, entry.cell.loss), entry.cell.seed


def _plainness(entry: Entry) -> tuple[bool, int]:
    options = "[" in f"{entry.cell.method}{entry.cell.loss}"
    return options, entry.cell.seed
