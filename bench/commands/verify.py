"""``bench verify``: check the files of the results, or of a repair, against their digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.errors import UserError
from bench.base.progress import open_display
from bench.commands.options import Data, Json, Results, takes
from bench.commands.printing import print_json

if TYPE_CHECKING:
    from bench.repair.verify import Verified


@dataclass(frozen=True)
class VerifyWords:
    """What ``bench verify`` is told."""

    out: Results = Path("results")
    data: Data = Path("data")
    source: Annotated[
        str | None,
        typer.Option(help="The volume that was repaired: all that was copied is compared with it."),
    ] = None
    as_json: Json = False


@takes(VerifyWords)
def verify(words: VerifyWords) -> None:
    """Check every file of the results, and their datasets, against the digests in the records.

    With --out NAME of a repaired volume, or NAME-repair: every filled slice and error map; with
    --source also all that was copied.
    """
    from bench.repair.evidence import was_interrupted

    name = words.out.name  # `.` and `/` have none, and nothing lies beside them
    for folder in (words.out, *([words.out.with_name(f"{name}-repair")] if name else [])):
        if was_interrupted(folder):
            raise UserError(
                f"The repair of {folder} was interrupted, or is at work; repeat the same command "
                "of `bench repair`, and it goes on."
            )
        if (folder / "repair.json").exists():
            _verify_repair(folder, words.source, as_json=words.as_json)
            return
    if words.source is not None:
        raise UserError(
            f"There is no repair at {words.out}; --source takes the volume that was repaired, and "
            "--out the one that the repair wrote."
        )

    from bench.check.verify import verify_store

    findings = verify_store(words.out, words.data)
    if words.as_json:
        print_json(findings.as_json())
    else:
        typer.echo("\n".join(findings.lines()))
    if findings.problems:
        raise typer.Exit(1)


def _verify_repair(folder: Path, source: str | None, *, as_json: bool) -> None:
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
    from bench.api.repair_options import RepairOptions
    from bench.repair.record import load_record
    from bench.repair.verify import verify_repair

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
