"""What tables call a method, a loss and a row."""

from __future__ import annotations

from bench.cells.cell import NULL
from bench.cells.registry import METHODS
from bench.scores.entry import Entry
from bench.store.records import NONE


def method_title(name: str) -> str:
    """What the paper calls a method, also where no cell of it is in the store."""
    base, bracket, options = name.partition("[")
    title = METHODS[base].title if base in METHODS else base
    return title + bracket + options


def loss_title(loss: str) -> str:
    """``L_s`` for ``ls``, with its options if it has any."""
    base, bracket, options = loss.partition("[")
    return f"L_{base[1:]}{bracket}{options}"


def row_title(entry_or_none: Entry | None, method: str, loss: str) -> str:
    """A row's label: ``SSAN-L_s``."""
    name = method_title(method)
    if entry_or_none is not None and entry_or_none.method.title:
        bracket, options = method.partition("[")[1:]
        name = f"{entry_or_none.method.title}{bracket}{options}"
        if method == NULL:
            name += " (the null)"
    return name if loss == NONE else f"{name}-{loss_title(loss)}"
