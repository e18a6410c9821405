"""The store as a report reads it: one entry a cell, whatever state the cell is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.parquet import read_table
from bench.cells.presets import PRESETS
from bench.scores.calibration import read_calibration
from bench.scores.ceiling import read_ceiling, segmenter_caution
from bench.scores.membranes import labelled
from bench.scores.triplet_table import kept
from bench.store.records import LOG, NONE, Record, Store
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.file import TripletFile

_Place = tuple[str, int]  # dataset and fold
_WORDS = ("method", "loss", "dataset", "fold", "seed", "preset")
CUTS = ("max_triplets", "samples")  # settings that compute less of a cell than there is


class Unfiltered(NamedTuple):
    """A cell's tables, laid out like ``scores``; None where there is none."""

    scores: pd.DataFrame | None
    membranes: pd.DataFrame | None
    ceiling: pd.DataFrame | None


@dataclass(frozen=True)
class Entry:
    """One cell of the store.

    Attributes:
        folder: where its files lie.
        record: what it left on disk.
        damage: why its tables cannot be read, if they cannot.
        other_build: whether it was computed on another build of its dataset than the one that
            counts; it has then no scores, for its triplets are not those of the others.
        outlier: whether another segmenter found its membranes than those of most cells; they
            are then left out, for they cannot be compared.
    """

    folder: Path
    record: Record
    damage: str = ""
    other_build: bool = False
    outlier: bool = False

    @property
    def words(self) -> dict[str, Any]:
        """Method, loss, dataset, fold, seed and preset."""
        return self.record.cell

    @property
    def title(self) -> str:
        """The cell as the paper writes it: ``SSAN-Ls``; a variant keeps its options."""
        name = str(self.record.method.get("title", self.words["method"]))
        options = str(self.words["method"]).partition("[")[2]
        loss = str(self.words["loss"])
        return (
            name
            + (f"[{options}" if options else "")
            + ("" if loss == NONE else f"-{loss[:1].upper()}{loss[1:]}")
        )

    @property
    def trained(self) -> bool:
        """Whether the cell has a loss and a preset."""
        return bool(self.words["loss"] != NONE)

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """One row a kept test triplet; None if the cell has no scores."""
        return self._table("score")

    @cached_property
    def unfiltered(self) -> Unfiltered:
        """The tables of this cell with the rejected triplets."""
        return Unfiltered(
            self._table("score", rejected=True), self._table("segment", rejected=True),
            self._ceiling(rejected=True),
        )  # fmt: skip

    @cached_property
    def calibration(self) -> dict[str, pd.DataFrame]:
        """What lies beside the null's scores, by kind, each laid out like ``scores``."""
        if self.other_build:
            return {}
        return read_calibration(self.folder, self.record.stages.get("score"))

    @cached_property
    def membranes(self) -> pd.DataFrame | None:
        """The membrane scores of labelled triplets, like ``scores``; None if the cell has none."""
        return self._table("segment")

    @cached_property
    def ceiling(self) -> pd.DataFrame | None:
        """The membrane scores of the real middle slices, of every labelled kept test triplet."""
        return self._ceiling()

    @cached_property
    def segmenter_caution(self) -> str:
        """What has to be said of the segmenter of ``membranes``; empty for nothing."""
        folder = self._segmenter
        return "" if folder is None else segmenter_caution(folder)

    @cached_property
    def training(self) -> pd.DataFrame | None:
        """A row for each step of the training; None where nothing was trained.

        Raises:
            UserError: the file cannot be read.
        """
        path = self.folder / LOG
        return _read_log(path) if path.exists() else None

    def frame(self, triplet: int) -> NDArray[np.uint8] | None:
        """The synthesised slice (HW) of a triplet; None if there is none.

        Raises:
            UserError: the frames are damaged.
        """
        done = self.record.stages.get("predict")
        if done is None or done.file is None or not (self.folder / done.file).exists():
            return None
        return read_one(self.folder / done.file, "frames", triplet)

    def _ceiling(self, *, rejected: bool = False) -> pd.DataFrame | None:
        table = self._read_ceiling[0]
        return None if table is None else _scored_membranes(table, rejected=rejected)

    @cached_property
    def _read_ceiling(self) -> tuple[pd.DataFrame | None, str]:
        """The table, and why it cannot be read where it cannot: no score depends on it."""
        try:
            return (None if self._segmenter is None else read_ceiling(self._segmenter)), ""
        except UserError as error:
            return None, str(error)

    @property
    def ceiling_damage(self) -> str:
        """Why the membrane scores of the real slices cannot be read; empty if they can."""
        return self._read_ceiling[1]

    @property
    def _segmenter(self) -> Path | None:
        done = self.record.stages.get("segment")
        if self.membranes is None or done is None or "ceiling" not in done.facts:
            return None
        return self.folder.parent / str(done.facts["ceiling"])

    def _table(self, stage: str, *, rejected: bool = False) -> pd.DataFrame | None:
        done = self.record.stages.get(stage)
        if self.damage or self.other_build or done is None or done.file is None:
            return None
        if stage == "segment" and self.outlier:
            return None
        table = read_table(self.folder / done.file, done.digest)
        if stage == "segment":
            return _scored_membranes(table, rejected=rejected)
        return (table if rejected else kept(table)).reset_index(drop=True)


def _scored_membranes(table: pd.DataFrame, *, rejected: bool) -> pd.DataFrame | None:
    """The membrane scores that count; None where none does."""
    scored = labelled(table, rejected=rejected)
    return scored.reset_index(drop=True) if len(scored) else None


@dataclass
class Results:
    """Every cell of a store that a report is made of.

    Attributes:
        entries: one for each method, loss, dataset, fold, seed and preset, in the order of
            their folders.
        problems: a sentence for each record or table that could not be read.
        files: the triplets of each dataset that is at hand, for pictures.
    """

    entries: list[Entry]
    problems: list[str]
    files: dict[str, TripletFile] = field(default_factory=dict)

    @property
    def datasets(self) -> list[str]:
        """The datasets, in the order of their names."""
        return sorted({entry.words["dataset"] for entry in self.entries})

    def select(self, **words: Any) -> list[Entry]:
        """The entries whose words are these, for instance ``dataset="phantom"``."""
        return [
            entry
            for entry in self.entries
            if all(entry.words[name] == value for name, value in words.items())
        ]


def fullest_preset(entries: Iterable[Entry]) -> str | None:
    """The preset of most trained cells, of several the one that trains longest; None if none."""
    order = list(PRESETS)
    counts = Counter(str(entry.words["preset"]) for entry in entries if entry.trained)
    return max(
        counts,
        key=lambda name: (counts[name], order.index(name) if name in order else -1),
        default=None,
    )


def read_one(path: Path, name: Literal["frames", "masks"], triplet: int) -> NDArray[Any] | None:
    """What a file of frames or membranes holds of one triplet (HW); None if nothing.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with h5py.File(path, "r") as file:  # one of them: the whole file is much more
            position = np.flatnonzero(file["triplets"][:] == triplet)
            return file[name][int(position[0])] if len(position) else None
    except (OSError, KeyError) as error:
        what = "frames" if name == "frames" else "membranes"
        raise UserError(
            f"The {what} {path} cannot be read ({error}); repeat the run with --rerun."
        ) from error


def _read_log(path: Path) -> pd.DataFrame:
    try:
        log = pd.read_csv(path)
        if "step" not in log or log.select_dtypes("number").shape != log.shape:
            raise ValueError("it is no log of a training")
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        why = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"{path} cannot be read ({why}); repeat the run with --rerun, or delete the file."
        ) from error
    return log


def load_results(
    out: Path, data: Path, tell: Callable[[str], None], *, newest: bool = False
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

    Raises:
        UserError: there is not a single record.
    """
    store = Store(out)
    every: list[Entry] = []
    problems = []
    for folder in store.folders():
        try:
            record = store.load(folder)
            if record is None:
                continue
            entry = _entry(folder, record)
        except UserError as error:
            if newest:
                raise
            problems.append(str(error))
            continue
        if entry.damage:
            problems.append(entry.damage)
        every.append(entry)
    if not every:
        raise UserError(f"There is no record below {store.root}; `bench run` makes them.")
    files = _at_hand(every, data, tell)
    chosen = _one_each(every, _age if newest else partial(_rank, files=files))
    entries = _with_other_builds(chosen, files)
    problems += _told_builds(entries)
    entries = _with_outliers(entries)
    problems += [
        f"The membranes of {entry.title} on {entry.words['dataset']} were found by another "
        "segmenter than those of most cells and are left out; repeat their runs with the same "
        "segmenter options."
        for entry in entries
        if entry.outlier
    ]
    problems += dict.fromkeys(filter(None, (entry.ceiling_damage for entry in entries)))
    for problem in problems:
        tell(problem)
    return Results(entries, problems, _fitting(entries, files, tell))


def _entry(folder: Path, record: Record) -> Entry:
    """A cell whose tables were read once; one with damaged tables is kept without them."""
    entry = Entry(folder, record)
    try:
        _ = entry.scores, entry.membranes
    except UserError as error:
        return Entry(folder, record, str(error))
    return entry


def _at_hand(
    entries: list[Entry], data: Path, tell: Callable[[str], None]
) -> dict[_Place, TripletFile]:
    """The triplets of each dataset and fold that lie in the folder of datasets."""
    files = {}
    for place in dict.fromkeys(map(_place, entries)):
        name, fold = place
        path = dataset_path(data, parse_dataset(name).built, fold)
        try:
            if path.exists():
                files[place] = TripletFile(path)
        except UserError as error:  # it is damaged; only pictures need it
            tell(str(error))
    return files


def _one_each(entries: list[Entry], rank: Callable[[Entry], Any]) -> list[Entry]:
    """The entry of the highest rank of each method, loss, dataset, fold, seed and preset."""
    chosen: dict[tuple[Any, ...], Entry] = {}
    for entry in entries:
        words = tuple(entry.words[name] for name in _WORDS)
        chosen[words] = max(chosen.get(words, entry), entry, key=rank)
    return list(chosen.values())


def _with_other_builds(entries: list[Entry], files: Mapping[_Place, TripletFile]) -> list[Entry]:
    """The cells, marked where the build of their dataset is not the one that counts.

    That is the one at hand, or the one that most cells saw if none saw that one.
    """
    seen = {(_place(entry), _build(entry)) for entry in entries}
    usual = _usual(entries, _build) | {
        place: file.fingerprint
        for place, file in files.items()
        if (place, file.fingerprint) in seen
    }
    return [
        entry if _build(entry) == usual[_place(entry)] else replace(entry, other_build=True)
        for entry in entries
    ]


def _told_builds(entries: list[Entry]) -> list[str]:
    """A sentence for each dataset of which some cells were computed on another build."""
    counts = Counter(entry.words["dataset"] for entry in entries if entry.other_build)
    return [
        f"{count} cell{'s' if count > 1 else ''} of '{name}' "
        f"{'were' if count > 1 else 'was'} computed on another build of it and "
        f"{'are' if count > 1 else 'is'} left out; repeat the run of their methods."
        for name, count in counts.items()
    ]


def _build(entry: Entry) -> str:
    return str(entry.record.dataset.get("fingerprint"))


def _with_outliers(entries: list[Entry]) -> list[Entry]:
    """The cells, marked where their segmenter is not the one of most of its dataset's cells."""
    usual = _usual([entry for entry in entries if entry.membranes is not None], _segmenter)
    return [
        replace(entry, outlier=True)
        if entry.membranes is not None and _segmenter(entry) != usual[_place(entry)]
        else entry
        for entry in entries
    ]


def _usual(entries: list[Entry], of: Callable[[Entry], Any]) -> dict[_Place, Any]:
    """What most cells of a dataset and fold have; of two as frequent, what the newest has."""
    found: dict[_Place, Counter[Any]] = {}
    for entry in sorted(entries, key=lambda entry: entry.record.started, reverse=True):
        found.setdefault(_place(entry), Counter())[of(entry)] += 1
    return {place: counts.most_common(1)[0][0] for place, counts in found.items()}


def _place(entry: Entry) -> _Place:
    return entry.words["dataset"], entry.words["fold"]


def _segmenter(entry: Entry) -> tuple[Any, Any]:
    facts = entry.record.stages["segment"].facts
    return facts.get("ceiling"), facts.get("segmenter")


def _rank(entry: Entry, files: Mapping[_Place, TripletFile]) -> tuple[Any, ...]:
    """What counts more in a report: the build at hand, whole tables, all of it, the newest."""
    file, record = files.get(_place(entry)), entry.record
    return (
        file is not None and file.fingerprint == _build(entry),
        not entry.damage,
        all(record.config.get(name) is None for name in CUTS),
        record.status == "done",
        _age(entry),
    )


def _age(entry: Entry) -> tuple[str, str]:
    """When a cell was last at work; of two in one second the order of their folders decides."""
    return entry.record.finished or entry.record.started, str(entry.folder)


def _fitting(
    entries: list[Entry], files: Mapping[_Place, TripletFile], tell: Callable[[str], None]
) -> dict[str, TripletFile]:
    """The triplets that the cells of a dataset were computed on, of its first fold at hand."""
    fitting: dict[str, TripletFile] = {}
    for (name, fold), file in files.items():
        builds = {
            _build(entry)
            for entry in entries
            if _place(entry) == (name, fold) and not entry.other_build
        }
        if file.fingerprint in builds:
            fitting.setdefault(name, file)
        else:
            tell(f"{file.path} is not what the cells of '{name}' were computed on; no pictures.")
    return fitting
