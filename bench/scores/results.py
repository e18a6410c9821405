"""The store as a report reads it: one entry a cell, whatever state the cell is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.cells.presets import PRESETS
from bench.scores.budgets import crops_seen, one_length
from bench.scores.comparable_cells import (
    Place,
    build_of,
    place_of,
    told,
    with_other_builds,
    with_other_seconds,
    with_outliers,
)
from bench.scores.entry import Entry
from bench.scores.which_record import age, mixtures, one_each, whole_rank, with_others
from bench.store.records import Record, Store
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.file import TripletFile

Tell = Callable[[str], None]


@dataclass
class Results:
    """Every cell of a store that a report is made of.

    Attributes:
        entries: one for each method, loss, dataset, fold, seed and preset, in the order of
            their folders.
        problems: a sentence for each record or table that could not be read.
        files: the triplets of each dataset that is at hand, for pictures.
        every: all records, of those that count and of others: trainings of other budgets.
    """

    entries: list[Entry]
    problems: list[str]
    files: dict[str, TripletFile] = field(default_factory=dict)
    every: list[Entry] = field(default_factory=list)

    @property
    def datasets(self) -> list[str]:
        """The datasets, in the order of their names."""
        return sorted({entry.cell.dataset for entry in self.entries})

    def select(self, **words: Any) -> list[Entry]:
        """The entries whose words are these, for instance ``dataset="phantom"``."""
        return [
            entry
            for entry in self.entries
            if all(getattr(entry.cell, name) == value for name, value in words.items())
        ]


def fullest_preset(entries: Iterable[Entry]) -> str | None:
    """The preset of most trained cells, of several the one that trains longest; None if none.

    Cells without scores count where none has any: a run that was only begun shows nothing.
    """
    order = list(PRESETS)
    trained = [entry for entry in entries if entry.trained]
    scored = [entry for entry in trained if entry.scores is not None]
    counts = Counter(entry.cell.preset for entry in scored or trained)
    return max(
        counts,
        key=lambda name: (counts[name], order.index(name) if name in order else -1),
        default=None,
    )


def load_results(
    out: Path, data: Path, tell: Tell, *, newest: bool = False, crops: int | None = None
) -> Results:
    """Read the store.

    A cell may have been computed several times, under other settings or by older code; the
    one that counts was computed on the build of its dataset that is at hand, was not cut
    short, is finished, and is the newest, in this order.

    Args:
        out: folder of the results.
        data: folder of the datasets; one that is not there only leaves pictures out.
        tell: told of what is left out.
        newest: whether the newest counts, in whatever state it is; a record that cannot be read
            may be the newest, and is then an error.
        crops: of trainings of several lengths, that which counts (``one_length``).

    Raises:
        UserError: there is not a single record, or no training of that length.
    """
    every, problems = _read(Store(out), strict=newest)
    files = _at_hand(every, data, tell)
    if newest:
        chosen = with_other_builds(one_each(every, age), files)
    else:
        each = one_each(every, partial(whole_rank, files=files), _name)
        chosen, left = one_length(with_other_builds(each, files), crops)
        problems += left
    entries = with_others(with_other_seconds(with_outliers(chosen)), every)
    problems += told(entries)
    problems += mixtures(entries)
    problems += dict.fromkeys(filter(None, (entry.ceiling_damage for entry in entries)))
    for problem in problems:
        tell(problem)
    return Results(entries, problems, _fitting(entries, files, tell), _compared(every, entries))


def _name(entry: Entry) -> Hashable:
    """A cell, and the length of its training: of two lengths neither is the other, newer."""
    return entry.cell, crops_seen(entry)


def _compared(every: Sequence[Entry], entries: Sequence[Entry]) -> list[Entry]:
    """Every record of the builds that count, the older ones first."""
    builds = {(place_of(e), build_of(e)) for e in entries if not e.other_build}
    fitting = [entry for entry in every if (place_of(entry), build_of(entry)) in builds]
    return sorted(fitting, key=age)


def _read(store: Store, *, strict: bool) -> tuple[list[Entry], list[str]]:
    """Every record of a store, and a sentence for each that cannot be read.

    Raises:
        UserError: there is none, or (strict) one of them cannot be read.
    """
    every: list[Entry] = []
    problems = []
    for folder in store.folders():
        try:
            record = store.load(folder)
        except UserError as error:
            if strict:
                raise
            problems.append(str(error))
            continue
        if record is None:
            continue
        entry = _entry(folder, record)
        if entry.damage:
            problems.append(entry.damage)
        every.append(entry)
    if not every:
        raise UserError(f"There is no record below {store.root}; `bench run` makes them.")
    return every, problems


def _entry(folder: Path, record: Record) -> Entry:
    """A cell whose tables were read once; one with damaged tables is kept without them."""
    entry = Entry(folder, record)
    try:
        _ = entry.scores, entry.membranes
    except UserError as error:
        return Entry(folder, record, str(error))
    return entry


def _at_hand(entries: Sequence[Entry], data: Path, tell: Tell) -> dict[Place, TripletFile]:
    """The triplets of each dataset and fold that lie in the folder of datasets."""
    files = {}
    for place in dict.fromkeys(map(place_of, entries)):
        name, fold = place
        path = dataset_path(data, parse_dataset(name).built, fold)
        try:
            if path.exists():
                files[place] = TripletFile(path)
        except UserError as error:  # it is damaged; only pictures need it
            tell(str(error))
    return files


def _fitting(
    entries: Sequence[Entry], files: Mapping[Place, TripletFile], tell: Tell
) -> dict[str, TripletFile]:
    """The triplets that the cells of a dataset were computed on, of its first fold at hand."""
    fitting: dict[str, TripletFile] = {}
    for (name, fold), file in files.items():
        builds = {
            build_of(entry)
            for entry in entries
            if place_of(entry) == (name, fold) and not entry.other_build
        }
        if file.fingerprint in builds:
            fitting.setdefault(name, file)
        else:
            tell(f"{file.path} is not what the cells of '{name}' were computed on; no pictures.")
    return fitting
