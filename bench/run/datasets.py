"""From a dataset's name to its triplets: open what is built, build what can be built."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.base.errors import UserError
from bench.base.files import file_digest, locked, probe_folder, set_aside
from bench.base.progress import Display
from bench.cells.config import OF_A_SOURCE, RunConfig, invalid_option
from bench.cells.names import check_built
from bench.triplets.build import BuildSummary, build
from bench.triplets.dataset import Dataset, parse_dataset
from bench.triplets.dataset_paths import anew, dataset_path
from bench.triplets.file import TripletFile, digest_path, stored_digest
from bench.triplets.options import BuildOptions
from bench.volumes.cards import SAID, Card, fold_of, is_public, load_card
from bench.volumes.download import download
from bench.volumes.formats.voxel_size import doubt_size
from bench.volumes.sources import Given
from bench.volumes.volume import ArrayVolume, StackVolume, Volume


def check_datasets(config: RunConfig) -> None:
    """Say at once of a dataset that it is neither built nor can be built from what was given.

    Raises:
        UserError: the exact command that would build it, or what its card contradicts.
    """
    if config.source is not None and len(config.dataset) > 1:
        raise UserError("--source builds one dataset; name a single one with --dataset.")
    if config.source is not None and config.download:
        raise UserError("--download fetches the card's volume; leave --source out.")
    for variant in map(parse_dataset, config.dataset):
        _options(variant.built, config)
    check_built(config)


def open_datasets(config: RunConfig, display: Display) -> dict[str, Dataset]:
    """Open every dataset of a run, and build those that are not there if their source is.

    A damaged one is set aside and built anew where its source is at hand.

    Raises:
        UserError: a dataset or its source is damaged, or was built from another source.
    """
    check_datasets(config)
    variants = [parse_dataset(text) for text in config.dataset]
    # Opening checks every byte of a file, so each is opened once.
    tested = dict.fromkeys(variant.built for variant in variants)
    files = {name: _open(name, config, display) for name in tested}
    # What is said of a volume is said of what is tested, not of what is learned from.
    other = config.model_copy(update=dict.fromkeys(("source", *OF_A_SOURCE, *SAID)))
    learned = dict.fromkeys(variant.trained_on for variant in variants)
    files |= {name: _open(name, other, display) for name in learned if name not in files}
    return {
        variant.text: Dataset(variant.text, files[variant.built], files[variant.trained_on])
        for variant in variants
    }


def _open(name: str, config: RunConfig, display: Display) -> TripletFile:
    name = load_card(name).name
    path = dataset_path(config.data, name, fold_of(name, config.fold))
    if path.exists() and _is_sound(path, display):
        file = TripletFile(path)
        _check_same(file, config)
        return file
    options = _options(name, config)
    with _only_builder(path.parent, name, display):
        damaged = path.exists() and not _is_sound(path, display)
        if damaged or not path.exists():
            config = _with_download(name, config, display)
        if damaged:
            options = _set_damaged_aside(path, name, config, options, display)
        if not path.exists():
            display.note(f"Building the dataset '{name}' in {path.parent}.")
            summary = _build(name, _given(config), options, path, display)
            for title, words in summary.told:
                display.note(f"  {title}: {words}.")
            for line in summary.coverage:
                display.note(f"  The tiles cover {line}.")
    return TripletFile(path)


def _is_sound(path: Path, display: Display) -> bool:
    """Whether every byte is as it was written: attributes have no checksum of their own."""
    try:
        written = stored_digest(path)
        if written is not None:
            return file_digest(path) == written
    except OSError as error:
        raise UserError(
            f"{error.filename} cannot be read ({error.strerror}); mend that first."
        ) from error
    # A build was killed at its last step.
    display.note(f"{digest_path(path)} is missing: of {path.name} only what is read is checked.")
    return True


def _set_damaged_aside(
    path: Path, name: str, config: RunConfig, options: BuildOptions, display: Display
) -> BuildOptions:
    """Make room for a dataset to be built anew, with the options of the damaged one if it can.

    Raises:
        UserError: there is no source to build it from, or another one.
    """
    if config.source is None and not load_card(name).generated:
        given = "--source PATH or --download" if load_card(name).files else "--source PATH"
        raise UserError(
            f"{path} is damaged, and its volume is not at hand; give it with {given}, and "
            f"the dataset is built anew (`bench data verify {name}` says what is damaged)."
        )
    # What is there is set aside only for something better.
    if config.source is not None:
        _grey_volume(config).close()
    words = "the options of its card"
    if (file := _readable(path)) is not None:
        _check_same(file, config)
        options, words = BuildOptions.model_validate(file.options), "the same options"
        file.close()
    kept = [set_aside(p).name for p in (path, digest_path(path)) if p.exists()]
    display.note(f"{path} is damaged: it is built anew with {words}, and kept is {kept[0]}.")
    return options


def _readable(path: Path) -> TripletFile | None:
    """A damaged file whose keys and options are whole: its pixels are not; None otherwise."""
    try:
        return TripletFile(path)
    except UserError:
        return None


def _check_same(file: TripletFile, config: RunConfig) -> None:
    """A dataset that is built stands for its volume and what was said of it, and for no other."""
    known = {**file.card, "voxel_size": file.voxel_size}
    for word, value in _said(config).items():
        if known[word] != value:
            option = f"--{word.replace('_', '-')}"
            raise UserError(
                f"{file.path} was built with another {option} than that of this run; leave it out, "
                f"or repeat {anew(file.name, f'{option} {_shown(value)}')}."
            )
    source = config.source
    if source is None:
        return
    with _grey_volume(config) as volume:
        if volume.digest not in {known["sha256"] for known in file.volumes}:
            added = [f"--source {source}", *(["its labels as --labels"] if file.has_labels else [])]
            raise UserError(
                f"{file.path} was built from another volume than {source}, or with another "
                "--missing or --grey-range; leave --source out, or "
                f"repeat {anew(file.name, *added)}."
            )


def build_dataset(
    name: str,
    given: Given,
    data: Path,
    display: Display,
    *,
    replace: bool = False,
    **wishes: Any,
) -> BuildSummary:
    """Build a dataset's triplets from its volumes.

    Args:
        name: of a card, or a new one for one's own volume.
        given: the volumes; what is generated needs none.
        data: folder of the datasets.
        display: where progress goes.
        replace: whether a dataset that is there already may be built anew.
        wishes: build options that differ from the card's; None means not given.

    Raises:
        UserError: a volume cannot be read, or an option is not valid.
    """
    card = load_card(name)
    name, options = card.name, build_options(card, wishes)
    target = dataset_path(data, name, options.fold)
    with _only_builder(target.parent, name, display):
        return _build(name, given, options, target, display, replace=replace)


def _only_builder(folder: Path, name: str, display: Display) -> AbstractContextManager[None]:
    probe_folder(folder)
    return locked(folder, lambda who: display.note(f"{who} builds '{name}'; waiting for it."))


def _build(
    name: str,
    given: Given,
    options: BuildOptions,
    target: Path,
    display: Display,
    *,
    replace: bool = False,
) -> BuildSummary:
    given.check()
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; --replace builds it anew.")
    volumes: Sequence[Volume] = given.open() if given.sources else [_generated(name)]
    try:
        notes = [note for volume in volumes for note in volume.notes]
        for note in filter(None, [*notes, doubt_size(options.voxel_size)]):
            display.note(note)
        if not any(volume.has_labels for volume in volumes):
            _tell_lost_labels(target, display)
        tick = display.stage("build")
        summary = build(
            name, volumes, load_card(name), options, target,
            progress=lambda words, done, total: tick(done, total, words), replace=replace,
        )  # fmt: skip
    finally:
        for volume in volumes:
            volume.close()
    for kind, sentence in summary.labels:
        if kind == "caution":
            display.note(sentence)
    return summary


def _tell_lost_labels(target: Path, display: Display) -> None:
    """Say of a dataset with labels that the one in its place will have none."""
    old = _readable(target)
    if old is None:
        return
    old.close()
    if old.has_labels:
        display.note(
            f"{target} has labels, and what takes its place will have none, as this build was "
            "given none; to keep them, stop it and add --labels."
        )


def build_options(card: Card, wishes: dict[str, Any]) -> BuildOptions:
    """The card's build options with what was asked for.

    Raises:
        UserError: an option is not valid, or contradicts what is known of a public volume.
    """
    given = {key: value for key, value in wishes.items() if value is not None}
    try:
        options = BuildOptions.model_validate({**card.build, **given})
    except ValidationError as error:
        raise UserError(invalid_option(error)) from error
    for word, value in options.said.items():
        if is_public(card.name) and getattr(card, word) != value:
            raise UserError(
                f"The card of '{card.name}' says {word} is {_shown(getattr(card, word))}, not "
                f"{_shown(value)}; build another volume under a name of its own."
            )
    return options


def _shown(value: Any) -> str:
    return ",".join(f"{side:g}" for side in value) if isinstance(value, tuple) else str(value)


def _options(name: str, config: RunConfig) -> BuildOptions:
    return build_options(load_card(name), {"fold": config.fold, **_said(config)})


def _given(config: RunConfig) -> Given:
    """What a run says of the volume that its dataset is built from."""
    if config.source is None:
        return Given()
    return Given(
        sources=[config.source],
        labels=[config.labels] if config.labels else [],
        masks=[config.mask] if config.mask else [],
        missing=[config.missing] if config.missing else [],
        grey_range=config.grey_range, axes=config.axes, channel=config.channel,
    )  # fmt: skip


def _grey_volume(config: RunConfig) -> StackVolume:
    """The grey slices of a run's source."""
    [volume] = replace(_given(config), labels=(), masks=()).open()
    return volume


def _said(config: RunConfig) -> dict[str, Any]:
    """What a run says of its volume, in the words of a card."""
    return config.model_dump(include=set(SAID), exclude_none=True)


def download_volume(name: str, data: Path, display: Display) -> Path:
    """Fetch the volume of a card into the folder of the datasets, checked before use."""
    tick = display.stage("download")
    megabyte, folder = 2**20, data / "volumes"
    probe_folder(folder)
    with locked(folder, lambda who: display.note(f"{who} fetches a volume; waiting for it.")):
        return download(
            load_card(name),
            folder,
            lambda done, total: tick(done // megabyte, total // megabyte, "MiB"),
        )


def _with_download(name: str, config: RunConfig, display: Display) -> RunConfig:
    """The run with the volume of a card as its source, where it may be fetched."""
    if not config.download or not load_card(name).files:
        return config
    return config.model_copy(update={"source": download_volume(name, config.data, display)})


def _generated(name: str) -> ArrayVolume:
    card = load_card(name)
    if card.phantom is None:
        raise UserError(f"Say which volume '{name}' is built from: --source PATH.")
    from bench.volumes.phantom import PhantomOptions, phantom_volume

    phantom = phantom_volume(PhantomOptions(**card.phantom))
    return ArrayVolume(name, phantom.raw, labels=phantom.ids, voxel_size=card.voxel_size)
