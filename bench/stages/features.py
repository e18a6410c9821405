"""The VGG16 features of a run: which weights, and what to say where they have to be fetched."""

from __future__ import annotations

import contextlib
import sys

from bench.base.errors import UserError
from bench.base.progress import Display
from bench.base.sentences import joined
from bench.cells.cell import Cell
from bench.cells.config import RunConfig
from bench.stages.membrane_truth import nothing_to_learn
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.file import readable
from bench.volumes.cards import fold_of, load_card
from methods.features import VggFeatures, imagenet_weights_path, load_features


def run_features(cells: list[Cell], config: RunConfig, display: Display) -> VggFeatures | None:
    """The VGG features, loaded once, if any cell's loss looks at them.

    Args:
        cells: of the run.
        config: the run.
        display: where it is told that weights are fetched, before they are.

    Raises:
        UserError: the weights are not to be had; which loss needs none.
    """
    wanting = [cell for cell in cells if cell.needs_features]
    if not wanting:
        return None
    weights = config.vgg_weights
    learned_from = list(dict.fromkeys(parse_dataset(cell.dataset).trained_on for cell in wanting))
    if weights is None and all(load_card(name).generated for name in learned_from):
        weights = "random"
    fetched = weights is None and not imagenet_weights_path().exists()
    advice = _other_loss(learned_from, config) if fetched else ""
    if fetched:
        display.note(
            f"The loss {joined(dict.fromkeys(cell.loss for cell in wanting))} looks "
            f"through VGG16, whose weights (half a GB) torchvision fetches now; {advice}."
        )
    try:
        # torchvision tells of its download on standard output, where --json has its document.
        with contextlib.redirect_stdout(sys.stderr):
            return load_features(weights)
    except (OSError, ValueError) as error:
        said = str(error)
        raise UserError(f"{said.removesuffix('.')}; {advice}." if advice else said) from error


def _other_loss(learned_from: list[str], config: RunConfig) -> str:
    """Which loss needs no VGG16: that for neurites where their membranes can be learned."""
    labelled = config.labels is not None or all(_labelled(name, config) for name in learned_from)
    loss = "lm (membranes, from the labels)" if labelled else "l1"
    given = "" if "losses" in config.model_fields_set else " (without --losses the loss is ls)"
    return f"--losses {loss} needs none{given}"


def _labelled(name: str, config: RunConfig) -> bool:
    file = readable(dataset_path(config.data, name, fold_of(name, config.fold)))
    if file is None:
        return False
    with file:
        return not nothing_to_learn(file)
