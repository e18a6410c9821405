"""From the words of ``bench repair --out`` to a filled volume, and what is printed of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.progress import open_display
from bench.commands.repair import RepairWords
from bench.repair.choose import AUTO, Wish
from bench.repair.evidence import Evidence
from bench.repair.find import SEARCH
from bench.repair.finding import WHOLE
from bench.repair.page.writing import PAGE
from bench.repair.plan import Plan
from bench.repair.record import RepairRecord, SliceRecord
from bench.repair.repair import Order, carry_out
from bench.volumes.stack_volume import StackVolume


def fill_as_told(words: RepairWords, plan: Plan, volume: StackVolume) -> RepairRecord | None:
    """Fill what a plan names, and write what is asked for.

    Raises:
        UserError: an option is not valid, a target is there already, or nothing can be filled.
    """
    if words.threads is not None:
        torch.set_num_threads(words.threads)
    order = Order(
        plan=plan,
        wish=_wish(words, plan, volume),
        out=str(words.out),
        mask_out=words.mask_out,
        search=SEARCH if words.search is None else words.search,
        force=words.force,
        device=words.device or "auto",
    )
    return carry_out(order, volume, lambda text: typer.echo(text, err=True), open_display)


def print_record(record: RepairRecord, out: str, target: Console) -> None:
    """Print a row for each slice that was filled, and where what was written lies."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("slice", "filled", "from", "PSNR", "FRC < 0.1", "error"):
        justify: Literal["left", "right"] = "left" if name in ("filled", "from") else "right"
        table.add_column(name, justify=justify, no_wrap=True)
    for each in record.slices:
        table.add_row(*map(Text, _cells(each)))
    target.print(table)
    for size, method in record.methods.items():
        gaps = "single slices" if int(size) == 1 else f"gaps of {size} slices"
        typer.echo(f"{gaps}: {method['method']}; {method['why']}.")
    for each in record.slices:
        if each.note:
            what = "not filled" if each.filled == "no" else "filled, but not to be trusted"
            typer.echo(f"slice {each.slice} is {what}: {each.note}.")
    for note, slices in _left(record).items():
        typer.echo(f"left: {', '.join(slices)}; {note}.")
    typer.echo(f"volume: {out}" if record.filled else "Nothing was filled: no volume was written.")
    typer.echo(f"page: {Evidence(out).folder / PAGE}")


def _left(record: RepairRecord) -> dict[str, list[str]]:
    """The findings that were left, by the reason for it."""
    found: dict[str, list[str]] = {}
    for each in record.left:
        found.setdefault(str(each["note"]), []).append(f"{each['slice']} ({each['reason']})")
    return found


def _cells(each: SliceRecord) -> tuple[str, ...]:
    def interval(name: str, digits: int) -> str:
        score = each.expected.get(name)
        if score is None:
            return ""
        return f"{score.score:.{digits}f} [{score.low:.{digits}f}, {score.high:.{digits}f}]"

    return (
        str(each.slice),
        each.filled,
        f"{each.before}, {each.after}",
        interval("psnr", 1),
        interval("frc_10", 2),
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
    }
    return Wish(
        method=words.method or AUTO,
        loss=words.loss,
        dataset=name,
        volume={key: value for key, value in given.items() if value},
        run={key: value for key, value in runs.items() if value is not None},
    )


def _not_shown(plan: Plan) -> str:
    """The numbers of the slices that are missing, or that show another section than their own."""
    bad = {
        plan.first + item.finding.z
        for item in plan.items
        if item.action == "fill slice" or item.finding.reason in WHOLE.keys() - {"jump", "blur"}
    }
    return ",".join(map(str, sorted(bad)))
