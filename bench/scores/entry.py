"""A cell of the store as figures are made of it, whatever state it is in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.parquet import read_table
from bench.cells.cell import NULL
from bench.scores.calibration import read_calibration
from bench.scores.ceiling import read_ceiling, read_references, segmenter_steps, stopped_early
from bench.scores.cell_files import read_log, read_one
from bench.scores.membranes import labelled, with_second_judge, without_second_judge
from bench.scores.record_facts import DatasetFacts, MethodFacts, StageFacts
from bench.scores.triplet_table import kept
from bench.store.records import LOG, NONE, Record


class CellName(NamedTuple):
    """What tells a cell from all others, in the words of its record."""

    method: str
    loss: str
    dataset: str
    fold: int
    seed: int
    preset: str


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
        other_second: whether another second judge scored its membranes than those of most cells;
            what that one says is then left out.
        others: the settings in which finished cells of its name differ from it; they are in the
            store and not in a report.
    """

    folder: Path
    record: Record
    damage: str = ""
    other_build: bool = False
    outlier: bool = False
    other_second: bool = False
    others: tuple[str, ...] = ()

    @cached_property
    def cell(self) -> CellName:
        """Method, loss, dataset, fold, seed and preset."""
        return CellName(**self.record.cell)

    @cached_property
    def facts(self) -> StageFacts:
        """What its stages say of themselves."""
        return StageFacts.of(self.record)

    @cached_property
    def method(self) -> MethodFacts:
        """What the record says of the method."""
        return MethodFacts.read(self.record.method)

    @cached_property
    def dataset(self) -> DatasetFacts:
        """What the record says of the dataset."""
        return DatasetFacts.read(self.record.dataset)

    @property
    def title(self) -> str:
        """The cell as the paper writes it: ``SSAN-Ls``; a variant keeps its options."""
        name = self.method.title or self.cell.method
        options = self.cell.method.partition("[")[2]
        loss = self.cell.loss
        return (
            name
            + (f"[{options}" if options else "")
            + ("" if loss == NONE else f"-{loss[:1].upper()}{loss[1:]}")
        )

    @property
    def trained(self) -> bool:
        """Whether the cell has a loss and a preset."""
        return self.cell.loss != NONE

    @property
    def is_null(self) -> bool:
        """Whether every gain is over this cell."""
        return self.cell.method == NULL

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """One row a kept test triplet; None if the cell has no scores."""
        return self._table("score")

    @cached_property
    def unfiltered(self) -> Unfiltered:
        """The tables of this cell with the rejected triplets."""
        return Unfiltered(
            self._table("score", rejected=True),
            self._table("segment", rejected=True),
            self._ceiling(rejected=True),
        )

    @cached_property
    def calibration(self) -> dict[str, pd.DataFrame]:
        """What lies beside the null's scores, by kind, each laid out like ``scores``."""
        if self.other_build or self.facts.score is None:
            return {}
        return read_calibration(self.folder, self.facts.score.calibration)

    @cached_property
    def membranes(self) -> pd.DataFrame | None:
        """The membrane scores of labelled triplets, like ``scores``; None if the cell has none."""
        return self._table("segment")

    @property
    def second_judge(self) -> str | None:
        """SHA-256 of the weights of its membranes' second judge; None where there is none."""
        facts = self.facts.segment
        return None if self.membranes is None or facts is None else facts.second_segmenter

    @property
    def judged_twice(self) -> bool:
        """Whether two judges scored its membranes, the same two as those of most cells."""
        return self.second_judge is not None and not self.other_second

    @cached_property
    def ceiling(self) -> pd.DataFrame | None:
        """The membrane scores of the real middle slices, of every labelled kept test triplet.

        None where the segmenter that found this cell's membranes is no longer there.
        """
        return self._ceiling()

    @property
    def references(self) -> dict[str, pd.DataFrame]:
        """What becomes of neurites without a synthesised slice, by kind, in kept test triplets.

        Empty where that is not known.
        """
        return {kind: kept(table) for kind, table in self._read_references[0].items()}

    @property
    def ceiling_damage(self) -> str:
        """Why the scores of the real slices, or the references, cannot be read; empty if not."""
        return self._read_ceiling[1] or self._read_references[1]

    @cached_property
    def segmenter_caution(self) -> str:
        """What has to be said of the segmenter of ``membranes``; empty for nothing."""
        steps = self.segmenter_steps
        if not stopped_early(steps):
            return ""
        return f"its segmenter was trained for at most {steps:,} steps only"

    @cached_property
    def segmenter_steps(self) -> int | None:
        """For how many steps that segmenter was trained at most; None where it is not known."""
        return None if self._segmenter is None else segmenter_steps(self._segmenter)

    @cached_property
    def training(self) -> pd.DataFrame | None:
        """A row for each step of the training; None where nothing was trained.

        Raises:
            UserError: the file cannot be read.
        """
        path = self.folder / LOG
        return read_log(path) if path.exists() else None

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
        facts = self.facts.segment
        if self._segmenter is None or facts is None:
            return None, ""
        try:
            table = read_ceiling(self._segmenter, facts.segmenter)
            if table is None or facts.second_ceiling is None or self.other_second:
                return table, ""
            folder = self.folder.parent / facts.second_ceiling
            second = read_ceiling(folder, facts.second_segmenter)
            return table if second is None else with_second_judge(table, second), ""
        except UserError as error:
            return None, str(error)

    @cached_property
    def _read_references(self) -> tuple[dict[str, pd.DataFrame], str]:
        """The tables, and why they cannot be read where they cannot, likewise."""
        facts = self.facts.segment
        if self._segmenter is None or facts is None:
            return {}, ""
        try:
            return read_references(self._segmenter, facts.segmenter), ""
        except UserError as error:
            return {}, str(error)

    @property
    def _segmenter(self) -> Path | None:
        """The folder of the segmenter that found the membranes."""
        facts = self.facts.segment
        if self.membranes is None or facts is None or facts.ceiling is None:
            return None
        return self.folder.parent / str(facts.ceiling)

    def _table(self, stage: str, *, rejected: bool = False) -> pd.DataFrame | None:
        done = self.record.stages.get(stage)
        if self.damage or self.other_build or done is None or done.file is None:
            return None
        if stage == "segment" and self.outlier:
            return None
        table = read_table(self.folder / done.file, done.digest)
        if stage == "segment":
            table = without_second_judge(table) if self.other_second else table
            return _scored_membranes(table, rejected=rejected)
        return (table if rejected else kept(table)).reset_index(drop=True)


def _scored_membranes(table: pd.DataFrame, *, rejected: bool) -> pd.DataFrame | None:
    """The membrane scores that count; None where none does."""
    scored = labelled(table, rejected=rejected)
    return scored.reset_index(drop=True) if len(scored) else None


def fewest_steps(entries: Iterable[Entry]) -> int | None:
    """The fewest that a segmenter of theirs was trained for at most; None if not known."""
    steps = (entry.segmenter_steps for entry in entries if entry.membranes is not None)
    return min((each for each in steps if each is not None), default=None)
