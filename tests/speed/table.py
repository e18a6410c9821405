"""The table of all benchmarks, from the files they left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from speed.rows import ROWS

_COLUMNS = ("reference", "ours", "ours / reference", "target")


def print_table(folder: Path, console: Console) -> None:
    """Print every figure of every benchmark that has been run."""
    table = Table(title=str(folder), title_justify="left", pad_edge=False)
    table.add_column("")
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("")
    for name, row in ROWS.items():
        path = folder / f"{name}.json"
        if not path.exists():
            table.add_row(Text(f"{name}: {row.what}", "bold"), "", "", "", "", "not run")
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        table.add_row(Text(_heading(document), "bold"), Text(document["reference"]))
        for figure in document["figures"]:
            verdict = Text("met", "green") if figure["met"] else Text("missed", "bold red")
            table.add_row(Text(f"  {figure['what']}"), *cells(figure), verdict)
    console.print(table)


def cells(figure: dict[str, Any]) -> list[str]:
    """Reference, ours, their ratio (or difference) and the target, in words."""
    unit = figure["unit"]
    values = [f"{figure[side]:.3g} {unit}".rstrip() for side in ("reference", "ours")]
    if figure["compare"] == "difference":
        return [*values, f"{figure['ours'] - figure['reference']:+.2f}", f"± {figure['limit']:g}"]
    target = figure["target"] or f"{figure['limit']:.0%}"
    return [*values, f"{figure['value']:.1%}", f"≤ {target}" if not figure["target"] else target]


def _heading(document: dict[str, Any]) -> str:
    side = document["size"]
    size = f", {side} x {side}" if side else ""
    return f"{document['name']}: {document['what'].replace('`', '')}{size}"
