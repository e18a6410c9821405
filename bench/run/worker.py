"""What computes the cells of a run, in this process or in one beside it."""

from __future__ import annotations

import contextlib
import sys

import torch

from bench.base.device import choose_device
from bench.base.errors import UserError
from bench.base.files import probe_folder
from bench.base.memory import keep_freed_memory, return_freed_memory
from bench.base.progress import Display
from bench.cells.cell import Cell
from bench.cells.config import RunConfig
from bench.run.job import Job, Outcome
from bench.stages.segmenters import Segmenters, check_segmenter
from bench.store.records import Store
from bench.triplets.dataset import Dataset
from bench.triplets.dataset_variant import parse_dataset
from bench.volumes.cards import load_card
from methods.features import VggFeatures, load_features


class Worker:
    """One process's part in a run: device, features, segmenters."""

    def __init__(self, cells: list[Cell], config: RunConfig, display: Display) -> None:
        """Check what can be checked before any work.

        Args:
            cells: of the run, in its order.
            config: the run.
            display: where progress goes.

        Raises:
            UserError: CUDA, VGG16 weights, a segmenter or a results folder are not to be had.
        """
        self._cells, self._config, self._display = cells, config, display
        self._store = Store(config.out)
        probe_folder(self._store.root)
        check_segmenter(config)
        self._device = _device(config)
        torch.set_num_threads(_threads(config))
        keep_freed_memory()
        self._features = _features(cells, config)
        self._segmenters = Segmenters(config, self._device, self._store, display)

    def compute(self, number: int, datasets: dict[str, Dataset]) -> Outcome:
        """Compute what of a cell is not there yet.

        Args:
            number: of the cell, counted from 0.
            datasets: of the run, by name.

        Raises:
            UserError: the disk is full, or a folder cannot be written to.
        """
        cell = self._cells[number]
        self._display.cell(number + 1, len(self._cells), f"{cell.title} on {cell.dataset}")
        job = Job(
            cell, datasets[cell.dataset], self._config, self._device, self._features,
            self._segmenters, self._store, self._display,
        )  # fmt: skip
        try:
            return job.run()
        finally:
            return_freed_memory()  # the next cell may need less


def _threads(config: RunConfig) -> int:
    """As many as torch would take, shared out between the jobs."""
    return config.threads or max(1, torch.get_num_threads() // config.jobs)


def _device(config: RunConfig) -> torch.device:
    device = choose_device(config.device)
    if config.precision == "bf16" and device.type != "cuda":
        raise UserError("--precision bf16 needs a CUDA device; leave it at float32 on a CPU.")
    return device


def _features(cells: list[Cell], config: RunConfig) -> VggFeatures | None:
    """The VGG features, loaded once, if any cell's loss looks at them."""
    wanting = [cell for cell in cells if cell.loss_variant and cell.loss_variant.name != "l1"]
    if not wanting:
        return None
    weights = config.vgg_weights
    learned_from = {parse_dataset(cell.dataset).trained_on for cell in wanting}
    if weights is None and all(load_card(name).generated for name in learned_from):
        weights = "random"
    try:
        # torchvision tells of its download on standard output, where --json has its document.
        with contextlib.redirect_stdout(sys.stderr):
            return load_features(weights)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
