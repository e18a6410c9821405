"""What a stage is, and what it is given to work with.

A stage leaves a file, and mostly reads one that another stage left. A new stage is a module that
has it under the name ``STAGE``, and a line in ``bench.cells.stage_names``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.base.free_memory import Room
from bench.base.progress import Display, Progress
from bench.cells.cell import Cell
from bench.cells.config import RunConfig
from bench.stages.keys import Inputs, Keys
from bench.stages.segmenter_cache import Segmenters
from bench.stages.splits import split_indices
from bench.stages.teacher import Teachers
from bench.store.records import StageRecord, Store
from bench.triplets.dataset import Dataset
from methods.features import VggFeatures

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """All that the stages of a cell work with.

    Attributes:
        cell: what is computed.
        dataset: what it learns from and is tested on.
        config: the run.
        keys: content keys of the cell and its stages.
        folder: where the cell's files lie.
        device: where to compute.
        room: the memory that may be taken.
        features: that the cell's loss looks at, or None if it looks at none.
        segmenters: of the run's datasets.
        seconds: their second judges; None where the run has one judge.
        teachers: of the run's datasets.
        store: of all cells.
        display: where progress goes.
    """

    cell: Cell
    dataset: Dataset
    config: RunConfig
    keys: Keys
    folder: Path
    device: torch.device
    room: Room
    features: VggFeatures | None
    segmenters: Segmenters
    seconds: Segmenters | None
    teachers: Teachers
    store: Store
    display: Display

    def split(self, name: str) -> NDArray[np.intp]:
        """The triplets of a split that the run looks at.

        Raises:
            UserError: there is none.
        """
        return split_indices(self.dataset, name, self.config.max_triplets)

    def teacher(self) -> nn.Module | None:
        """The segmenter that the cell's loss looks through, trained now if it is not there."""
        return self.teachers.get(self.dataset.training) if self.cell.needs_teacher else None

    def teacher_digest(self) -> str | None:
        """SHA-256 of its weights; None where the loss has none, or it is still to be made."""
        return self.teachers.digest(self.dataset.training) if self.cell.needs_teacher else None

    def dataset_facts(self) -> dict[str, Any]:
        """What a record keeps of the dataset, and why it can have no membrane scores, if so."""
        lack = self.segmenters.lack(self.dataset)
        return self.dataset.facts() | ({"no_membranes": lack} if lack else {})


@dataclass(frozen=True)
class Result:
    """What a stage has to say beside the file that it left.

    Attributes:
        facts: for its own entry in the record.
        means: over the test triplets that count, for the record.
        triplets: how many these are, if the stage is the one that counts them.
        made: what another cell's record says of the file, if it was taken over from there.
    """

    facts: Facts
    means: Mapping[str, float | None] = field(default_factory=dict)
    triplets: int | None = None
    made: StageRecord | None = None


Words = Callable[[Context, Facts | None], list[str]]


@dataclass(frozen=True)
class Stage:
    """A step on the way of a cell.

    Attributes:
        name: as ``--stages`` and the record have it.
        reads: the stage whose file it reads, if it applies to the cell; None for no stage.
        leaves: name of the file that it leaves in the cell's folder.
        revision: to be raised when its outputs change; the key contains it.
        key: content key of what it leaves; None where it does not apply to the cell.
        compute: leaves the file; told to call its second argument as it moves on.
        means: the names of the means that its result has.
        counts: whether its result says how many triplets count.
        beside: whether a cell is whole without it.
        stands: whether its file is still valid; asked only if the key matches.
        warnings: what a reader of the figures has to know; given its facts, or None where it is
            not done.
        lacks: why a stage that was asked for has no scores; given the same.
        doubts: what is doubted of the data that it uses.
    """

    name: str
    reads: str | None
    leaves: str
    revision: int
    key: Callable[[Inputs], str | None]
    compute: Callable[[Context, Progress], Result]
    means: Collection[str] = ()
    counts: bool = False
    beside: bool = False
    stands: Callable[[Context, Facts], bool] = lambda *_: True
    warnings: Words = lambda *_: []
    lacks: Words = lambda *_: []
    doubts: Callable[[Context], list[str]] = lambda _: []
