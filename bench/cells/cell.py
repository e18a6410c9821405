"""A cell of the benchmark, and the cells that a configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.cells.config import RunConfig
from bench.cells.presets import PRESETS, Preset
from bench.cells.variants import LossVariant, Variant, parse_loss, parse_variant
from bench.store.records import NONE
from bench.triplets.dataset_variant import DatasetVariant, parse_dataset
from bench.volumes.cards import fold_of

NULL = "linear"
_TUNING = 0.1  # of the learning rate, where a training starts from weights: they are to last


@dataclass(frozen=True)
class Cell:
    """Method x loss x dataset x fold x seed x preset: what is trained, cached and reported."""

    variant: Variant
    loss: str
    dataset: str
    fold: int
    seed: int
    preset: str
    loss_variant: LossVariant | None = None

    @property
    def learns(self) -> bool:
        """Whether weights have to be found before anything is predicted."""
        return self.variant.info.kind != "classical" and self.variant.weights is None

    @property
    def trained(self) -> bool:
        """Whether gradient descent is needed."""
        return self.learns and self.variant.info.kind == "trained"

    @property
    def needs_features(self) -> bool:
        """Whether it is trained under a loss that looks at VGG16 features."""
        return self.loss_variant is not None and self.loss_variant.needs_features

    @property
    def needs_teacher(self) -> bool:
        """Whether it is trained under a loss that looks at membranes through a segmenter."""
        return self.loss_variant is not None and self.loss_variant.needs_teacher

    @property
    def is_null(self) -> bool:
        """Whether it is the null: every gain is over it, and it has the calibration."""
        return self.variant.text == NULL

    @property
    def title(self) -> str:
        """What progress and tables call it."""
        loss = "" if self.loss == NONE else f" {self.loss}"
        return f"{self.variant.text}{loss}"

    def words(self) -> dict[str, Any]:
        """The cell as a record stores it."""
        return {
            "method": self.variant.text,
            "loss": self.loss,
            "dataset": self.dataset,
            "fold": self.fold,
            "seed": self.seed,
            "preset": self.preset,
        }


def plan(config: RunConfig) -> list[Cell]:
    """The cells of a run, dataset by dataset, in the order of the methods.

    The null comes first where it is not named: every gain is over it.

    Raises:
        UserError: a method, an option or a loss is not known, or two files of weights share
            a name.
    """
    losses = [parse_loss(text, PRESETS[config.preset]) for text in config.losses]
    variants = [parse_variant(text, config.preset) for text in config.methods]
    if NULL not in (variant.text for variant in variants):
        variants.insert(0, parse_variant(NULL, config.preset))
    _check_names(variants)
    cells = [
        cell
        for dataset in map(parse_dataset, config.dataset)
        for variant in variants
        for cell in _cells(variant, dataset, losses, config)
    ]
    return list({(cell.dataset, cell.title, cell.seed): cell for cell in cells}.values())


def _check_names(variants: list[Variant]) -> None:
    """Refuse two files of weights under one name: a table could not tell them apart."""
    known: dict[str, Path | None] = {}
    for variant in variants:
        file = variant.weights or variant.init
        if known.setdefault(variant.text, file) != file:
            raise UserError(
                f"{known[variant.text]} and {file} would both be called {variant.text}; rename "
                "one of them."
            )


def _cells(
    variant: Variant, dataset: DatasetVariant, losses: list[LossVariant], config: RunConfig
) -> list[Cell]:
    name, fold = dataset.text, fold_of(dataset.built, config.fold)
    untrained = Cell(variant, NONE, name, fold, 0, NONE)
    if not untrained.trained:
        return [untrained]
    return [
        Cell(variant, loss.text, name, fold, seed, config.preset, loss)
        for loss in losses
        for seed in config.seeds
    ]


def budget_of(cell: Cell, config: RunConfig) -> Preset:
    """The training budget of a cell: that of its preset, with what the run says of it."""
    preset = PRESETS[cell.preset].of_method(cell.variant.info.name)
    if cell.variant.init is not None:
        preset = replace(preset, learning_rate=preset.learning_rate * _TUNING)
    if config.samples is not None:
        preset = replace(preset, samples=config.samples)
    if config.crop is not None:
        preset = replace(preset, crop=config.crop)
    # As many as a step has are all of them.
    if config.micro_batch is not None and config.micro_batch < preset.batch:
        preset = replace(preset, micro_batch=config.micro_batch)
    return preset
