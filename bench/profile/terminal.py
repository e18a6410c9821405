"""Profiles as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_profile(document: dict[str, Any], console: Console) -> None:
    """Print one profile: its rows, their notes and the equations."""
    rows = document["rows"]
    console.print(_table(document))
    notes = [f"{_title(row)}: {row['note']}" for row in rows if row["note"]]
    if "aal_over_ssa" in document:
        released, equation = (document["aal_over_ssa"][form] for form in ("released", "equation"))
        notes.append(
            f"multiply-adds of aal over ssa: {released:.2%} released, {equation:.2%} equation "
            "(the paper prints 12.8 % at 512 x 512)"
        )
    for entry in document.get("equations", []):
        verdict = "agrees with" if entry["agrees"] else "differs from"
        notes.append(
            f"equation {entry['equation']}: {entry['gmac']:.4f} GMAC, {verdict} the count "
            f"{entry['counted']:.4f} ({entry['note']})"
        )
    if "method" in rows[0]:
        notes.append(
            "training step: Adam under l1, on as many crops as the preset has "
            "(2 x 128^2: two of 128 x 128)"
        )
    notes += _counted(document["counted"])
    for note in notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)


def _table(document: dict[str, Any]) -> Table:
    size = " x ".join(map(str, document["size"]))
    title = f"{document['device']}, {size}; seconds: median [fastest, slowest]"
    table = Table(title=title, title_justify="left", pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in ("parameters", "GMAC", "closed form", "forward s", "peak MiB"):
        table.add_column(name, justify="right", overflow="fold")
    for name in ("forward + backward s", "peak MiB", "GMAC"):
        table.add_column(name, justify="right", overflow="fold")
    methods = "method" in document["rows"][0]
    if methods:
        table.add_column("training step peak MiB", justify="right", overflow="fold")
    for row in document["rows"]:
        # As Text: the brackets of a variant's options would be read as markup.
        words = [
            _title(row),
            f"{row['parameters']:,}",
            _number(row["gmac"]),
            _number(row.get("gmac_closed_form")),
            *_measured(row["forward"]),
            *_measured(row["backward"]),
            _number(row["gmac_backward"]),
        ]
        if methods:
            words.append(_step(row["training_step"]))
        table.add_row(*map(Text, words))
    return table


def _title(row: dict[str, Any]) -> str:
    if "method" in row:
        return f"{row['method']} ({row['preset']})"
    return ", ".join(filter(None, (row["layer"], row["form"], row["implementation"])))


def _measured(measured: dict[str, Any] | None) -> tuple[str, str]:
    if measured is None:
        return "-", "-"
    seconds, peak = measured["seconds"], measured["peak_mib"]
    spread = f"{seconds['median']:.3g} [{seconds['low']:.3g}, {seconds['high']:.3g}]"
    return spread, "-" if peak is None else f"{peak:,.0f}"


def _step(step: dict[str, Any] | None) -> str:
    """The peak of a training step, with its crops."""
    if step is None or step["peak_mib"] is None:
        return "-"
    return f"{step['peak_mib']:,.0f} ({step['batch']} x {step['crop']}^2)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3f}"


def _counted(entries: list[dict[str, Any]]) -> list[str]:
    """How the operators of all rows were counted."""
    lines = []
    for how, words in (("counter", "by torch's counter"), ("formula", "by a formula of ours")):
        names = dict.fromkeys(entry["operator"] for entry in entries if entry["how"] == how)
        if names:
            lines.append(f"counted {words}: {', '.join(names)}")
    return lines
