"""The content key of a cell and of each of its stages.

A key is a digest over everything that can change a cell's figures and nothing else: not
the order of the methods, the device, the threads or any path. A method's and a stage's
revision are part of it, so that a change of code that changes outputs makes a new cell.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from bench.base.files import content_digest, file_digest
from bench.cells.cell import Cell, budget_of
from bench.cells.config import RunConfig


@dataclass(frozen=True)
class Keys:
    """The content key of a cell and of its stages, and the settings they were made from.

    A stage without a key does not apply to the cell.
    """

    cell: str
    stages: dict[str, str]
    settings: dict[str, Any]


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
    from bench.scores import calibration
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
