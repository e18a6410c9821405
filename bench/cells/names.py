"""What a run names, looked at before torch is imported: a slip of the pen costs no seconds."""

from __future__ import annotations

from bench.base.words import read_words
from bench.cells.config import RunConfig
from bench.cells.registry import require_loss, require_method
from bench.triplets.dataset_paths import built_path
from bench.triplets.dataset_variant import parse_dataset
from bench.volumes.cards import load_card


def check_names(config: RunConfig) -> None:
    """Refuse methods, losses and datasets that there are not.

    Raises:
        UserError: one is not known; the nearest that is.
    """
    for text in config.methods:
        require_method(read_words(text)[0])
    for text in config.losses:
        require_loss(read_words(text)[0])
    check_built(config)


def check_built(config: RunConfig) -> None:
    """Say of a dataset that it is neither built nor can be built from what was given.

    Raises:
        UserError: the exact command that would build it.
    """
    for variant in map(parse_dataset, config.dataset):
        needed = [variant.built] if config.source is None else []
        needed += [variant.trained_on] if variant.trained_on != variant.built else []
        for card in map(load_card, needed):
            if not card.generated and not (config.download and card.files):
                built_path(card.name, config.data, config.fold)
