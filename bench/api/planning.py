"""What a repair fills: what its plan says, or what is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.api.given_options import missing_of
from bench.api.repair_options import RepairOptions
from bench.base.errors import UserError
from bench.base.progress import open_display
from bench.repair.caution import cautioned
from bench.repair.evidence import path_of
from bench.repair.find import find_defects
from bench.repair.given import given_places
from bench.repair.limits import Limits
from bench.repair.plan import LONGEST, Plan, make_plan
from bench.repair.plan_file import read_plan
from bench.volumes.holes import as_ranges
from bench.volumes.stack_volume import StackVolume
from bench.volumes.volume import present_slices


def plan_repair(options: RepairOptions, volume: StackVolume) -> Plan:
    """What is to be filled: what the plan says, or what is found.

    Raises:
        UserError: a file cannot be read, or no slice is sound.
    """
    plan = _found(options, volume) if options.plan is None else _read_plan(options, volume)
    display = open_display()
    try:
        return cautioned(plan, volume, options.search, display.stage("look around places"))
    finally:
        display.close()


def _found(options: RepairOptions, volume: StackVolume) -> Plan:
    """What is found, and what was given."""
    _check_missing(options, volume)
    given = None if options.defects is None else given_places(str(options.defects), volume)
    display = open_display()
    try:
        tick = display.stage("look for damage")  # all slices are read twice
        done, total = 0, len(present_slices(volume)) * (2 if given is None else 1)

        def ticked() -> None:
            nonlocal done
            done += 1
            tick(done, total, "")

        findings = find_defects(volume, Limits(), options.search, ticked, given)
    finally:
        display.close()
    return make_plan(options.source, volume, findings, options.longest or LONGEST)


def _read_plan(options: RepairOptions, volume: StackVolume) -> Plan:
    """What the plan says; that it is of another volume is told."""
    plan = read_plan(Path(str(options.plan)), volume)
    if path_of(plan.source).resolve().name != path_of(options.source).resolve().name:
        volume.notes += (
            f"{options.plan} was made of {plan.source}, and is carried out on {options.source}.",
        )
    return replace(plan, source=options.source)


def _check_missing(options: RepairOptions, volume: StackVolume) -> None:
    """Refuse slices that the region leaves out: nothing would be said of them."""
    numbers = () if options.missing is None else missing_of(options.missing)
    there = range(volume.first, volume.first + volume.shape[0])
    outside = [number for number in numbers if number not in there]
    if outside:
        raise UserError(
            f"--missing names {as_ranges(outside)}, but --region takes the slices {there[0]} "
            f"to {there[-1]}; leave out what lies outside, or widen the region."
        )
