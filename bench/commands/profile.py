"""``bench profile``: measure what layers and methods cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Json, Results, Threads, takes
from bench.commands.printing import console, print_json
from bench.profile.options import ProfileOptions


@dataclass(frozen=True)
class ProfileWords(ProfileOptions):
    """What ``bench profile`` is told."""

    layers: Annotated[bool, typer.Option("--layers", help="The paper's table 2.")] = False
    methods: Annotated[str | None, typer.Option(help="For instance ssan,sepconv.")] = None
    preset: Annotated[
        str, typer.Option(help="Of the methods: quick, overnight, medium, paper.")
    ] = "quick"
    size: Annotated[str, typer.Option(help="SIDE or HEIGHTxWIDTH in pixels.")] = "512"
    channels: Annotated[int, typer.Option(help="Of the layers' feature map.")] = 64
    backward: Annotated[bool, typer.Option(help="Measure forward + backward too.")] = True
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto"
    threads: Threads = None
    repeats: Annotated[int, typer.Option(help="Of each pass, at most.")] = 5
    slow: Annotated[bool, typer.Option("--slow", help="Run what takes minutes on a CPU.")] = False
    out: Results = Path("results")
    as_json: Json = False


@takes(ProfileWords)
def profile(words: ProfileWords) -> None:
    """Measure what layers and methods cost: parameters, multiply-adds, memory, run time."""
    from bench.profile.command import run_profile

    written = run_profile(words, lambda line: typer.echo(line, err=True))
    if words.as_json:
        print_json({path.stem: document for path, document in written.items()})
        return
    from bench.profile.terminal import print_profile

    for path, document in written.items():
        print_profile(document, console())
        typer.echo(f"file: {path}")
