"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cautions import (
    interval_caution,
    leakage_caution,
    saturation_caution,
    seeds_caution,
)
from bench.membranes import MEMBRANE_METRICS
from bench.metrics import METRICS
from bench.report.table import TIE, TIES
from bench.statistics import Interval
from bench.summary import SKILLS, Membranes, Row, beats

_GAPS = ("dice", "boundary_f1")
_AGREEMENT = "the real slice's segmentation (agreement)"
_SHOWN = ("psnr", "ssim", "ie", "frc_10", "frc_25", "sharpness")


def print_rows(rows: list[Row], console: Console) -> None:
    """Print one table a dataset, and under each what has to be known to read it."""
    for dataset in dict.fromkeys(row.outcome.cell.dataset for row in rows):
        chosen = [row for row in rows if row.outcome.cell.dataset == dataset]
        console.print(_table(dataset, chosen))
        for line in (*_legend(chosen), *_notes(chosen)):
            _say(line, console)
        _print_membranes([row for row in chosen if row.membranes], console)
        for line in dict.fromkeys(row.outcome.remark for row in chosen if row.outcome.remark):
            _say(line, console)


def _say(line: str, console: Console) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _print_membranes(rows: list[Row], console: Console) -> None:
    """The table of what a segmenter makes of the frames; the gap to the ceiling leads."""
    if not rows:
        return
    several = _several_seeds(rows)
    first = rows[0].membranes
    reference = "the labels" if first and first.reference == "labels" else _AGREEMENT
    table = Table(
        title=Text(f"{rows[0].outcome.cell.dataset}: membranes against {reference}"),
        title_justify="left", pad_edge=False,
    )  # fmt: skip
    table.add_column("method", no_wrap=True)
    table.add_column("loss")
    if several:
        table.add_column("seed")
    for name in _GAPS:
        title = MEMBRANE_METRICS[name].title
        table.add_column(f"gap to real slice\n{title} [95 %]", justify="right")
    for metric in MEMBRANE_METRICS.values():
        table.add_column(metric.title, justify="right")
    seen = set()
    for row in rows:
        found = row.membranes
        if found is not None and (found.segmenter, found.n) not in seen:
            seen.add((found.segmenter, found.n))
            blank = [Text("-")] * (2 if several else 1)
            table.add_row(Text("real slice"), *blank, *_membrane_numbers(found, real=True))
        if found is not None:
            table.add_row(*_lead(row, several), *_membrane_numbers(found, real=False))
    console.print(table)
    if first and first.reference == "agreement":
        _say(
            "These scores are the agreement with the real slice's segmentation: the dataset has no "
            "labels.", console,
        )  # fmt: skip


def _membrane_numbers(found: Membranes, *, real: bool) -> list[Text]:
    gaps = [
        Text("-" if real or name not in found.gap else interval_text(found.gap[name], 3))
        for name in _GAPS
    ]
    shown = found.ceiling if real else found.means
    return gaps + [
        Text(f"{shown[name].mean:.{metric.digits}f}" if name in shown else "-")
        for name, metric in MEMBRANE_METRICS.items()
    ]


def _table(dataset: str, rows: list[Row]) -> Table:
    count = max((row.outcome.record.triplets for row in rows), default=0)
    table = Table(
        title=Text(f"{dataset}: test split, {count} triplets"), title_justify="left", pad_edge=False
    )
    table.add_column("method", no_wrap=True)
    table.add_column("loss")
    several = _several_seeds(rows)
    if several:
        table.add_column("seed")
    for name in _SHOWN:
        table.add_column(METRICS[name].title, justify="right")
    for name in SKILLS:
        table.add_column(f"gain over linear\n{METRICS[name].title} [95 %]", justify="right")
    for row in rows:
        table.add_row(*_lead(row, several), *_numbers(row))
    return table


def _legend(rows: list[Row]) -> Iterator[str]:
    """What the marks mean, if there are any, and what the numbers are to be measured by."""
    if any(row.place.tied for row in rows):
        averaged = " Seeds are averaged first." if _several_seeds(rows) else ""
        yield f"{TIE} {TIES}{averaged}"
    yield from (row.scale for row in rows if row.scale)


def _several_seeds(rows: list[Row]) -> bool:
    return len({row.outcome.cell.seed for row in rows if row.outcome.cell.trained}) > 1


def _lead(row: Row, several: bool) -> list[Text]:
    """Which cell it is. As Text: the brackets of a variant's options would be read as markup."""
    cell = row.outcome.cell
    return [Text(w) for w in (cell.variant.text, cell.loss, *([str(cell.seed)] if several else []))]


def _numbers(row: Row) -> list[Text]:
    record = row.outcome.record
    if not row.means:
        return [Text(record.status, style="red")]
    return [*(_mean(row, name) for name in _SHOWN), *(_gain(row, name) for name in SKILLS)]


def _mean(row: Row, name: str) -> Text:
    """A mean: bold if it is the best, marked if it cannot be told apart from the best."""
    mark = f"{TIE} " if name in row.place.tied else ""  # in front, so that digits stay in line
    mean = f"{row.means[name].mean:.{METRICS[name].digits}f}"
    return Text(mark + mean, style="bold" if name in row.place.best else "")


def _gain(row: Row, name: str) -> Text:
    if name not in row.skill:
        return Text("-")
    gain = row.skill[name]
    return Text(interval_text(gain, METRICS[name].digits), style="green" if beats(gain) else "")


def interval_text(gain: Interval, digits: int) -> str:
    """A signed gain with its interval; the interval is left out where there is none."""
    mean = f"{gain.mean:+.{digits}f}"
    if math.isnan(gain.low):
        return mean
    return f"{mean} [{gain.low:+.{digits}f}, {gain.high:+.{digits}f}]"


def _notes(rows: list[Row]) -> list[str]:
    notes = []
    for row in rows:
        cell, record = row.outcome.cell, row.outcome.record
        if record.failure is not None:
            reason = record.failure.reason.splitlines()[0]
            notes.append(f"{cell.title}: failed in {record.failure.stage}: {reason}")
        notes += [f"{cell.title}: {warning}" for warning in row.warnings]
    return list(dict.fromkeys([*notes, *filter(None, _cautions(rows)), *_departures(rows)]))


def _departures(rows: list[Row]) -> list[str]:
    """Which methods are not quite those of their papers."""
    infos = [row.outcome.cell.variant.info for row in rows]
    names = list(dict.fromkeys(info.name for info in infos if info.deviations))
    if not names:
        return []
    return [f"Where {', '.join(names)} depart from their papers is a footnote of `bench report`."]


def _cautions(rows: list[Row]) -> Iterator[str]:
    """What holds for the table as a whole."""
    records = [row.outcome.record for row in rows]
    scored = [record.stages["score"].facts for record in records if "score" in record.stages]
    yield interval_caution(gain for row in rows for gain in row.skill.values())
    yield seeds_caution(row.outcome.cell.seed for row in rows if row.outcome.cell.trained)
    yield leakage_caution(max(float(record.dataset.get("leakage") or 0) for record in records))
    yield saturation_caution(max((facts.get("saturated", 0.0) for facts in scored), default=0.0))
