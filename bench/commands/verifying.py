"""From ``bench verify`` of a repair to what is compared of it, and what is printed."""

from __future__ import annotations

from pathlib import Path

import typer

from bench.api.repair_options import RepairOptions
from bench.base.progress import open_display
from bench.commands.printing import print_json
from bench.repair.record import load_record
from bench.repair.verify import Verified, verify_repair


def verify_repair_as_told(folder: Path, source: str | None, *, as_json: bool) -> None:
    """Compare a repaired volume with its record, and what was copied with a source; print it.

    Raises:
        UserError: the record or the source cannot be read, or the source is of another shape.
        typer.Exit: something is not as it was written.
    """
    found = _verified(folder, source)
    if as_json:
        print_json({"checked": found.filled, "copied": found.copied, "problems": found.problems})
    elif not found.filled and not found.problems:
        typer.echo("Nothing was filled, so no volume was written: there is nothing to check.")
    else:
        typer.echo("\n".join([*(f"PROBLEM  {each}" for each in found.problems), _verdict(found)]))
    if found.problems:
        raise typer.Exit(1)


def _verified(folder: Path, source: str | None) -> Verified:
    """What is found of a repair, compared with its source where one is given."""
    record = load_record(folder)
    if source is None:
        return verify_repair(folder, record)
    display = open_display()
    try:
        with RepairOptions(source=source, **record.read).given().open_grey() as volume:
            return verify_repair(folder, record, volume.raw, display.stage("compare"))
    finally:
        display.close()


def _verdict(found: Verified) -> str:
    count = len(found.problems)
    wrong = f"{count} problem{'s' * (count > 1)}"
    verdict = wrong if found.problems else "all as they were written"
    filled = f"{found.filled} filled slice{'s' * (found.filled != 1)} checked"
    if found.copied is None:
        return f"{filled}, not the copied ones (--source compares them): {verdict}"
    return f"{filled}, and {found.copied} with the source: {verdict}"
