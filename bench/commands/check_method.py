"""``bench check-method``: check a method against what every method promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from bench.commands.options import Json, takes
from bench.commands.printing import print_json


@dataclass(frozen=True)
class MethodWords:
    """What ``bench check-method`` is told."""

    method: Annotated[str, typer.Argument(help="MODULE:CLASS, or a method's name.")]
    as_json: Json = False


@takes(MethodWords)
def check_method(words: MethodWords) -> None:
    """Check somebody's method against what every method promises."""
    from bench.cells.registry import load_target
    from bench.check import contract

    verdicts = []
    for verdict in contract.check_method(load_target(words.method)):
        verdicts.append(verdict)
        if not words.as_json:
            typer.echo("\n".join(verdict.lines()))
    kept = all(verdict.kept for verdict in verdicts)
    if words.as_json:
        checks = [
            {"promise": v.title, "kept": v.kept, "reason": v.reason, "note": v.note}
            for v in verdicts
        ]
        print_json({"method": words.method, "kept": kept, "checks": checks})
    else:
        typer.echo(f"{words.method} {'keeps every promise' if kept else 'breaks promises'}")
    if not kept:
        raise typer.Exit(1)
