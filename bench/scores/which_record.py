"""Which of several records of one cell counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.scores.comparable_cells import Place, build_of, place_of
from bench.scores.entry import CellName, Entry
from bench.triplets.file import TripletFile

CUTS = ("max_triplets", "samples")  # settings that compute less of a cell than there is


def one_each(entries: Sequence[Entry], rank: Callable[[Entry], Any]) -> list[Entry]:
    """The entry of the highest rank of each cell; of two as high, the earlier in the list."""
    chosen: dict[CellName, Entry] = {}
    for entry in entries:
        chosen[entry.cell] = max(chosen.get(entry.cell, entry), entry, key=rank)
    return list(chosen.values())


def whole_rank(entry: Entry, files: Mapping[Place, TripletFile]) -> tuple[Any, ...]:
    """What counts more in a report: the build at hand, whole tables, all of it, the newest."""
    file, record = files.get(place_of(entry)), entry.record
    return (
        file is not None and file.fingerprint == build_of(entry),
        not entry.damage,
        all(record.config.get(name) is None for name in CUTS),
        record.status == "done",
        age(entry),
    )


def age(entry: Entry) -> tuple[str, str]:
    """When a cell was last at work; of two in one second the order of their folders decides."""
    return entry.record.finished or entry.record.started, str(entry.folder)
