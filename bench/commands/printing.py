"""What commands print on standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console  # takes longer to import than most commands run

_WIDTH = 180  # of a table that goes into a file or another program


def console() -> Console:
    """Where tables are printed."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDTH)


def print_json(document: Any) -> None:
    """Print a document of which no number is infinite or NaN."""
    typer.echo(json.dumps(document, indent=1, allow_nan=False))


def print_pairs(pairs: list[tuple[str, str]], *, as_json: bool) -> None:
    """Print names and values: one pair a line, or as one JSON document.

    A name may stand more than once, as with several volumes; JSON has a list of its values.
    """
    if as_json:
        names = dict.fromkeys(name for name, _ in pairs)
        grouped = {name: [value for key, value in pairs if key == name] for name in names}
        print_json({name: v[0] if len(v) == 1 else v for name, v in grouped.items()})
        return
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        typer.echo(f"{name:<{width}}  {value}")
