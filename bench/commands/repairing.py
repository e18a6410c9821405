"""From the words of ``bench repair`` to a plan, and to what is printed and written of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.api.filling import check_filling, fill_plan
from bench.api.planning import plan_repair
from bench.api.repair_options import RepairOptions
from bench.base.files import refuse_existing
from bench.commands.printing import PAGE, console, print_json
from bench.commands.repair import RepairWords
from bench.repair.plan import Plan
from bench.repair.plan_file import write_plan
from bench.repair.sheet import check_sheet, draw_sheet
from bench.repair.words import as_json as plan_json
from bench.repair.words import shown, summary, undecided_words
from bench.volumes.holes import as_ranges
from bench.volumes.sources import Given
from bench.volumes.stack_volume import StackVolume
from bench.volumes.writing.source_apart import refuse_source


def repair_as_told(words: RepairWords) -> None:
    """Find or read what is to be filled, print it, and write what is asked for.

    Raises:
        UserError: an option is not valid, a file cannot be read, or one is there already.
    """
    options = RepairOptions(
        **{each.name: getattr(words, each.name) for each in fields(RepairOptions)}
    )
    options.check()
    for target in filter(None, (words.plan_out, words.sheet)):
        refuse_source(target, words.source)
    if words.plan_out is not None:
        refuse_existing(words.plan_out)
    if words.sheet is not None:
        check_sheet(words.sheet)
    given = options.given()
    with given.open_grey() as volume:
        if words.out is not None:
            check_filling(options, volume)  # before a slice is read
        plan = plan_repair(options, volume)
        if words.plan_out is not None:
            write_plan(plan, words.plan_out)
        if words.sheet is not None:
            draw_sheet(plan, volume, words.sheet)
        for note in volume.notes if not words.as_json else ():
            typer.echo(note, err=True)
        if words.out is None:
            _tell_plan(words, plan)
        else:
            _fill(options, plan, volume, given, as_json=words.as_json)


def _tell_plan(words: RepairWords, plan: Plan) -> None:
    if words.as_json:
        print_json(plan_json(plan))
        return
    print_plan(plan, console(PAGE))
    _tell_files(words)


def _fill(
    options: RepairOptions, plan: Plan, volume: StackVolume, given: Given, *, as_json: bool
) -> None:
    from bench.commands.filling import print_record  # torch is loaded for no list

    if not as_json:
        print_findings(plan, console(PAGE))  # filling may take hours
    record = fill_plan(options, plan, volume, given, lambda text: typer.echo(text, err=True))
    if as_json:
        print_json(plan_json(plan) | {"repair": record and record.model_dump(mode="json")})
    elif record is None:
        typer.echo("Nothing is to be filled, so nothing was written.")
        if plan.undecided:
            typer.echo(undecided_words(plan))
    else:
        print_record(record, str(options.out), options.mask_out, console(PAGE))


def print_plan(plan: Plan, target: Console) -> None:
    """Print a row for each finding, and what would be done in a sentence."""
    print_findings(plan, target)
    typer.echo(summary(plan))


def print_findings(plan: Plan, target: Console) -> None:
    """Print a row for each finding: what was measured, and what is done about it."""
    if plan.items:
        table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for name in ("slice", "reason", "number", "limit", "times", "rows, columns", "action"):
            right = name in ("slice", "number", "limit", "times")
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for item in plan.surest_first():
            finding, place = item.finding, item.finding.place
            cells = (
                str(plan.first + finding.z),
                finding.reason,
                "" if finding.number is None else shown(finding.number),
                "" if finding.limit is None else shown(finding.limit),
                "" if finding.number is None else f"{finding.beyond:.1f}",
                "" if place is None else "{}:{}, {}:{}".format(*place.box),
                item.action,
            )
            table.add_row(*map(Text, cells))
        target.print(table)
        for line in _remarks(plan):
            typer.echo(line)
        typer.echo(f"The number of the first slice is {plan.first}.")


def _remarks(plan: Plan) -> Iterator[str]:
    """What a row of 80 columns has no room for, once for all slices that it is said of."""
    said: dict[str, set[int]] = {}
    for item in plan.items:
        twin = item.finding.twin
        for words in (
            f"shows the section of the slice {twin} it" if twin else "",
            item.note,
            item.caution,
        ):
            said.setdefault(words, set()).add(plan.first + item.finding.z)
    for words, slices in said.items():
        if words:
            name = "Slice" if len(slices) == 1 else "Slices"
            yield f"{name} {as_ranges(sorted(slices))}: {words}."


def _tell_files(words: RepairWords) -> None:
    if words.plan_out is not None:
        typer.echo(f"plan: {words.plan_out}")
    if words.sheet is not None:
        typer.echo(f"sheet: {words.sheet}")
    if words.plan_out is None and words.sheet is None:
        typer.echo(
            "Nothing was written; --out fills it, --plan-out FILE and --sheet FILE write this down."
        )
