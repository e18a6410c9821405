"""What a run refuses before any of its cells is computed."""

from __future__ import annotations

import torch

from bench.base.errors import UserError
from bench.base.sentences import joined
from bench.cells.cell import Cell, budget_of
from bench.cells.config import RunConfig
from bench.cells.variants import gap_of
from bench.stages.membrane_truth import nothing_to_learn
from bench.stages.training_step import check_parts
from bench.triplets.dataset import Dataset
from methods.losses import LOSSES, needs_teacher


def check_options(cells: list[Cell], config: RunConfig) -> None:
    """Refuse options that do not go with the methods and losses that were chosen.

    Raises:
        UserError: a teacher that no loss looks through, or a micro-batch that a step cannot have.
    """
    if config.teacher is not None and not any(cell.needs_teacher for cell in cells):
        looking = joined((name for name in LOSSES if needs_teacher(name)), "or")
        raise UserError(
            f"--teacher {config.teacher} is used by the loss {looking} alone, and this run trains "
            f"nothing under it; add --losses {looking}, or leave --teacher out."
        )
    if config.micro_batch is None:
        return
    for cell in filter(lambda cell: cell.trained, cells):
        _check_micro_batch(cell, config, config.micro_batch)


def _check_micro_batch(cell: Cell, config: RunConfig, crops: int) -> None:
    budget = budget_of(cell, config)
    if crops > budget.batch:
        raise UserError(
            f"--micro-batch {crops} is more than the {budget.batch} crops of a training step of "
            f"preset '{cell.preset}'; give fewer, or leave --micro-batch out."
        )
    with torch.device("meta"):
        check_parts(cell.variant.build(), cell.variant.text, budget)


def check_crops(cells: list[Cell], datasets: dict[str, Dataset], config: RunConfig) -> None:
    """Refuse tiles that are smaller than the crops of a training.

    Raises:
        UserError: the sides of both.
    """
    for cell in filter(lambda cell: cell.trained, cells):
        training, crop = datasets[cell.dataset].training, budget_of(cell, config).crop
        if training.tile < crop:
            raise UserError(
                f"The tiles of '{training.name}' are {training.tile} pixels wide, but the training "
                f"crops {crop}; train on smaller ones with --crop {training.tile}, or build it "
                "with larger tiles."
            )


def check_weights(cells: list[Cell], datasets: dict[str, Dataset]) -> None:
    """Refuse weights of a method that were trained for gaps of another width.

    Raises:
        UserError: both widths.
    """
    for cell in cells:
        path = cell.variant.weights or cell.variant.init
        if path is None or cell.variant.info.any_time:
            continue
        trained, gap = gap_of(path), datasets[cell.dataset].test.gap
        if trained != gap:
            raise UserError(
                f"The weights {path} were trained for gaps of {_slices(trained)}, and those of "
                f"'{cell.dataset}' have {_slices(gap)}; give weights that were trained for these, "
                f"or a dataset that was built with --gap {trained}."
            )


def _slices(gap: int) -> str:
    return "one slice" if gap == 1 else f"{gap} slices"


def check_teachers(cells: list[Cell], datasets: dict[str, Dataset], config: RunConfig) -> None:
    """Refuse a loss that looks for membranes where there are none to be learned.

    Raises:
        UserError: what the dataset lacks.
    """
    if config.teacher is not None:
        return
    wanting = {cell.dataset: cell.loss for cell in cells if cell.needs_teacher}
    for dataset, loss in wanting.items():
        if lack := nothing_to_learn(datasets[dataset].training):
            raise UserError(
                f"The loss '{loss}' looks for membranes, and {lack}; give a segmenter that "
                "was trained elsewhere with --teacher FILE, or leave the loss out."
            )
