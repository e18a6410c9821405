"""Tables for the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.metrics import METRICS
from bench.statistics import Interval
from bench.summary import SKILLS, Row, beats

_SHOWN = ("psnr", "ssim", "ie", "frc_10", "frc_25", "sharpness")


def print_rows(rows: list[Row], console: Console) -> None:
    """Print one table a dataset, and under each what has to be known to read it."""
    for dataset in dict.fromkeys(row.outcome.cell.dataset for row in rows):
        chosen = [row for row in rows if row.outcome.cell.dataset == dataset]
        console.print(_table(dataset, chosen))
        for line in _notes(chosen):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


def _table(dataset: str, rows: list[Row]) -> Table:
    count = max((row.outcome.record.triplets for row in rows), default=0)
    table = Table(
        title=f"{dataset}: test split, {count} triplets", title_justify="left", pad_edge=False
    )
    table.add_column("method", no_wrap=True)
    table.add_column("loss")
    several = len({row.outcome.cell.seed for row in rows if row.outcome.cell.trained}) > 1
    if several:
        table.add_column("seed")
    for name in _SHOWN:
        table.add_column(METRICS[name].title, justify="right")
    for name in SKILLS:
        table.add_column(f"gain over linear\n{METRICS[name].title} [95 %]", justify="right")
    for row in rows:
        cell = row.outcome.cell
        lead = [cell.variant.text, cell.loss, *([str(cell.seed)] if several else [])]
        # As Text: the brackets of a variant's options would be read as markup.
        table.add_row(*(Text(word) for word in lead), *_numbers(row))
    return table


def _numbers(row: Row) -> list[Text]:
    record = row.outcome.record
    if not row.means:
        return [Text(record.status, style="red")]
    means = [Text(f"{row.means[name].mean:.{METRICS[name].digits}f}") for name in _SHOWN]
    return [*means, *(_gain(row, name) for name in SKILLS)]


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
        notes += [f"{cell.variant.text}: {deviation}" for deviation in cell.variant.info.deviations]
    if any(math.isnan(gain.low) for row in rows for gain in row.skill.values()):
        notes.append("No interval: it takes at least 4 blocks of neighbouring slices.")
    return list(dict.fromkeys(notes))
