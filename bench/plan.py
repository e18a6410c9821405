"""From a configuration to cells, and the content key of each.

A key is a digest over everything that can change a cell's figures and nothing else: not
the order of the methods, the device, the threads or any path. A method's and a stage's
revision are part of it, so that a change of code that changes outputs makes a new cell.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.config import RunConfig
from bench.data.cards import fold_of
from bench.dataset_variants import DatasetVariant, parse_dataset
from bench.errors import UserError
from bench.files import content_digest, file_digest
from bench.presets import PRESETS, Preset
from bench.store import NONE
from bench.variants import LossVariant, Variant, parse_loss, parse_variant

NULL = "linear"


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
    def is_null(self) -> bool:
        """Whether every gain is over this cell, and the calibration lies beside its scores."""
        return self.variant.text == NULL

    @property
    def title(self) -> str:
        """What progress and tables call it."""
        loss = "" if self.loss == NONE else f" {self.loss}"
        return f"{self.variant.text}{loss}"

    def words(self) -> dict[str, Any]:
        """The cell as a record stores it."""
        return {
            "method": self.variant.text, "loss": self.loss, "dataset": self.dataset,
            "fold": self.fold, "seed": self.seed, "preset": self.preset,
        }  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """The content key of a cell and of its stages, and the settings they were made from.

    A stage without a key does not apply to the cell.
    """

    cell: str
    stages: dict[str, str]
    settings: dict[str, Any]


def plan(config: RunConfig) -> list[Cell]:
    """The cells of a run, dataset by dataset, the null first.

    The null model joins by itself: without it no gain means anything.

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
        if known.setdefault(variant.text, variant.weights) != variant.weights:
            raise UserError(
                f"{known[variant.text]} and {variant.weights} would both be called "
                f"{variant.text}; rename one of them."
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
    """The training budget of a trained cell: its preset's, unless the run sees fewer crops."""
    preset = PRESETS[cell.preset].of_method(cell.variant.info.name)  # type: ignore[index]
    return preset if config.samples is None else replace(preset, samples=config.samples)


def keys(
    cell: Cell,
    config: RunConfig,
    fingerprint: str,
    features: str | None,
    segmenter: str | None = None,
    tested: str | None = None,
    *,
    overlapping: bool = False,
) -> Keys:
    """The content keys of a cell.

    Args:
        cell: the cell.
        config: the run it belongs to.
        fingerprint: of the triplets, split and build options of the dataset that is learned from.
        features: digest of the features the loss looks at, or None.
        segmenter: content key of the dataset's segmenter, or None: without one there is no
            key for the stage ``segment``.
        tested: fingerprint of the dataset that is predicted, if it is another one.
        overlapping: whether tiles share pixels: their columns were numbered otherwise once.
    """
    from bench import calibration
    from bench.stages import predict, score, segment, train

    info = cell.variant.info
    if tested is not None and not cell.learns:
        fingerprint, tested = tested, None
    training: dict[str, Any] = {
        "method": info.name,
        "method_revision": info.revision,
        "options": dataclasses.asdict(cell.variant.options),
        "dataset": fingerprint,
        "max_triplets": config.max_triplets,
    }
    if cell.variant.weights is not None:
        training["weights"] = file_digest(cell.variant.weights)
    if cell.learns:
        training["train_revision"] = train.REVISION
    if cell.trained:
        budget = dataclasses.asdict(budget_of(cell, config))
        del budget["summary"], budget["rates"]
        if features is None or not info.motion:
            del budget["motion_share"]
        training |= {
            "loss": _loss_settings(cell, features),
            "seed": cell.seed,
            "preset": budget,
            "precision": config.precision,
        }
    train_key = content_digest(training)
    # What is predicted is what is learned from, unless something is added here.
    elsewhere = {} if tested is None else {"tested": tested}
    cell_key = content_digest([train_key, config.predict_tile, *elsewhere.values()])
    predict_key = content_digest([cell_key, predict.REVISION])
    scoring = [score.REVISION, calibration.REVISION] if cell.is_null else [score.REVISION]
    columns = ["squares"] if overlapping else []
    stages = {"train": train_key} if cell.learns else {}
    stages |= {"predict": predict_key, "score": content_digest([predict_key, *scoring, *columns])}
    if segmenter is not None:
        stages["segment"] = content_digest([predict_key, segmenter, segment.REVISION, *columns])
    return Keys(
        cell=cell_key,
        stages=stages,
        settings=training
        | elsewhere
        | {"predict_tile": config.predict_tile, "samples": config.samples},
    )


def _loss_settings(cell: Cell, features: str | None) -> dict[str, Any]:
    if cell.loss_variant is None:
        raise ValueError(f"The trained cell {cell.title} has no loss.")
    from methods.losses import revision

    loss = cell.loss_variant
    options = dataclasses.asdict(loss.options)
    settings = {"name": loss.name, "options": options, "features": features}
    found = revision(loss.name, loss.options)
    # A first revision is not written: the keys of before there were any still hold.
    return settings if found == 1 else settings | {"revision": found}
