"""From a dataset's name to its triplets: open what is built, build what can be built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.base.files import file_digest, set_aside
from bench.base.progress import Display
from bench.triplets.build_dataset import build_at, build_options, only_builder
from bench.triplets.dataset_paths import anew, dataset_path
from bench.triplets.digests import digest_path, stored_digest
from bench.triplets.file import TripletFile, readable
from bench.triplets.options import BuildOptions
from bench.triplets.parts import digest_of, parts_of
from bench.volumes.cards import Card, as_option, fold_of, load_card
from bench.volumes.download import download_volume
from bench.volumes.sources import Given
from bench.volumes.thinned import thinned, thinned_size


@dataclass(frozen=True)
class Origin:
    """What a dataset is built from where it is not there, and what is said of its volume.

    Attributes:
        given: the volume, or none, and how its files are to be read.
        said: label kind, meaning of label 0 and voxel size, where somebody says them.
        download: whether the volume of a public dataset may be fetched.
    """

    given: Given = field(default_factory=Given)
    said: Mapping[str, Any] = field(default_factory=dict)
    download: bool = False


def open_dataset(
    name: str, data: Path, fold: int | None, origin: Origin, display: Display
) -> TripletFile:
    """Open a dataset; build it if it is not there and its source is.

    A damaged one is set aside and built anew where its source is at hand.

    Args:
        name: of the dataset.
        data: folder of the datasets.
        fold: which block is the test split; None leaves it to the card.
        origin: what it is built from.
        display: where progress and notes go.

    Raises:
        UserError: the dataset or its source is damaged, or it was built from another source.
    """
    card = load_card(name)
    path = dataset_path(data, card.name, fold_of(card.name, fold))
    if path.exists() and _is_sound(path, display):
        file = TripletFile(path)
        _check_same(file, origin)
        return file
    options = build_options(card, {"fold": fold, **origin.said})
    with only_builder(path.parent, card.name, display):
        damaged = path.exists() and not _is_sound(path, display)
        if damaged or not path.exists():
            origin = replace(origin, given=_source(card, origin, data, display))
        if damaged:
            options = _set_damaged_aside(path, card, origin, options, display)
        if not path.exists():
            _build(path, card, origin.given, options, display)
    return TripletFile(path)


def _build(path: Path, card: Card, given: Given, options: BuildOptions, display: Display) -> None:
    display.note(f"Building the dataset '{card.name}' in {path.parent}.")
    summary = build_at(path, card, given, options, display)
    for title, words in summary.told:
        display.note(f"  {title}: {words}.")
    for line in summary.coverage:
        display.note(f"  The tiles cover {line}.")


def _source(card: Card, origin: Origin, data: Path, display: Display) -> Given:
    """The volume that was given, or that of a card where it may be fetched."""
    if origin.download and card.files:
        return replace(origin.given, sources=[download_volume(card.name, data, display)])
    return origin.given if origin.given.sources else Given()


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
    path: Path, card: Card, origin: Origin, options: BuildOptions, display: Display
) -> BuildOptions:
    """Set a damaged dataset aside, so that it can be built anew.

    Returns:
        The options to build with: those of the damaged file where they can be read.

    Raises:
        UserError: there is no source to build it from, or another one.
    """
    if not origin.given.sources and not card.generated:
        wanted = "--source PATH or --download" if card.files else "--source PATH"
        raise UserError(
            f"{path} is damaged, and its volume is not at hand; give it with {wanted}, and "
            f"the dataset is built anew (`bench data verify {card.name}` says what is damaged)."
        )
    # What is there is set aside only for something better.
    if origin.given.sources:
        origin.given.open_grey(card.voxel_size).close()
    words = "the options of its card"
    if (file := readable(path)) is not None:
        _check_same(file, origin)
        options, words = file.options, "the same options"
        file.close()
    kept = [set_aside(p).name for p in (path, digest_path(path)) if p.exists()]
    display.note(f"{path} is damaged: it is built anew with {words}, and kept is {kept[0]}.")
    return options


def _check_same(file: TripletFile, origin: Origin) -> None:
    """Refuse a dataset of another volume, or of which something else was said."""
    known = {**dict(file.card), "voxel_size": file.voxel_size}
    every = file.options.every
    for word, value in origin.said.items():
        told = thinned_size(value, every) if word == "voxel_size" else value
        if known[word] != told:
            option = f"--{word.replace('_', '-')}"
            raise UserError(
                f"{file.path} was built with another {option} than that of this run; leave it out, "
                f"or repeat {anew(file.name, f'{option} {as_option(value)}')}."
            )
    if not origin.given.sources:
        return
    with origin.given.open_grey(file.card.voxel_size) as volume:
        parts = [part.volume for part in parts_of(thinned(volume, every), file.options)]
        digest = digest_of(parts, [part.digest for part in parts])
        if digest in {facts.sha256 for facts in file.volumes}:
            return
    [source] = origin.given.sources
    added = [f"--source {source}", *(["its labels as --labels"] if file.has_labels else [])]
    raise UserError(
        f"{file.path} was built from another volume than {source}, or with another --missing, "
        "--region, --level or --grey-range; leave --source out, or repeat "
        f"{anew(file.name, *added)}."
    )
