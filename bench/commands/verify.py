"""``bench verify``: check the files of the results, or of a repair, against their digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.base.errors import UserError
from bench.commands.options import Data, Json, Results, takes
from bench.commands.printing import print_json


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
            from bench.commands.verifying import verify_repair_as_told

            verify_repair_as_told(folder, words.source, as_json=words.as_json)
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
