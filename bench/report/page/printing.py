"""The leaderboard with every number as the page prints it, and the notes under it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from bench.report.page.gallery import detail
from bench.report.page.leaderboard import GAIN, Column, Leaderboard, Row
from bench.scores.cautions import label_remarks
from bench.scores.ceiling import KINDS, REAL, TRUE_SEGMENTS
from bench.scores.cell_figures import CellFigures, Means
from bench.scores.columns import RANKED
from bench.scores.entry import Entry
from bench.scores.statistics import Interval

_STATUS = {"running": "running or killed"}  # a record cannot tell: who is killed writes no more
_BESIDE = {
    REAL: "the segmenter's ceiling",
    KINDS[TRUE_SEGMENTS]: "the true neurites of the real slice in place of segments",
}
_DRAWN = GAIN.format("psnr")  # the column whose intervals are drawn as well


def status(entry: Entry) -> str:
    """The state of a cell in the page's words."""
    if entry.damage:
        return "damaged"
    return _STATUS.get(entry.record.status, entry.record.status)


def kind(entry: Entry) -> str:
    """Classical, fitted or trained, as far as the record knows."""
    return entry.method.kind


def print_board(board: Leaderboard) -> dict[str, Any]:
    """Columns, rows and what these are compared with, as the template wants them."""
    place = _scale([row.means[_DRAWN] for row in board.rows if _DRAWN in row.means])
    rows = []
    for row in board.rows:
        numbers = _numbers(row.means, board.columns)
        for column, number in zip(board.columns, numbers, strict=True):
            if number is not None:
                number["best"] = column.name in row.best
                number["tied"] = column.name in row.tied
            if number is not None and column.name == _DRAWN and number["reach"]:
                number["whisker"] = _whisker(row.means[_DRAWN], *place)
        rows.append(_words(row) | {"numbers": numbers})
    return {
        "columns": board.columns,
        "rows": rows,
        "beside": _beside(board),
        "sorted_by": board.sorted_by,
        "ranked": ", ".join(column.title for column in board.columns if column.name in RANKED),
    }


def print_notes(board: Leaderboard) -> list[tuple[str, str]]:
    """What has to be known to read the leaderboard: of a method, a dataset, then of a cell."""
    notes: dict[tuple[str, str], None] = {}
    for row in board.rows:
        method = row.entry.method
        for deviation in method.deviations:
            notes[method.title or row.entry.cell.method, deviation] = None
    for row in board.rows:
        remarks = [row.entry.segmenter_caution, *label_remarks(row.entry.dataset)]
        notes |= dict.fromkeys((str(row.entry.cell.dataset), r) for r in remarks if r)
    for row in board.rows:
        where = f"{row.entry.title} ({row.entry.cell.dataset}, {detail(row.entry)})"
        notes |= dict.fromkeys((where, sentence) for sentence in _cell_notes(row))
    return list(notes)


def _words(row: Row) -> dict[str, Any]:
    entry = row.entry
    words = {name: str(getattr(entry.cell, name)) for name in ("dataset", "loss", "preset")}
    return {
        "id": entry.folder.name,
        "title": entry.title,
        "detail": detail(entry),
        "status": status(entry),
        "words": words | {"kind": kind(entry), "fold": entry.cell.fold, "seed": entry.cell.seed},
        "triplets": row.figures.count,
    }


def _print(value: Interval | None, column: Column) -> dict[str, Any] | None:
    if value is None:
        return None
    sign = "+" if column.gain else ""
    return {
        "value": _exact(value.mean),
        "low": _exact(value.low),
        "high": _exact(value.high),
        "text": f"{value.mean:{sign}.{column.digits}f}".replace("-", "−"),
        "reach": f"{value.reach:.{column.digits}f}" if value.known else "",
        "best": False,
        "tied": False,
        "whisker": None,
    }


def _exact(value: float) -> str:
    """A number as JavaScript reads it; nothing where there is none."""
    return "" if math.isnan(value) else str(value).replace("inf", "Infinity")


def _scale(intervals: list[Interval]) -> tuple[float, float]:
    """The smallest and the largest end of all intervals, with zero among them."""
    ends = [end for interval in intervals for end in interval[:3] if math.isfinite(end)]
    return min([0.0, *ends]), max([0.0, *ends])


def _whisker(value: Interval, low: float, high: float) -> dict[str, float]:
    """Low, mean, high and zero in hundredths of the drawing, with room for the strokes' width."""
    ends = {"low": value.low, "mean": value.mean, "high": value.high, "zero": 0.0}
    width = high - low or 1.0
    return {name: round(2 + 96 * (end - low) / width, 2) for name, end in ends.items()}


def _beside(board: Leaderboard) -> list[dict[str, Any]]:
    """The segmenter on the real slices and the references, once a dataset and segmenter."""
    fullest: dict[tuple[str, str | None], Row] = {}
    for row in board.rows:
        facts = row.entry.facts.segment
        if row.entry.ceiling is None or facts is None:
            continue
        key = row.entry.cell.dataset, facts.ceiling
        if key not in fullest or row.figures.count > fullest[key].figures.count:
            fullest[key] = row
    return [each for row in fullest.values() for each in _compared_with(row.figures, board.columns)]


def _compared_with(figures: CellFigures, columns: list[Column]) -> Iterator[dict[str, Any]]:
    """The real slices on the triplets of a cell, and what its neurites are carried by else."""
    found = figures.membranes
    for title, means in (found.beside if found else {REAL: Means()}).items():
        yield {
            "title": "Real slices" if title == REAL else title.capitalize(),
            "detail": _BESIDE.get(title, "carried without a synthesised slice"),
            "dataset": figures.entry.cell.dataset,
            "numbers": _numbers(means, columns),
        }


def _numbers(means: Means, columns: list[Column]) -> list[dict[str, Any] | None]:
    return [_print(means.get(column.name), column) for column in columns]


def _cell_notes(row: Row) -> list[str]:
    record = row.entry.record
    most = record.config.get("max_triplets")
    short = row.figures.verdict.replace("`", "")
    return [
        *record.warnings,
        *([f"looked at no more than {most} triplets a split"] if most is not None else []),
        *([f"is not done: {status(row.entry)}"] if record.status != "done" else []),
        *([short] if short else []),
    ]
