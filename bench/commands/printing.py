"""What commands print on standard output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console  # takes longer to import than most commands run

PAGE = 80  # columns of a table that can be broken, where it goes into a file or another program
_WIDTH = 180  # of one that cannot


def console(piped: int = _WIDTH) -> Console:
    """Where tables are printed.

    Args:
        piped: columns that are taken where standard output is no terminal.
    """
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else piped)


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
