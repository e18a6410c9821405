"""The datasets that a run names, with what it says of their volume."""

from __future__ import annotations

from bench.base.errors import UserError
from bench.base.progress import Display
from bench.cells.config import RunConfig
from bench.cells.names import check_built
from bench.triplets.build_dataset import build_options
from bench.triplets.dataset import Dataset
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.open_dataset import Origin, open_dataset
from bench.volumes.cards import SAID, load_card
from bench.volumes.sources import Given


def check_datasets(config: RunConfig) -> None:
    """Refuse a dataset early that is not built and cannot be built from what was given.

    Raises:
        UserError: the exact command that would build it, or what its card contradicts.
    """
    if config.source is not None and len(config.dataset) > 1:
        raise UserError("--source builds one dataset; name a single one with --dataset.")
    if config.source is not None and config.download:
        raise UserError("--download fetches the card's volume; leave --source out.")
    origin = _origin(config)
    for variant in map(parse_dataset, config.dataset):
        build_options(load_card(variant.built), {"fold": config.fold, **origin.said})
    check_built(config)


def open_datasets(config: RunConfig, display: Display) -> dict[str, Dataset]:
    """Open every dataset of a run; a missing one is built where its source is available.

    Raises:
        UserError: a dataset or its source is damaged, or was built from another source, or with
            another gap than the one that is learned from.
    """
    check_datasets(config)
    variants = [parse_dataset(text) for text in config.dataset]
    # Options about a volume describe the dataset that is tested, not the one that is learned from.
    origins = dict.fromkeys((variant.built for variant in variants), _origin(config))
    for variant in variants:
        origins.setdefault(variant.trained_on, Origin(download=config.download))
    # Opening checks every byte of a file, so each is opened once.
    files = {
        name: open_dataset(name, config.data, config.fold, origin, display)
        for name, origin in origins.items()
    }
    datasets = {
        variant.text: Dataset(variant.text, files[variant.built], files[variant.trained_on])
        for variant in variants
    }
    for dataset in datasets.values():
        _check_gaps(dataset)
    return datasets


def _check_gaps(dataset: Dataset) -> None:
    """Refuse to learn from gaps of another width than those that are predicted."""
    learned, tested = dataset.training.gap, dataset.test.gap
    if learned != tested:
        raise UserError(
            f"'{dataset.name}' has gaps of {tested}, but '{dataset.training.name}', which is "
            f"learned from, was built with --gap {learned}; build both with the same --gap."
        )


def _origin(config: RunConfig) -> Origin:
    """What a run says of the volume that its dataset is built from."""
    given = Given(
        sources=[config.source] if config.source else [],
        labels=[config.labels] if config.labels else [],
        masks=[config.mask] if config.mask else [],
        missing=[config.missing] if config.missing else [],
        grey_range=config.grey_range,
        axes=config.axes,
        channel=config.channel,
        level=config.level or 0,
        regions=[config.region] if config.region else [],
        voxel_size=config.voxel_size,
    )
    said = config.model_dump(include=set(SAID), exclude_none=True)
    return Origin(given, said, config.download)
