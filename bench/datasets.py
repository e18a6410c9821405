"""From a dataset's name to its triplets: open what is built, build what can be built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.config import RunConfig, invalid_option
from bench.data.build import BuildOptions, BuildSummary, build
from bench.data.cards import CARDS, Card, load_card
from bench.data.download import download
from bench.data.triplets import TripletFile, dataset_path
from bench.data.volumes import ArrayVolume, Volume, open_volume
from bench.errors import UserError
from bench.files import probe_folder
from bench.progress import Display
from bench.registry import unknown

PHANTOM = "phantom"


def open_datasets(config: RunConfig, display: Display) -> dict[str, TripletFile]:
    """Open every dataset of a run, and build those that are not there if their source is.

    Raises:
        UserError: a dataset is neither built nor can be built from what was given.
    """
    if config.source is not None and len(config.dataset) > 1:
        raise UserError("--source builds one dataset; name a single one with --dataset.")
    return {name: _open(name, config, display) for name in config.dataset}


def _open(name: str, config: RunConfig, display: Display) -> TripletFile:
    path = dataset_path(config.data, name, config.fold)
    if path.exists():
        return TripletFile(path)
    if config.source is None and name != PHANTOM:
        raise UserError(_how_to_get(name, config))
    display.note(f"Building the dataset '{name}' in {path.parent}.")
    sources = [] if config.source is None else [config.source]
    build_dataset(
        name, sources, [config.labels] if config.labels else [], config.data, display,
        fold=config.fold, grey_range=config.grey_range,
    )  # fmt: skip
    return TripletFile(path)


def build_dataset(
    name: str,
    sources: list[Path],
    labels: list[Path],
    data: Path,
    display: Display,
    *,
    replace: bool = False,
    grey_range: tuple[float, float] | None = None,
    **wishes: Any,
) -> BuildSummary:
    """Build a dataset's triplets from its volumes.

    Args:
        name: of a card, or a new one for one's own volume.
        sources: the volumes; the phantom needs none.
        labels: a label file for each volume, or none at all.
        data: folder of the datasets.
        display: where progress goes.
        replace: whether a dataset that is there already may be built anew.
        grey_range: lowest and highest grey value of a volume that has not 8 bits.
        wishes: build options that differ from the card's; None means not given.

    Raises:
        UserError: a volume cannot be read, or an option is not valid.
    """
    if labels and len(labels) != len(sources):
        raise UserError(
            f"There are {len(sources)} volumes but {len(labels)} label files; give one for each."
        )
    card = load_card(name)
    options = build_options(card, wishes)
    target = dataset_path(data, name, options.fold)
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; --replace builds it anew.")
    probe_folder(target.parent)
    volumes = _volumes(name, sources, labels, grey_range)
    tick = display.stage("build")
    try:
        return build(
            name, volumes, card, options, target,
            progress=lambda words, done, total: tick(done, total, words), replace=replace,
        )  # fmt: skip
    finally:
        for volume in volumes:
            volume.close()


def build_options(card: Card, wishes: dict[str, Any]) -> BuildOptions:
    """The card's build options with what was asked for.

    Raises:
        UserError: an option is not valid.
    """
    given = {key: value for key, value in wishes.items() if value is not None}
    try:
        return BuildOptions.model_validate({**card.build, **given})
    except ValidationError as error:
        raise UserError(invalid_option(error)) from error


def download_volume(name: str, data: Path, display: Display) -> Path:
    """Fetch the volume of a card into the folder of the datasets, checked before use."""
    tick = display.stage("download")
    megabyte = 2**20
    return download(
        load_card(name),
        data / "volumes",
        lambda done, total: tick(done // megabyte, total // megabyte, "MiB"),
    )


def _volumes(
    name: str, sources: list[Path], labels: list[Path], grey_range: tuple[float, float] | None
) -> list[Volume]:
    if sources:
        given: list[Path | None] = [*labels] if labels else [None] * len(sources)
        return [
            open_volume(source, labels=label, grey_range=grey_range)
            for source, label in zip(sources, given, strict=True)
        ]
    if name != PHANTOM:
        raise UserError(f"Say which volume '{name}' is built from: --source PATH.")
    from bench.data.phantom import PhantomOptions, phantom_volume

    phantom = phantom_volume(PhantomOptions())
    return [
        ArrayVolume(PHANTOM, phantom.raw, labels=phantom.ids, voxel_size=load_card(name).voxel_size)
    ]


def _how_to_get(name: str, config: RunConfig) -> str:
    if name not in CARDS:
        known = [*CARDS, *(p.name for p in config.data.glob("*") if p.is_dir())]
        try:
            unknown("dataset", name, known)
        except UserError as error:
            sentence = str(error).rstrip(".?")
            raise UserError(
                f"{sentence} (a volume of your own becomes a dataset by "
                f"`bench data build {name} --source PATH`)."
            ) from error
    fold = f" --fold {config.fold}" if config.fold else ""
    download = " (or --download in its place)" if load_card(name).files else ""
    return (
        f"The dataset '{name}' is not built yet: `bench data build {name} --source PATH "
        f"[--labels PATH]{fold}`{download} builds it, or add --source PATH to this command; "
        f"its volume: {load_card(name).source}."
    )
