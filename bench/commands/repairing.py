"""From the words of ``bench repair`` to a plan, and to what is printed and written of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.errors import UserError
from bench.base.files import refuse_existing
from bench.base.progress import open_display
from bench.commands.options import parsed
from bench.commands.printing import PAGE, console, print_json
from bench.commands.repair import RepairWords
from bench.repair.find import find_defects
from bench.repair.given import given_places
from bench.repair.limits import Limits
from bench.repair.plan import LONGEST, Plan, make_plan, whole_slices_of
from bench.repair.plan_file import read_plan, write_plan
from bench.repair.sheet import check_sheet, draw_sheet
from bench.repair.words import as_json, shown, summary
from bench.volumes.grey_range import parse_grey_range
from bench.volumes.holes import as_ranges, parse_missing
from bench.volumes.region import parse_region
from bench.volumes.sources import Given
from bench.volumes.stack_volume import StackVolume
from bench.volumes.volume import present_slices

_Value = TypeVar("_Value")


def repair_as_told(words: RepairWords) -> None:
    """Find or read what is to be filled, print it, and write what is asked for.

    Raises:
        UserError: an option is not valid, a file cannot be read, or one is there already.
    """
    _check(words)
    given = _given(words, _missing(words))
    with given.open_grey() as volume:
        if words.out is not None:
            _check_filling(words, volume)  # before a slice is read
        plan = _found(words, volume) if words.plan is None else read_plan(words.plan, volume)
        if words.plan_out is not None:
            write_plan(plan, words.plan_out)
        if words.sheet is not None:
            draw_sheet(plan, volume, words.sheet)
        for note in volume.notes if not words.as_json else ():
            typer.echo(note, err=True)
        if words.out is None:
            _tell_plan(words, plan)
        else:
            _fill(words, plan, volume, given)


def _tell_plan(words: RepairWords, plan: Plan) -> None:
    if words.as_json:
        print_json(as_json(plan))
        return
    print_plan(plan, console(PAGE), looked_at=_looked_at(words))
    _tell_files(words)


def _looked_at(words: RepairWords) -> bool:
    """Whether somebody has looked at the places: those that are found are not all damaged."""
    return words.plan is not None or words.defects is not None


def _check_filling(words: RepairWords, volume: StackVolume) -> None:
    from bench.commands.filling import check_filling

    check_filling(words, volume)


def _fill(words: RepairWords, plan: Plan, volume: StackVolume, given: Given) -> None:
    from bench.commands.filling import fill_as_told, print_record  # torch is loaded for no list

    found = plan
    plan = plan if _looked_at(words) else whole_slices_of(plan)
    record = fill_as_told(words, plan, volume, given)
    if words.as_json:
        print_json(as_json(plan) | {"repair": record and record.model_dump(mode="json")})
    elif record is None:
        typer.echo("Nothing is to be filled, so nothing was written.")
        if found.filled()[1]:
            typer.echo(summary(found, looked_at=_looked_at(words)))
    else:
        print_record(record, str(words.out), words.mask_out, console(PAGE))


def _check(words: RepairWords) -> None:
    """Refuse options that do not go together before a slice is read."""
    if words.plan is not None:
        for option, given in (
            ("missing", words.missing),
            ("defects", words.defects),
            ("longest", words.longest),
        ):
            if given is not None:
                raise UserError(
                    f"--plan says what is filled; leave --{option} out, or change the plan."
                )
    if words.longest is not None and words.longest < 1:
        raise UserError(f"--longest takes 1 or more slices, not {words.longest}.")
    if words.search < 1:
        raise UserError(f"--search takes 1 pixel or more, not {words.search}.")
    if words.plan_out is not None:
        refuse_existing(words.plan_out)
    if words.sheet is not None:
        check_sheet(words.sheet)


def _missing(words: RepairWords) -> tuple[int, ...]:
    """The numbers of the slices that are not there, as the command or its plan says."""
    if words.plan is None:
        return _parsed("missing", parse_missing, words.missing) or ()
    with _given(words, ()).open_grey() as volume:
        found = [item.finding for item in read_plan(words.plan, volume).items]
        return tuple(volume.first + each.z for each in found if each.reason == "missing")


def _given(words: RepairWords, missing: tuple[int, ...]) -> Given:
    """The volume that is named, and how it is read."""
    return Given(
        sources=(words.source,),
        missing=(missing,),
        grey_range=_parsed("grey-range", parse_grey_range, words.grey_range),
        axes=words.axes,
        channel=words.channel,
        level=words.level or 0,
        regions=(_parsed("region", parse_region, words.region) or (),),
    )


def _parsed(option: str, parse: Callable[[str], _Value], text: str | None) -> _Value | None:
    return None if text is None else parsed(option, parse, text)


def _found(words: RepairWords, volume: StackVolume) -> Plan:
    given = None if words.defects is None else given_places(words.defects, volume)
    display = open_display()
    try:
        tick = display.stage("look for damage")  # all slices are read twice
        done, total = 0, len(present_slices(volume)) * (2 if given is None else 1)

        def ticked() -> None:
            nonlocal done
            done += 1
            tick(done, total, "")

        findings = find_defects(volume, Limits(), words.search, ticked, given)
    finally:
        display.close()
    return make_plan(words.source, volume, findings, words.longest or LONGEST)


def print_plan(plan: Plan, target: Console, *, looked_at: bool) -> None:
    """Print a row for each finding, and what would be done in a sentence."""
    if plan.items:
        table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for name in ("slice", "reason", "number", "limit", "rows, columns", "action"):
            right = name in ("slice", "number", "limit")
            table.add_column(name, justify="right" if right else "left", no_wrap=True)
        for item in plan.items:
            finding, place = item.finding, item.finding.place
            cells = (
                str(plan.first + finding.z),
                finding.reason,
                "" if finding.number is None else shown(finding.number),
                "" if finding.limit is None else shown(finding.limit),
                "" if place is None else "{}:{}, {}:{}".format(*place.box),
                item.action,
            )
            table.add_row(*map(Text, cells))
        target.print(table)
        for line in _remarks(plan):
            typer.echo(line)
        typer.echo(f"The number of the first slice is {plan.first}.")
    typer.echo(summary(plan, looked_at=looked_at))


def _remarks(plan: Plan) -> Iterator[str]:
    """What a row of 80 columns has no room for, once for all slices that it is said of."""
    said: dict[str, set[int]] = {}
    for item in plan.items:
        twin = item.finding.twin
        for words in (f"shows the section of the slice {twin} it" if twin else "", item.note):
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
