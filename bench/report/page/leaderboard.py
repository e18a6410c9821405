"""The leaderboard of the page: a row for each cell with scores, the best and its ties marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.cells.cell import NULL
from bench.scores.cell_figures import CellFigures
from bench.scores.columns import EVERY, LEADING, RANKED, ordered
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.results import Results
from bench.scores.skill import SKILLS, beats, null_of
from bench.scores.standings import Marks, cost, marks_of, places
from bench.scores.statistics import Interval

GAIN = "gain_{}"


@dataclass(frozen=True)
class Column:
    """A column of the leaderboard.

    Attributes:
        name: of the column in the page.
        title: what stands above it.
        hint: what it is, in a few words.
        digits: decimals worth printing.
        better: the direction in which a method improves; ``one`` means nearer to 1.
    """

    name: str
    title: str
    hint: str
    digits: int
    better: Literal["higher", "lower", "one"]

    @property
    def gain(self) -> bool:
        """Whether it is a gain over the null; one that does not beat it is no best."""
        return self.name.startswith(GAIN.format(""))


def _digits(name: str) -> int:
    return METRICS[name].digits if name in METRICS else 4


# What a screen has room for; every other score is in the tables.
_SHOWN = ordered((*RANKED, "ssim", "ie", "sharpness"))
_COLUMNS = [
    *(
        Column(name, metric.title, metric.hint, _digits(name), metric.better)
        for name, metric in ((name, EVERY[name]) for name in _SHOWN)
    ),
    *(
        Column(
            GAIN.format(name),
            f"Gain in {METRICS[name].title}",
            f"skill: paired gain over {NULL}",
            METRICS[name].digits,
            "higher",
        )
        for name in SKILLS
    ),
    Column("seconds", "s / frame", "seconds to synthesise a frame", 3, "lower"),
]


@dataclass
class Row:
    """A cell on the leaderboard.

    Attributes:
        figures: what was measured.
        means: mean and 95 % interval by column; those that are missing are left out.
        best: the columns in which no cell of its dataset is better, or of those that are ranked,
            no method by the mean over its seeds; none where others were scored on more triplets.
        tied: the ranked columns in which its method cannot be told apart from the best.
    """

    figures: CellFigures
    means: dict[str, Interval]
    best: set[str] = field(default_factory=set)
    tied: set[str] = field(default_factory=set)

    @property
    def entry(self) -> Entry:
        """The cell."""
        return self.figures.entry


@dataclass(frozen=True)
class Leaderboard:
    """What the page prints: the columns that hold anything, and the rows, the best first.

    Attributes:
        columns: from left to right.
        rows: by the first of ``LEADING`` that their dataset has.
        sorted_by: the column that all rows are sorted by; empty where datasets differ.
    """

    columns: list[Column]
    rows: list[Row]
    sorted_by: str


def leaderboard(results: Results) -> Leaderboard:
    """Every cell with scores, dataset by dataset."""
    rows = [
        _row(CellFigures(entry, null_of(entry, results.entries)))
        for entry in results.entries
        if entry.scores is not None and len(entry.scores)
    ]
    columns = [column for column in _COLUMNS if any(column.name in row.means for row in rows)]
    for dataset in results.datasets:
        among = [row for row in rows if row.entry.cell.dataset == dataset]
        for row, marks in zip(among, marks_of([row.entry for row in among], RANKED), strict=True):
            _mark(row, marks)
        for column in columns:
            if column.name not in RANKED:
                _mark_best(_fullest(among), column)
    rows.sort(key=lambda row: (row.entry.cell.dataset, *_costs(row)))
    led = next((name for name in LEADING if any(name in row.means for row in rows)), "")
    return Leaderboard(columns, rows, led if len(results.datasets) == 1 else "")


def leaders(board: Leaderboard) -> dict[str, Entry]:
    """A cell of the best method of each dataset, by the column that its rows are sorted by.

    Where no method is the best, for instance because there is one alone, the first row.
    """
    found: dict[str, Entry] = {}
    for dataset in dict.fromkeys(row.entry.cell.dataset for row in board.rows):
        rows = [row for row in board.rows if row.entry.cell.dataset == dataset]
        led = next((name for name in LEADING if any(name in row.means for row in rows)), "")
        found[dataset] = next((row for row in rows if led in row.best), rows[0]).entry
    return found


def _costs(row: Row) -> list[float]:
    """What the rows of a dataset are sorted by; whoever lacks the leading column comes last."""
    found = ((row.means.get(name), EVERY[name].better) for name in LEADING)
    return [math.inf if mean is None else cost(mean.mean, better) for mean, better in found]


def by_column(figures: CellFigures) -> dict[str, Interval]:
    """The figures of a cell by the columns of the leaderboard."""
    gains = {GAIN.format(name): gain for name, gain in figures.skill.items()}
    found = figures.membranes
    facts = figures.entry.facts.predict
    timed = facts.seconds_a_frame if facts else None
    seconds = {} if timed is None else {"seconds": single(timed)}
    return figures.means | gains | (found.means if found else {}) | seconds


def single(value: float) -> Interval:
    """A number that has no interval."""
    return Interval(value, float("nan"), float("nan"), 0)


def _row(figures: CellFigures) -> Row:
    means = by_column(figures)
    return Row(figures, {name: mean for name, mean in means.items() if mean.mean == mean.mean})


def _fullest(rows: Sequence[Row]) -> list[Row]:
    """Those scored on as many triplets as any of their fold: the others cannot be ranked."""
    most: dict[int, int] = {}
    for row in rows:
        fold = row.entry.cell.fold
        most[fold] = max(row.figures.count, most.get(fold, 0))
    return [row for row in rows if row.figures.count == most[row.entry.cell.fold]]


def _mark(row: Row, marks: Marks) -> None:
    row.best |= set(marks.best)
    row.tied |= set(marks.tied)


def _mark_best(rows: Sequence[Row], column: Column) -> None:
    means = [row.means.get(column.name) for row in rows]
    order = places([None if mean is None else mean.mean for mean in means], column.better)
    for row, mean, place in zip(rows, means, order, strict=True):
        if place == 0 and mean is not None and (not column.gain or beats(mean)):
            row.best.add(column.name)
