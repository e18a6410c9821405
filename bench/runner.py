"""A configuration carried out: cells one after another; what fails does not stop the rest."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from typing import NamedTuple

import torch

from bench.config import RunConfig
from bench.data.cards import load_card
from bench.dataset_variants import Dataset, parse_dataset
from bench.datasets import check_datasets, open_datasets
from bench.device import choose_device
from bench.errors import UserError
from bench.files import probe_folder
from bench.job import Job, Outcome
from bench.plan import Cell, budget_of, plan
from bench.progress import Display, open_display
from bench.segmenters import Segmenters, check_segmenter
from bench.store import Store
from methods.features import VggFeatures, load_features


class Resources(NamedTuple):
    """What a run needs beside its datasets.

    Attributes:
        device: where to compute.
        features: VGG16 for the losses that look through it, or None.
    """

    device: torch.device
    features: VggFeatures | None


def compute(config: RunConfig) -> tuple[list[Outcome], dict[str, Dataset]]:
    """Carry out a configuration: open or build its datasets, compute its cells.

    Raises:
        UserError: something that it names is not to be had, or the disk is full.
    """
    cells = plan(config)
    check_datasets(config)
    resources = prepare(cells, config)
    display = open_display()
    try:
        datasets = open_datasets(config, display)
        return run_cells(cells, datasets, config, resources, display), datasets
    finally:
        display.close()


def prepare(cells: list[Cell], config: RunConfig) -> Resources:
    """Check what can be checked before any work.

    Raises:
        UserError: CUDA, VGG16 weights, a segmenter or a results folder are not to be had.
    """
    probe_folder(Store(config.out).root)
    check_segmenter(config)
    device = _device(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    return Resources(device, _features(cells, config))


def run_cells(
    cells: list[Cell],
    datasets: dict[str, Dataset],
    config: RunConfig,
    resources: Resources,
    display: Display,
) -> list[Outcome]:
    """Compute every cell that is not there yet.

    Raises:
        UserError: the crops do not fit into the tiles, or the disk is full.
    """
    _check_crops(cells, datasets, config)
    store, outcomes = Store(config.out), []
    segmenters = Segmenters(config, resources.device, store, display)
    for number, cell in enumerate(cells, start=1):
        display.cell(number, len(cells), f"{cell.title} on {cell.dataset}")
        dataset = datasets[cell.dataset]
        job = Job(
            cell, dataset, config, resources.device, resources.features, segmenters, store, display
        )
        outcomes.append(job.run())
    return [_as_it_is_now(outcome, store) for outcome in outcomes]


def _as_it_is_now(outcome: Outcome, store: Store) -> Outcome:
    """Hours may have passed, and another run may have repeated a stage of the cell meanwhile."""
    if outcome.record.status == "failed":
        return outcome  # what it refused to compute is not on disk
    try:
        record = store.load(outcome.folder)
    except UserError:
        return outcome  # what this run knows of it is still true
    if record is None or record.status == "running":
        return outcome  # it is being computed again: nothing newer is whole yet
    return dataclasses.replace(outcome, record=record)


def _device(config: RunConfig) -> torch.device:
    device = choose_device(config.device)
    if config.precision == "bf16" and device.type != "cuda":
        raise UserError("--precision bf16 needs a CUDA device; leave it at float32 on a CPU.")
    return device


def _check_crops(cells: list[Cell], datasets: dict[str, Dataset], config: RunConfig) -> None:
    for cell in filter(lambda cell: cell.trained, cells):
        training, crop = datasets[cell.dataset].training, budget_of(cell, config).crop
        if training.tile < crop:
            raise UserError(
                f"The tiles of '{training.name}' are {training.tile} pixels wide, but the preset "
                f"'{cell.preset}' trains on crops of {crop}; build it with larger "
                "tiles or choose another preset."
            )


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
