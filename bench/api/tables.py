"""Cells and triplets as tables of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from bench.scores.answer import Answer
from bench.scores.answer_words import paragraphs
from bench.scores.cell_figures import CellFigures, MembraneFigures
from bench.scores.columns import ORDER
from bench.scores.entry import Entry
from bench.scores.statistics import Interval

_NAMES = ("method", "loss", "dataset", "fold", "seed", "preset")
_OTHERS = ("status", "failure", "triplets", "folder")
_PARTS = ("{}", "{}_low", "{}_high")  # of a mean: itself, and both ends of its 95 % interval


def cell_table(cells: Sequence[tuple[CellFigures, MembraneFigures | None]]) -> pd.DataFrame:
    """A row for each cell: what it is, and every mean with both ends of its interval.

    Args:
        cells: the figures of each, and those of its membranes that are to be told.
    """
    rows = [_row(*cell) for cell in cells]
    return pd.DataFrame(rows, columns=[name for name in _columns() if any(name in r for r in rows)])


def triplet_table(entries: Iterable[Entry]) -> pd.DataFrame:
    """A row for each cell and triplet that counts, as the files of the cells have them."""
    measured = [table for entry in entries if (table := _triplets(entry)) is not None]
    return pd.concat(measured, ignore_index=True) if measured else pd.DataFrame()


def answers_as_text(answers: Iterable[Answer]) -> dict[str, str]:
    """What to take on each dataset, in sentences."""
    return {answer.dataset: " ".join(paragraphs(answer)) for answer in answers}


def _columns() -> list[str]:
    """Every column that a table of cells may have, in order."""
    kinds = [kind.format(name) for name in ORDER for kind in ("{}", "{}_skill", "{}_ceiling")]
    return [*_NAMES, *_OTHERS, *(part.format(kind) for kind in kinds for part in _PARTS)]


def _row(figures: CellFigures, membranes: MembraneFigures | None) -> dict[str, Any]:
    entry = figures.entry
    failure = entry.record.failure
    row = entry.cell._asdict() | {
        "status": entry.record.status,
        "failure": failure and failure.reason,
        "triplets": figures.count,
        "folder": str(entry.folder),
    }
    row |= _parts(figures.means, "{}") | _parts(figures.skill, "{}_skill")
    if membranes is not None:
        row |= _parts(membranes.means, "{}") | _parts(membranes.ceiling, "{}_ceiling")
    return row


def _parts(means: Mapping[str, Interval], kind: str) -> dict[str, float]:
    """The columns of some means."""
    return {
        part.format(kind.format(name)): value
        for name, mean in means.items()
        for part, value in zip(_PARTS, (mean.mean, mean.low, mean.high), strict=True)
    }


def _triplets(entry: Entry) -> pd.DataFrame | None:
    """The scores of a cell, a row for each triplet; None where it has none."""
    scores, membranes = entry.scores, entry.membranes
    if scores is None:
        return None
    if membranes is not None:
        further = [name for name in membranes if name not in scores]
        scores = scores.join(membranes.set_index("triplet")[further], on="triplet")
    names = pd.DataFrame([entry.cell._asdict()] * len(scores))
    return pd.concat([names, scores.drop(columns="reason")], axis=1)
