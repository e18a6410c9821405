"""All stages in their order, and the content keys of a cell under all of them."""

from __future__ import annotations

from importlib import import_module

from bench.cells.presets import PRESETS
from bench.cells.stage_names import STAGES
from bench.stages import predict, train
from bench.stages.keys import Inputs, Keys
from bench.stages.stage import Stage


def stages() -> dict[str, Stage]:
    """Every stage by its name, in the order in which they are computed."""
    return {name: import_module(module).STAGE for name, module in STAGES.items()}


def keys(inputs: Inputs) -> Keys:
    """The content keys of a cell and of the stages that apply to it."""
    found = {name: stage.key(inputs) for name, stage in stages().items()}
    settings = train.settings(inputs) | inputs.elsewhere
    cell, samples = inputs.cell, inputs.config.samples
    if not cell.trained or samples == PRESETS[cell.preset].samples:
        samples = None  # it is what there would be without a word of it: nothing is cut short
    return Keys(
        cell=predict.cell_key(inputs),
        stages={name: key for name, key in found.items() if key is not None},
        settings=settings | {"predict_tile": inputs.config.predict_tile, "samples": samples},
    )
