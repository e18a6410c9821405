"""The table of all benchmarks, from the files they left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from speed.rows import ROWS

_COLUMNS = ("reference", "ours", "ours / reference", "target", "")


class Line(NamedTuple):
    """One figure, or the heading of a benchmark's figures."""

    title: str
    cells: tuple[str, ...] = ()
    met: bool | None = None


def print_table(folder: Path, console: Console) -> None:
    """Print every figure of every benchmark that has been run."""
    table = Table(title=f"in {folder}", title_justify="left", pad_edge=False)
    table.add_column("")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for line in lines(folder):
        if line.met is None:
            table.add_row(Text(line.title, "bold"), *map(Text, line.cells))
        else:
            verdict = Text("met", "green") if line.met else Text("missed", "bold red")
            table.add_row(Text(f"  {line.title}"), *map(Text, line.cells), verdict)
    console.print(table)


def markdown(folder: Path) -> str:
    """The same as a Markdown table."""
    rows = ["| | reference | ours | ours / reference | target | |", "|---|---|---|---|---|---|"]
    for title, cells, met in lines(folder):
        name = f"**{title}**" if met is None else title
        padded = [*cells, *[""] * (4 - len(cells))]
        verdict = {None: "", True: "met", False: "**missed**"}[met]
        rows.append(" | ".join([f"| {name}", *padded, verdict]) + " |")
    return "\n".join(rows) + "\n"


def lines(folder: Path) -> Iterator[Line]:
    """The lines of the table, in the order of the benchmarks."""
    for name, row in ROWS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            yield Line(f"{name}: {row.what}", ("not run",))
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        side = document["size"]
        size = f", {side} x {side}" if side else ""
        yield Line(f"{name}: {document['what']}{size}", (document["reference"],))
        for figure in document["figures"]:
            yield Line(figure["what"], _cells(figure), figure["met"])


def _cells(figure: dict[str, Any]) -> tuple[str, ...]:
    """Reference, ours, their ratio (or difference) and the target, in words."""
    unit = figure["unit"]
    reference, ours = (f"{figure[side]:.3g} {unit}".rstrip() for side in ("reference", "ours"))
    if figure["compare"] == "difference":
        found, limit = f"{figure['ours'] - figure['reference']:+.2f}", f"± {figure['limit']:g}"
    else:
        found, limit = f"{figure['value']:.1%}", f"≤ {100 * figure['limit']:.3g} %"
    words = f"{limit} ({figure['target']})" if figure["target"] else limit
    return reference, ours, found, words
