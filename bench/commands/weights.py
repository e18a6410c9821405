"""``bench weights``: published weights of a method, made a file that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Json, takes
from bench.commands.printing import print_pairs

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Take over weights that others published."
)


@app.callback()
def _weights() -> None:
    """What stands before the only command, so that it keeps its name."""


@dataclass(frozen=True)
class ImportWords:
    """What ``bench weights import`` is told."""

    method: Annotated[str, typer.Argument(help="The method that they are for, as rife.")]
    file: Annotated[Path, typer.Argument(help="As published, for instance flownet.pkl.")]
    out: Annotated[
        Path | None, typer.Option(help="File to write; FILE.safetensors beside it if not given.")
    ] = None
    as_json: Json = False


@app.command("import")
@takes(ImportWords)
def import_weights(words: ImportWords) -> None:
    """Import published weights: no code in the file is executed."""
    from bench.cells.registry import require_method

    require_method(words.method)

    from bench.cells.published_weights import import_published

    target = words.out or words.file.with_suffix(".safetensors")
    facts = import_published(words.method, words.file, target)
    pairs = [(name.replace("_", " "), str(value)) for name, value in facts.items()]
    print_pairs(
        [("weights", str(target)), *pairs, ("use", f"{words.method}[weights={target}]")],
        as_json=words.as_json,
    )
