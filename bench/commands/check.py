"""``bench check``: compare new figures with the accepted ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.base.errors import UserError
from bench.commands.options import Json, OtherData, takes
from bench.commands.printing import console, print_json


@dataclass(frozen=True)
class CheckWords:
    """What ``bench check`` is told."""

    baseline: Annotated[Path, typer.Option(help="The accepted figures.")]
    accept: Annotated[bool, typer.Option("--accept", help="Accept today's figures.")] = False
    reason: Annotated[str, typer.Option(help="Why they are accepted.")] = ""
    config: Annotated[Path | None, typer.Option(help="Run this; a baseline may name one.")] = None
    out: Annotated[Path | None, typer.Option(help="Compare this folder of results.")] = None
    data: OtherData = None
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit file.")] = None
    summary: Annotated[Path | None, typer.Option(help="Write a Markdown summary.")] = None
    as_json: Json = False


@takes(CheckWords)
def check(words: CheckWords) -> None:
    """Compare new figures with the accepted ones; exit code 1 if any got worse.

    The new figures are those of --out; without it, of the configuration that the baseline names.
    """
    _check_goes_together(words)
    from bench.base.files import probe_folder, write_text
    from bench.check import findings as gate
    from bench.check.figures import Figures

    accepted = words.baseline if words.accept else None
    for target in filter(None, (words.junit, words.summary, accepted)):
        probe_folder(target.parent)  # before minutes of computing
    figures = Figures(words.baseline, words.config, words.out, words.data, _tell)
    if words.accept:
        _tell(f"{words.baseline}: {figures.accept(words.reason)} cells accepted")
        return
    findings = figures.compare()
    if words.junit is not None:
        gate.write_junit(findings, words.junit)
    if words.summary is not None:
        write_text(words.summary, gate.markdown(findings))
    if words.as_json:
        print_json(gate.as_json(findings))
    else:
        gate.print_findings(findings, console())
    if any(finding.trips for finding in findings):
        raise typer.Exit(1)


def _check_goes_together(words: CheckWords) -> None:
    """Refuse what would be ignored: a gate that only looks closed is worse than none."""
    if words.reason and not words.accept:
        raise UserError("--reason says why figures are accepted; give --accept too.")
    if words.accept and (words.as_json or words.junit or words.summary):
        raise UserError("--accept compares nothing; leave --json, --junit and --summary out.")


def _tell(line: str) -> None:
    typer.echo(line, err=True)
