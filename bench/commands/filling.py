"""From the words of ``bench repair --out`` to a filled volume, and what is printed of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.progress import open_display
from bench.cells.variants import parse_variant
from bench.cells.workers import Workers, load_workers
from bench.commands.repair import RepairWords
from bench.repair.choose import AUTO, Wish
from bench.repair.each import Helpers
from bench.repair.evidence import Evidence
from bench.repair.fill import Manner
from bench.repair.find import SEARCH
from bench.repair.finding import WHOLE
from bench.repair.page.writing import PAGE
from bench.repair.plan import Plan
from bench.repair.record import RepairRecord, SliceRecord
from bench.repair.repair import Order, carry_out
from bench.repair.words import (
    FEW,
    gap_words,
    judged_words,
    named_method,
    promised,
    score_words,
    title_of,
)
from bench.volumes.sources import Given
from bench.volumes.stack_volume import StackVolume
from bench.volumes.writing.write_volume import check_target


def fill_as_told(
    words: RepairWords, plan: Plan, volume: StackVolume, given: Given
) -> RepairRecord | None:
    """Fill what a plan names, and write what is asked for.

    Args:
        words: of the command line.
        plan: what is to be filled.
        volume: that is repaired.
        given: how it was opened.

    Raises:
        UserError: an option is not valid, a target is there already, or nothing can be filled.
    """
    if words.threads is not None:
        torch.set_num_threads(words.threads)
    workers = _workers(words)
    order = Order(
        plan=plan,
        wish=_wish(words, plan, volume),
        out=str(words.out),
        mask_out=words.mask_out,
        manner=Manner(
            search=SEARCH if words.search is None else words.search,
            force=words.force,
            device=words.device or "auto",
        ),
        helpers=Helpers(workers, given, words.threads) if workers.on_workers else None,
    )
    return carry_out(order, volume, lambda text: typer.echo(text, err=True), open_display)


def check_filling(words: RepairWords, volume: StackVolume) -> None:
    """Refuse what could not be written, or a method that there is not, before hours go into it.

    Raises:
        UserError: a target is there already or of no kind that is written, or a method or worker
            is not known.
    """
    _workers(words)
    if words.method not in (None, AUTO):
        parse_variant(str(words.method), words.preset or "quick")
    for target in filter(None, (words.out, words.mask_out)):
        # What a repair that was killed had finished is not in the way.
        if not Evidence(str(words.out)).is_open:
            check_target(target, volume.raw, volume.voxel_size)


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
    if judged := judged_words(record):
        typer.echo(f"{judged}: from the test triplets of this volume that were judged.")
    if any(score.coverage is None for each in record.slices for score in each.expected.values()):
        typer.echo(f"{FEW} too few slices could be hidden: the range of their scores.")
    for size, method in record.methods.items():
        typer.echo(f"{gap_words(int(size))}: {named_method(method)}; {method['why']}.")
    for each in record.slices:
        if each.note:
            what = "not filled" if each.filled == "no" else "filled, but not to be trusted"
            typer.echo(f"slice {each.slice} is {what}: {each.note}.")
    for note, slices in _left(record).items():
        count = f"{len(slices)} finding{'s' * (len(slices) > 1)}"
        typer.echo(f"{count} left (slice {', '.join(dict.fromkeys(slices))}): {note}.")
    typer.echo(f"volume: {out}" if record.filled else "Nothing was filled: no volume was written.")
    if record.filled and mask_out is not None:
        typer.echo(f"mask: {mask_out}")
    typer.echo(f"page: {Evidence(out).folder / PAGE}")


def _left(record: RepairRecord) -> dict[str, list[str]]:
    """The findings that were left, by the reason for it."""
    found: dict[str, list[str]] = {}
    for each in record.left:
        found.setdefault(str(each["note"]), []).append(str(each["slice"]))
    return found


def _cells(each: SliceRecord, scores: Sequence[str]) -> tuple[str, ...]:
    return (
        str(each.slice),
        each.filled,
        f"{each.before}, {each.after}",
        *(score_words(name, each.expected.get(name)) for name in scores),
        "" if each.mean_error is None else f"{each.mean_error:.1f}",
    )


def _wish(words: RepairWords, plan: Plan, volume: StackVolume) -> Wish:
    """With what is to be filled; a dataset that is built already needs no volume."""
    data, name = words.data or Path("data"), words.dataset or volume.name
    given: dict[str, Any] = {
        "source": words.source,
        "labels": words.labels,
        "missing": _not_shown(plan),
        "grey_range": words.grey_range,
        "region": words.region,
        "level": words.level,
        "axes": words.axes,
        "channel": words.channel,
    }
    runs = {
        "preset": words.preset,
        "data": data,
        "out": words.results,
        "device": words.device,
        "threads": words.threads,
        "jobs": words.jobs,
        "scheduler": words.scheduler,
        "scheduler_file": words.scheduler_file,
    }
    return Wish(
        method=words.method or AUTO,
        loss=words.loss,
        dataset=name,
        volume={key: value for key, value in given.items() if value},
        run={key: value for key, value in runs.items() if value is not None},
    )


def _workers(words: RepairWords) -> Workers:
    return load_workers({name: getattr(words, name) for name in Workers.model_fields})


def _not_shown(plan: Plan) -> str:
    """The numbers of the slices that are missing, or that show another section than their own."""
    bad = {
        plan.first + item.finding.z
        for item in plan.items
        if item.action == "fill slice" or item.finding.reason in WHOLE.keys() - {"jump", "blur"}
    }
    return ",".join(map(str, sorted(bad)))
