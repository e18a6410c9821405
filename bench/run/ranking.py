"""Who leads in a run's table, and who cannot be told apart from the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.run.job import Outcome
from bench.scores.measurement import Measurement, standings
from bench.scores.metrics import METRICS
from bench.scores.results import Entry
from bench.scores.triplet_table import kept


@dataclass(frozen=True)
class Place:
    """Where a cell stands among those of its dataset, by the mean over the seeds of its method.

    Attributes:
        best: the metrics in which it is the best.
        tied: those in which it cannot be told apart from the best.
    """

    best: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()


def rank(
    outcomes: Sequence[Outcome], tables: Sequence[pd.DataFrame | None], metrics: Sequence[str]
) -> list[Place]:
    """The place of each cell, found as in the tables of the report.

    Args:
        outcomes: the cells of a run.
        tables: their scores, a row a triplet; None where there are none.
        metrics: to rank by.
    """
    groups: dict[str, dict[tuple[str, str], list[int]]] = {}
    for i, outcome in enumerate(outcomes):
        cell = outcome.cell
        groups.setdefault(cell.dataset, {}).setdefault((cell.variant.text, cell.loss), []).append(i)
    places = [Place()] * len(outcomes)
    for seeds in groups.values():
        measured = [_measurement(outcomes, tables, group) for group in seeds.values()]
        columns = {name: standings(measured, name, METRICS[name].better) for name in metrics}
        for number, group in enumerate(seeds.values()):
            best = tuple(name for name in metrics if columns[name][number].emphasis == "best")
            tied = tuple(name for name in metrics if columns[name][number].tie)
            for i in group:
                if tables[i] is not None:
                    places[i] = Place(best, tied)
    return places


def _measurement(
    outcomes: Sequence[Outcome], tables: Sequence[pd.DataFrame | None], group: Sequence[int]
) -> Measurement:
    entries = tuple(Entry(outcomes[i].folder, outcomes[i].record) for i in group)
    found = (tables[i] for i in group)
    return Measurement(entries, tuple(t if t is None else kept(t) for t in found))
