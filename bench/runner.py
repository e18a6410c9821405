"""Cells x stages: what is there is not computed twice, what fails does not stop the rest."""

from __future__ import annotations

import torch

from bench.config import RunConfig
from bench.data.triplets import TripletFile
from bench.errors import UserError
from bench.files import probe_folder
from bench.job import Job, Outcome
from bench.plan import Cell, preset_of
from bench.progress import Display
from bench.store import Store
from methods.features import VggFeatures, load_features


def run_cells(
    cells: list[Cell], files: dict[str, TripletFile], config: RunConfig, display: Display
) -> list[Outcome]:
    """Compute every cell that is not there yet.

    Raises:
        UserError: CUDA, features or the results folder are not to be had, the crops do not
            fit into the tiles, or the disk is full.
    """
    _check_crops(cells, files)
    probe_folder(config.out)
    device = choose_device(config)
    if config.threads:
        torch.set_num_threads(config.threads)
    store, features = Store(config.out), _features(cells, config)
    outcomes = []
    for number, cell in enumerate(cells, start=1):
        display.cell(number, len(cells), f"{cell.title} on {cell.dataset}")
        job = Job(cell, files[cell.dataset], config, device, features, store, display)
        outcomes.append(job.run())
    return outcomes


def _check_crops(cells: list[Cell], files: dict[str, TripletFile]) -> None:
    """Refuse before any work what the first training would stumble over."""
    for cell in cells:
        tile = files[cell.dataset].tile
        if cell.trained and tile < preset_of(cell).crop:
            raise UserError(
                f"The tiles of '{cell.dataset}' are {tile} pixels wide, but the preset "
                f"'{cell.preset}' trains on crops of {preset_of(cell).crop}; build it with larger "
                "tiles or choose another preset."
            )


def choose_device(config: RunConfig) -> torch.device:
    """The device of a run.

    Raises:
        UserError: CUDA was asked for and is absent, or bf16 was asked for without CUDA.
    """
    cuda = torch.cuda.is_available()
    if config.device == "cuda" and not cuda:
        raise UserError(
            "CUDA was asked for, but torch sees no CUDA device on this machine; "
            "use --device cpu or --device auto."
        )
    device = torch.device("cuda" if cuda and config.device != "cpu" else "cpu")
    if config.precision == "bf16" and device.type != "cuda":
        raise UserError("--precision bf16 needs a CUDA device; leave it at float32 on a CPU.")
    return device


def _features(cells: list[Cell], config: RunConfig) -> VggFeatures | None:
    """The VGG features, loaded once, if any cell's loss looks at them."""
    wanting = [cell for cell in cells if cell.trained and cell.loss != "l1"]
    if not wanting:
        return None
    weights = config.vgg_weights
    if weights is None and all(cell.dataset == "phantom" for cell in wanting):
        weights = "random"
    try:
        return load_features(weights)
    except (OSError, ValueError) as error:
        raise UserError(str(error)) from error
