"""``bench verify``: check the files of the results, or of a repair, against their digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from bench.base.errors import UserError
from bench.commands.options import Data, Json, Results, takes
from bench.commands.printing import print_json


@dataclass(frozen=True)
class VerifyWords:
    """What ``bench verify`` is told."""

    out: Results = Path("results")
    data: Data = Path("data")
    as_json: Json = False


@takes(VerifyWords)
def verify(words: VerifyWords) -> None:
    """Check every file of the results, and their datasets, against the digests in the records.

    With --out NAME of a repaired volume, or NAME-repair: every filled slice and error map.
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
            _verify_repair(folder, as_json=words.as_json)
            return

    from bench.check.verify import verify_store

    findings = verify_store(words.out, words.data)
    if words.as_json:
        print_json(findings.as_json())
    else:
        typer.echo("\n".join(findings.lines()))
    if findings.problems:
        raise typer.Exit(1)


def _verify_repair(folder: Path, *, as_json: bool) -> None:
    from bench.repair.verify import verify_repair

    checked, problems = verify_repair(folder)
    if as_json:
        print_json({"checked": checked, "problems": problems})
    elif not checked and not problems:
        typer.echo("Nothing was filled, so no volume was written: there is nothing to check.")
    else:
        wrong = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        verdict = wrong if problems else "all as they were written"
        lines = [f"PROBLEM  {sentence}" for sentence in problems]
        typer.echo(
            "\n".join([*lines, f"{checked} filled slices checked, not the copied ones: {verdict}"])
        )
    if problems:
        raise typer.Exit(1)
