"""From a dataset's name and its volumes to its triplets in the folder of the datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.base.errors import UserError
from bench.base.files import locked, probe_folder
from bench.base.invalid_option import invalid_option
from bench.base.progress import Display
from bench.triplets.build import build
from bench.triplets.build_summary import BuildSummary
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import readable
from bench.triplets.options import BuildOptions
from bench.volumes.cards import Card, as_option, is_public, load_card
from bench.volumes.formats.voxel_size import doubt_size
from bench.volumes.generated import generated_volume
from bench.volumes.sources import Given
from bench.volumes.volume import Volume


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
    options = build_options(card, wishes)
    target = dataset_path(data, card.name, options.fold)
    with only_builder(target.parent, card.name, display):
        return build_at(target, card, given, options, display, replace=replace)


def build_options(card: Card, wishes: Mapping[str, Any]) -> BuildOptions:
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
                f"The card of '{card.name}' says {word} is {as_option(getattr(card, word))}, not "
                f"{as_option(value)}; build another volume under a name of its own."
            )
    return options


def only_builder(folder: Path, name: str, display: Display) -> AbstractContextManager[None]:
    """Hold the folder of a dataset; whoever comes second waits for the first."""
    probe_folder(folder)
    return locked(folder, lambda who: display.note(f"{who} builds '{name}'; waiting for it."))


def build_at(
    target: Path,
    card: Card,
    given: Given,
    options: BuildOptions,
    display: Display,
    *,
    replace: bool = False,
) -> BuildSummary:
    """Build a dataset and say what was decided and what is doubted; its folder has to be held.

    Args:
        target: path of ``triplets.h5``.
        card: of the dataset.
        given: the volumes; none for one that is generated.
        options: of the build.
        display: where progress and notes go.
        replace: whether a file that is there may be replaced.

    Raises:
        UserError: a volume cannot be read, or does not suit the options.
    """
    given.check()
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; --replace builds it anew.")
    volumes: Sequence[Volume] = (
        dataclasses.replace(given, voxel_size=options.voxel_size).open(card.voxel_size)
        if given.sources
        else [generated_volume(card)]
    )
    try:
        notes = [note for volume in volumes for note in volume.notes]
        for note in filter(None, [*notes, doubt_size(options.voxel_size)]):
            display.note(note)
        if not any(volume.has_labels for volume in volumes):
            _tell_lost_labels(target, display)
        tick = display.stage("build")
        summary = build(card.name, volumes, card, options, target, progress=tick, replace=replace)
    finally:
        for volume in volumes:
            volume.close()
    for kind, sentence in summary.labels:
        if kind == "caution":
            display.note(sentence)
    return summary


def _tell_lost_labels(target: Path, display: Display) -> None:
    """Say of a dataset with labels that the one in its place will have none."""
    old = readable(target)
    if old is None:
        return
    old.close()
    if old.has_labels:
        display.note(
            f"{target} has labels, and what takes its place will have none, as this build was "
            "given none; to keep them, stop it and add --labels."
        )
