"""The store as a report reads it: one entry a cell, whatever state the cell is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.calibration import read_calibration
from bench.data.places import dataset_path
from bench.data.triplets import TripletFile
from bench.dataset_variants import parse_dataset
from bench.errors import UserError
from bench.files import file_digest
from bench.presets import PRESETS
from bench.stages.score import clustered
from bench.store import NONE, Record, Store

CEILING = "ceiling.parquet"
_WORDS = ("method", "loss", "dataset", "fold", "seed", "preset")


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
        outlier: whether another segmenter found its membranes than those of most cells; they
            are then left out, for they cannot be compared.
    """

    folder: Path
    record: Record
    damage: str = ""
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
        """One row a kept test triplet, with its ``cluster``; None if the cell has no scores."""
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
        return read_calibration(self.folder, self.record.stages.get("score"))

    @cached_property
    def membranes(self) -> pd.DataFrame | None:
        """The membrane scores, laid out like ``scores``; None if the cell has none."""
        return self._table("segment")

    @cached_property
    def ceiling(self) -> pd.DataFrame | None:
        """The membrane scores of the real middle slices, on the triplets of ``membranes``."""
        return self._ceiling()

    @cached_property
    def training(self) -> pd.DataFrame | None:
        """A row for each step of the training; None where nothing was trained."""
        path = self.folder / "training.csv"
        return pd.read_csv(path) if path.exists() else None

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
        done = self.record.stages.get("segment")
        if self.membranes is None or done is None or "ceiling" not in done.facts:
            return None
        path = self.folder.parent / str(done.facts["ceiling"]) / CEILING
        if not path.exists():
            return None
        return clustered(pd.read_parquet(path), rejected=rejected)

    def _table(self, stage: str, *, rejected: bool = False) -> pd.DataFrame | None:
        done = self.record.stages.get(stage)
        if self.damage or done is None or done.file is None:
            return None
        if stage == "segment" and self.outlier:
            return None
        path = self.folder / done.file
        try:
            if file_digest(path) != done.digest:
                raise UserError(f"{path} is damaged; repeat the run: it is computed again.")
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        return clustered(pd.read_parquet(path), rejected=rejected)


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


def load_results(out: Path, data: Path, tell: Callable[[str], None]) -> Results:
    """Read the store.

    A cell may have been computed several times, under other settings or by older code; the
    one that counts was not cut short, is finished, and is the newest, in this order.

    Args:
        out: folder of the results.
        data: folder of the datasets; one that is not there only leaves pictures out.
        tell: told of what is left out.

    Raises:
        UserError: there is not a single record.
    """
    store = Store(out)
    chosen: dict[tuple[Any, ...], Entry] = {}
    problems = []
    for folder in store.folders():
        try:
            record = store.load(folder)
            if record is None:
                continue
            entry = _entry(folder, record)
        except UserError as error:
            problems.append(str(error))
            continue
        if entry.damage:
            problems.append(entry.damage)
        words = tuple(entry.words[name] for name in _WORDS)
        if words not in chosen or _rank(entry) > _rank(chosen[words]):
            chosen[words] = entry
    if not chosen:
        raise UserError(f"There is no record below {store.root}; `bench run` makes them.")
    entries = _with_outliers(list(chosen.values()))
    problems += [
        f"The membranes of {entry.title} on {entry.words['dataset']} were found by another "
        "segmenter than those of most cells and are left out; repeat their runs with the same "
        "segmenter options."
        for entry in entries
        if entry.outlier
    ]
    for problem in problems:
        tell(problem)
    results = Results(entries, problems)
    results.files = _open_files(results, data, tell)
    return results


def _entry(folder: Path, record: Record) -> Entry:
    """A cell whose tables were read once; one with damaged tables is kept without them."""
    entry = Entry(folder, record)
    try:
        _ = entry.scores, entry.membranes
    except UserError as error:
        return Entry(folder, record, str(error))
    return entry


def _with_outliers(entries: list[Entry]) -> list[Entry]:
    """The cells, marked where their segmenter is not the one of most of its dataset's cells."""
    found: dict[Any, Counter[Any]] = {}
    for entry in sorted(entries, key=lambda entry: entry.record.started, reverse=True):
        if entry.membranes is not None:
            found.setdefault(_place(entry), Counter())[_segmenter(entry)] += 1
    usual = {place: counts.most_common(1)[0][0] for place, counts in found.items()}
    return [
        replace(entry, outlier=True)
        if entry.membranes is not None and _segmenter(entry) != usual[_place(entry)]
        else entry
        for entry in entries
    ]


def _place(entry: Entry) -> tuple[Any, Any]:
    return entry.words["dataset"], entry.words["fold"]


def _segmenter(entry: Entry) -> tuple[Any, Any]:
    facts = entry.record.stages["segment"].facts
    return facts.get("ceiling"), facts.get("segmenter")


def _rank(entry: Entry) -> tuple[bool, bool, bool, str, str]:
    record = entry.record
    return (
        not entry.damage,
        all(record.config.get(name) is None for name in ("max_triplets", "samples")),
        record.status == "done",
        record.finished or record.started,
        str(entry.folder),
    )


def _open_files(
    results: Results, data: Path, tell: Callable[[str], None]
) -> dict[str, TripletFile]:
    files = {}
    for entry in results.entries:
        name = entry.words["dataset"]
        path = dataset_path(data, parse_dataset(name).built, entry.words["fold"])
        if name in files or not path.exists():
            continue
        file = TripletFile(path)
        if file.fingerprint == entry.record.dataset.get("fingerprint"):
            files[name] = file
        else:
            tell(f"{path} is not what the cells of '{name}' were computed on; no pictures of it.")
    return files
