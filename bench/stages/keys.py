"""What goes into the content keys of a cell and of its stages.

A key is a digest over everything that can change a cell's figures and nothing else: not
the order of the methods, the device, the threads or any path. A method's and a stage's
revision are part of it, so that a change of code that changes outputs makes a new cell.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from bench.base.files import file_digest
from bench.cells.cell import Cell, budget_of
from bench.cells.config import RunConfig


@dataclass(frozen=True)
class Inputs:
    """What a cell is computed from: its words and the run's, everything else by digest.

    Attributes:
        cell: the cell.
        config: the run it belongs to.
        learned_from: fingerprint of the triplets, split and build options of the dataset that
            is learned from.
        features: digest of the features that the loss looks at, or None.
        teacher: what tells the segmenter apart through which the loss looks, or None.
        segmenter: content key of the dataset's segmenter, or None if it can have none.
        second: the same of the second judge.
        carried: content key of what is counted of the neurites on both sides of a triplet's middle
            slice, or None where they are not known.
        tested: fingerprint of the dataset that is predicted, if it is another one.
        overlapping: whether tiles share pixels: their columns were numbered otherwise once.
    """

    cell: Cell
    config: RunConfig
    learned_from: str
    features: str | None = None
    teacher: str | None = None
    segmenter: str | None = None
    second: str | None = None
    carried: str | None = None
    tested: str | None = None
    overlapping: bool = False

    @property
    def elsewhere(self) -> dict[str, str]:
        """The dataset that is predicted, if it is not the one that is learned from."""
        return {} if self.tested is None or not self.cell.learns else {"tested": self.tested}

    @property
    def columns(self) -> list[str]:
        """How the columns of tiles are numbered, if that has ever changed for such tiles."""
        return ["squares"] if self.overlapping else []


@dataclass(frozen=True)
class Keys:
    """The content key of a cell and of its stages, and the settings they were made from.

    A stage without a key does not apply to the cell.
    """

    cell: str
    stages: dict[str, str]
    settings: dict[str, Any]


def method_settings(inputs: Inputs) -> dict[str, Any]:
    """Settings of the method, and the triplets that it learns from or predicts."""
    cell, learned_from = inputs.cell, inputs.learned_from
    if inputs.tested is not None and not cell.learns:
        learned_from = inputs.tested
    settings = {
        "method": cell.variant.info.name,
        "method_revision": cell.variant.info.revision,
        "options": dataclasses.asdict(cell.variant.options),
        "dataset": learned_from,
        "max_triplets": inputs.config.max_triplets,
    }
    if cell.variant.weights is not None:
        settings["weights"] = file_digest(cell.variant.weights)
    if cell.variant.init is not None:
        settings["init"] = file_digest(cell.variant.init)
    return settings


def training_settings(inputs: Inputs) -> dict[str, Any]:
    """Settings of the training: loss, seed, budget, precision."""
    cell, config = inputs.cell, inputs.config
    budget = dataclasses.asdict(budget_of(cell, config))
    del budget["summary"], budget["own"], budget["widths"]
    for name in ("micro_batch", "clip"):
        if budget[name] is None:
            del budget[name]  # the keys of before there was any still hold
    if inputs.features is None or not cell.variant.info.motion:
        del budget["motion_share"]
    if inputs.teacher is None:
        del budget["membranes_from"]
    return {
        "loss": _loss_settings(inputs),
        "seed": cell.seed,
        "preset": budget,
        "precision": config.precision,
    }


def _loss_settings(inputs: Inputs) -> dict[str, Any]:
    if inputs.cell.loss_variant is None:
        raise ValueError(f"The trained cell {inputs.cell.title} has no loss.")
    from methods.losses import revision

    loss = inputs.cell.loss_variant
    options = dataclasses.asdict(loss.options)
    settings = {"name": loss.name, "options": options, "features": inputs.features}
    if inputs.teacher is None:
        del options["membrane"]
    else:
        settings["teacher"] = inputs.teacher
    found = revision(loss.name, loss.options)
    # A first revision is not written: the keys of before there were any still hold.
    return settings if found == 1 else settings | {"revision": found}
