"""What one process of a run computes cells with: its device, its features, its segmenters."""

from __future__ import annotations

from typing import Any

import torch

from bench.base.device import choose_device
from bench.base.errors import UserError
from bench.base.files import probe_folder
from bench.base.free_memory import Room, free_memory
from bench.base.freed_memory import keep_freed_memory, return_freed_memory
from bench.base.progress import Display
from bench.cells.cell import Cell
from bench.cells.config import RunConfig
from bench.cells.outcome import Outcome
from bench.run.job import Job
from bench.scores.carried import carried_key
from bench.scores.triplet_table import overlapping
from bench.stages.apart import check_before_training, check_teacher
from bench.stages.features import run_features
from bench.stages.keys import Inputs
from bench.stages.pipeline import keys
from bench.stages.segmenter_cache import Segmenters, check_segmenter, first_judge, second_judge
from bench.stages.stage import Context
from bench.stages.teacher import Teachers
from bench.stages.train import take_part
from bench.store.records import Store
from bench.triplets.dataset import Dataset


class Worker:
    """One process of a run: it can compute any of its cells.

    Attributes:
        cells: as given.
        config: as given.
        display: as given.
        store: what the run leaves.
        room: the memory that it may take.
        segmenters: the judges of the run's datasets.
        seconds: their second judges; None where the run has one judge.
        teachers: of the run's datasets.
    """

    def __init__(
        self,
        cells: list[Cell],
        config: RunConfig,
        display: Display,
        beside: int = 1,
        free: int | None = None,
    ) -> None:
        """Load what all cells share; what is missing is told before any work.

        Args:
            cells: of the run, in its order.
            config: the run.
            display: where progress goes.
            beside: how many processes of the run share the memory of the machine or the GPU.
            free: bytes of memory that were free when the run began; None: it begins now.

        Raises:
            UserError: CUDA, VGG16 weights, a segmenter or a results folder are not to be had.
        """
        self.cells, self.config, self.display = cells, config, display
        self.store = Store(config.out)
        probe_folder(self.store.root)
        check_segmenter(config)
        check_teacher(config)
        self._device = _device(config)
        at_start = free_memory(self._device) if free is None else free
        self.room = Room(self._device, beside, at_start)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        keep_freed_memory()
        self._features = run_features(self.cells, config, display)
        shared = self._device, self.store, display
        self.segmenters = Segmenters(first_judge(config), *shared)
        second = second_judge(config)
        self.seconds = None if second is None else Segmenters(second, *shared)
        self.teachers = Teachers(config, self._device, self.store, display)

    def check_judges(self, dataset: Dataset) -> None:
        """Refuse a judge through which a loss looks, as ``check_before_training`` does."""
        check_before_training(self.segmenters, self.teachers, dataset, self.config)
        if self.seconds is not None:  # it is never given
            alone = self.config.model_copy(update={"segmenter": None})
            check_before_training(self.seconds, self.teachers, dataset, alone)

    def compute(
        self,
        number: int,
        datasets: dict[str, Dataset],
        until: str | None = None,
        since: str | None = None,
    ) -> Outcome:
        """Compute the stages of a cell that are not there yet.

        Args:
            number: of the cell, counted from 0.
            datasets: of the run, by name.
            until: as ``Job`` takes it.
            since: likewise.

        Raises:
            UserError: the disk is full, or a folder cannot be written to.
        """
        cell = self.cells[number]
        self.display.cell(number + 1, len(self.cells), f"{cell.title} on {cell.dataset}")
        try:
            return Job(self.context(cell, datasets), until, since).run()
        finally:
            return_freed_memory()  # the next cell may need less

    def take_part(self, words: dict[str, Any], datasets: dict[str, Dataset]) -> None:
        """Train a cell beside the first process, which computes and writes everything else."""
        cell = next(cell for cell in self.cells if cell.words() == words)
        try:
            take_part(self.context(cell, datasets))
        finally:
            return_freed_memory()

    def context(self, cell: Cell, datasets: dict[str, Dataset]) -> Context:
        """All that the stages of a cell work with."""
        dataset = datasets[cell.dataset]
        features = self._features if cell.needs_features else None
        inputs = Inputs(
            cell=cell,
            config=self.config,
            learned_from=dataset.training.fingerprint,
            features=features.digest if features else None,
            teacher=self.teachers.key(dataset.training) if cell.needs_teacher else None,
            segmenter=self.segmenters.key(dataset),
            second=self.seconds.key(dataset) if self.seconds else None,
            carried=carried_key(dataset.test),
            tested=dataset.test.fingerprint if dataset.borrows else None,
            overlapping=overlapping(dataset.test),
        )
        found = keys(inputs)
        return Context(
            cell=cell,
            dataset=dataset,
            config=self.config,
            keys=found,
            folder=self.store.folder(cell.words(), found.cell),
            device=self._device,
            room=self.room,
            features=features,
            segmenters=self.segmenters,
            seconds=self.seconds,
            teachers=self.teachers,
            store=self.store,
            display=self.display,
        )


def _device(config: RunConfig) -> torch.device:
    if config.cluster:
        return torch.device("cpu")  # the workers of the cluster have their own
    device = choose_device(config.device)
    if config.precision == "bf16" and device.type != "cuda":
        raise UserError("--precision bf16 needs a CUDA device; leave it at float32 on a CPU.")
    return device
