"""A cell after a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.cells.cell import Cell
from bench.store.records import Record


@dataclass
class Outcome:
    """A cell after the run.

    Attributes:
        cell: which one.
        folder: where its files lie.
        record: what is known of it.
        remark: why there are no membrane scores though they were asked for.
        doubts: what is doubted of the labels that membranes were learned from or compared with.
    """

    cell: Cell
    folder: Path
    record: Record
    remark: str = ""
    doubts: tuple[str, ...] = ()
