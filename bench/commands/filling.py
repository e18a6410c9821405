"""What is printed of a filled volume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.repair.evidence import Evidence
from bench.repair.page.writing import PAGE
from bench.repair.record import RepairRecord, SliceRecord
from bench.repair.words import (
    FEW,
    MATCHED,
    chosen_words,
    hidden_words,
    judged_words,
    left_words,
    metric_words,
    promised,
    score_words,
    title_of,
)


def print_record(record: RepairRecord, out: str, mask_out: str | None, target: Console) -> None:
    """Print a row for each slice that was filled, and where what was written lies."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    typer.echo("What is expected, from slices of this volume that were hidden and filled alike:")
    scores = promised(record)
    for name in ("slice", "filled", "from", *map(title_of, scores), "error (grey levels)"):
        justify: Literal["left", "right"] = "left" if name in ("filled", "from") else "right"
        table.add_column(name, justify=justify)
    for each in record.slices:
        table.add_row(*map(Text, _cells(each, scores)))
    target.print(table)
    for line in (*metric_words(record), MATCHED):
        typer.echo(line)
    if judged := judged_words(record):
        typer.echo(f"{judged}: from the test triplets of this volume that were judged.")
    if any(score.coverage is None for each in record.slices for score in each.expected.values()):
        typer.echo(f"{FEW} too few slices could be hidden: the range of their scores.")
    for size, method in record.methods.items():
        typer.echo(chosen_words(int(size), method))
        for line in hidden_words(method):
            typer.echo(line)
        if neurites := method.get("neurites"):
            typer.echo(neurites)
    for each in record.slices:
        if each.note:
            what = "not filled" if each.filled == "no" else "filled, but not to be trusted"
            typer.echo(f"slice {each.slice} is {what}: {each.note}.")
    for note, left in _left(record).items():
        typer.echo(f"{left_words(left)} left: {note}.")
    typer.echo(f"volume: {out}" if record.filled else "Nothing was filled: no volume was written.")
    if record.filled and mask_out is not None:
        typer.echo(f"mask: {mask_out}")
    typer.echo(f"page: {Evidence(out).folder / PAGE}")


def _left(record: RepairRecord) -> dict[str, list[Mapping[str, Any]]]:
    """The findings that were left, by the reason for it."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in record.left:
        found.setdefault(str(each["note"]), []).append(each)
    return found


def _cells(each: SliceRecord, scores: Sequence[str]) -> tuple[str, ...]:
    return (
        str(each.slice),
        each.filled,
        f"{each.before}, {each.after}",
        *(score_words(name, each.expected.get(name)) for name in scores),
        "" if each.mean_error is None else f"{each.mean_error:.1f}",
    )
