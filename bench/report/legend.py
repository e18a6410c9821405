"""What the names of rows mean, wherever they stand: losses, and what methods are compared with."""

from __future__ import annotations

from dataclasses import replace

from bench.report.table import Aside, Table, spans
from bench.scores.ceiling import KINDS, LEFT_OUT, LEFT_OUT_FLOW, REAL, TRUE_SEGMENTS

_LOSSES = {
    "1": "Charbonnier loss",
    "f": "Charbonnier loss and VGG16 features",
    "s": "Charbonnier loss, VGG16 features and style balance",
    "m": "Charbonnier loss and the membranes that a frozen segmenter sees",
}
_BESIDE = {
    KINDS[LEFT_OUT]: "labels carried by overlap, without the slice between",
    KINDS[LEFT_OUT_FLOW]: "the same, moved by optical flow",
    REAL: "the true slice under the same segmenter",
    KINDS[TRUE_SEGMENTS]: "its true neurites in place of segments",
}


def explained(table: Table) -> Table:
    """The table with a sentence on the losses and one on the references among its rows."""
    if table.prose:
        return table
    labels = [row.label for row in table.rows]
    losses = {part for label in labels for style, part in spans(label) if style == "loss"}
    names = {label.partition(" (")[0].lower() for label in labels}
    said = [
        _sentence({f"L_{name}": words for name, words in _LOSSES.items() if name in losses}),
        _sentence({n.capitalize(): words for n, words in _BESIDE.items() if n in names}),
    ]
    return replace(table, caption=(*table.caption, *map(Aside, filter(None, said))))


def _sentence(meanings: dict[str, str]) -> str:
    words = "; ".join(f"{name}: {words}" for name, words in meanings.items())
    return f"{words}." if words else ""
