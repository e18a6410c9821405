"""The leaderboard of the page: a row for each cell with scores, the best of a column marked."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from bench.cells.cell import NULL
from bench.run.summary import SKILLS, beats, verdict_words
from bench.scores.measurement import cost
from bench.scores.membranes import boundary_f1
from bench.scores.metrics import METRICS
from bench.scores.results import Entry, Results
from bench.scores.statistics import PLACE, Interval, mean_interval, paired_gain

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


_HINTS = {
    "psnr": "peak signal-to-noise ratio",
    "ssim": "structural similarity",
    "ie": "mean absolute error in grey levels",
    "frc_10": "Fourier ring correlation below 0.1 cycles per pixel",
    "frc_25": "Fourier ring correlation below 0.25 cycles per pixel",
    "sharpness": "gradient energy over that of the truth; 1 is best",
}
_COLUMNS = [
    *(
        Column(name, METRICS[name].title, hint, METRICS[name].digits, METRICS[name].better)
        for name, hint in _HINTS.items()
    ),
    Column("dice", "Dice", "membranes, mean over triplets", 4, "higher"),
    Column("f1", "F1", "membrane boundaries, pooled over triplets", 4, "higher"),
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
        entry: the cell.
        triplets: how many were scored.
        means: mean and 95 % interval by column; those that are missing are left out.
        best: the columns in which no cell of its dataset is better; none where others of its
            fold were scored on more triplets.
    """

    entry: Entry
    triplets: int
    means: dict[str, Interval]
    best: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Leaderboard:
    """What the page prints: the columns that hold anything, and the rows, best PSNR first."""

    columns: list[Column]
    rows: list[Row]


def leaderboard(results: Results) -> Leaderboard:
    """Every cell with scores, dataset by dataset."""
    rows = [
        _row(entry, entry.scores, null_of(entry, results))
        for entry in results.entries
        if entry.scores is not None and len(entry.scores)
    ]
    columns = [column for column in _COLUMNS if any(column.name in row.means for row in rows)]
    for dataset in results.datasets:
        among = [row for row in rows if row.entry.words["dataset"] == dataset]
        for column in columns:
            _mark_best(_fullest(among), column)
    rows.sort(key=lambda row: (row.entry.words["dataset"], -row.means["psnr"].mean))
    return Leaderboard(columns, rows)


def null_of(entry: Entry, results: Results) -> Entry | None:
    """The null's cell on the same dataset and fold, if it looked at all the entry's triplets."""
    if entry.words["method"] == NULL or entry.scores is None:
        return None
    words = {name: entry.words[name] for name in ("dataset", "fold")}
    for null in results.select(method=NULL, **words):
        if null.scores is not None and set(entry.scores["triplet"]) <= set(null.scores["triplet"]):
            return null
    return None


def gains(entry: Entry, null: Entry, metric: str) -> pd.DataFrame:
    """The entry's scores beside the null's: columns ``value``, ``reference``, ``PLACE``."""
    if entry.scores is None or null.scores is None:
        raise ValueError("A gain needs scores on both sides.")
    reference = null.scores.set_index("triplet")[metric].loc[entry.scores["triplet"]]
    return entry.scores[PLACE].assign(value=entry.scores[metric], reference=reference.to_numpy())


def _row(entry: Entry, scores: pd.DataFrame, null: Entry | None) -> Row:
    values = {name: mean_interval(scores[name], scores[PLACE]) for name in _HINTS if name in scores}
    if null is not None:
        for name in SKILLS:
            pairs = gains(entry, null, name)
            values[GAIN.format(name)] = paired_gain(
                pairs["value"], pairs["reference"], pairs[PLACE]
            )
    values |= membrane_values(entry.membranes)
    seconds = _seconds(entry)
    if seconds is not None:
        values["seconds"] = _single(seconds)
    return Row(entry, len(scores), {k: v for k, v in values.items() if not math.isnan(v.mean)})


def membrane_values(table: pd.DataFrame | None) -> dict[str, Interval]:
    """Dice and boundary F1 of a table of membrane scores; empty without one."""
    if table is None:
        return {}
    values = {}
    if "dice" in table:
        values["dice"] = mean_interval(table["dice"], table[PLACE])
    if "boundary_true" in table:
        values["f1"] = _single(float(boundary_f1(table).mean()))
    return values


def verdict(row: Row) -> str | None:
    """A plain word where a cell is worse than the null, or not shown to beat it."""
    gains = {METRICS[name].title: row.means.get(GAIN.format(name)) for name in SKILLS}
    words = verdict_words({title: gain for title, gain in gains.items() if gain is not None})
    return words.replace("`", "") or None


def _single(value: float) -> Interval:
    return Interval(value, math.nan, math.nan, 0)


def _seconds(entry: Entry) -> float | None:
    done = entry.record.stages.get("predict")
    return done.facts.get("seconds_a_frame") if done else None


def _fullest(rows: list[Row]) -> list[Row]:
    """Those scored on as many triplets as any of their fold: the others cannot be ranked."""
    most: dict[int, int] = {}
    for row in rows:
        fold = row.entry.words["fold"]
        most[fold] = max(row.triplets, most.get(fold, 0))
    return [row for row in rows if row.triplets == most[row.entry.words["fold"]]]


def _mark_best(rows: list[Row], column: Column) -> None:
    held = [row for row in rows if column.name in row.means]
    if len(held) < 2:
        return
    costs = [cost(row.means[column.name].mean, column.better) for row in held]
    for row, paid in zip(held, costs, strict=True):
        if paid == min(costs) and (not column.gain or beats(row.means[column.name])):
            row.best.add(column.name)
