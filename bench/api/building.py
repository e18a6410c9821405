"""A dataset's triplets are built from its volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.api.given_options import OF_ALL, OF_EACH, check_known, given_of, of_one
from bench.base.errors import UserError
from bench.base.progress import open_display, told_to
from bench.base.words import unknown
from bench.triplets.build_dataset import build_dataset
from bench.triplets.build_summary import BuildSummary
from bench.triplets.reject import Rules
from bench.volumes.download import download_volume

# Build options, as they stand.
WISHES = (
    "every", "gap", "tile", "stride", "tiles", "search", "align", "histogram", "split",
    "split_axis", "fold", "label_kind", "label_zero", "voxel_size", "rules",
)  # fmt: skip


def build(
    name: str,
    source: str | Path | Sequence[str | Path] | None = None,
    *,
    data: str | Path = "data",
    download: bool = False,
    replace: bool = False,
    tell: Callable[[str], None] | None = None,
    **options: Any,
) -> BuildSummary:
    """Build a dataset's triplets, as ``bench data build`` does.

    Args:
        name: a card's, as ``phantom``, or a new one for a volume of your own.
        source: the volume, as ``open_volume`` takes it; a list for several. What is generated
            needs none.
        data: folder of the datasets.
        download: fetch the volume of a public dataset.
        replace: build anew what is there.
        tell: called with each line of progress.
        options: of the volume, as ``open_volume`` has them (lists, where ``source`` is one), and
            of the triplets: ``every``, ``gap``, ``tile``, ``stride``, ``tiles``, ``search``,
            ``align``, ``histogram``, ``split``, ``split_axis``, ``fold``, ``label_kind``,
            ``label_zero``, ``voxel_size`` (nm: z, y, x), ``rules`` (``{"blur": 2}``).

    Returns:
        What was made: ``path`` of the triplets, ``kept`` and ``splits`` how many there are,
        ``leakage``, and more; ``describe()`` has all of it in words.

    Raises:
        UserError: the dataset is there already, a volume cannot be read, or an option is not
            valid.

    Examples:
        >>> from bench.api import build
        >>> built = build("mine", "stack.tif", tile=64, search=4)
        >>> built.path.as_posix(), built.kept == sum(built.splits.values())
        ('data/mine/fold0/triplets.h5', True)
    """
    check_known("build", options, (*OF_EACH, *OF_ALL, *WISHES))
    rules = options.get("rules") or {}
    for rule in rules:
        if rule not in Rules.model_fields:
            unknown("rule", rule, list(Rules.model_fields))
    if source is None or isinstance(source, str | Path):
        said, sources = of_one(options), [] if source is None else [source]
    else:
        said, sources = options, list(source)
        _check_one_each(options)
    with told_to(tell or (lambda _: None)):
        return build_as_said(
            name, sources, Path(data), said | {"rules": dict(rules) or None},
            download=download, replace=replace,
        )  # fmt: skip


def _check_one_each(options: Mapping[str, Any]) -> None:
    """Refuse one text where each of several volumes has its own: its letters would be taken."""
    for option in OF_EACH:
        if isinstance(said := options.get(option), str | Path):
            raise UserError(
                f"Where the source is a list, so is --{option}: one for each volume, not '{said}'."
            )


def build_as_said(
    name: str,
    sources: Sequence[str | Path],
    data: Path,
    said: Mapping[str, Any],
    *,
    download: bool,
    replace: bool,
) -> BuildSummary:
    """Build a dataset, and show the progress.

    Args:
        name: of the dataset.
        sources: a file, folder or address for each of its volumes.
        data: folder of the datasets.
        said: options of volumes, as ``given_of`` takes them, and of triplets (``WISHES``).
        download: whether the card's volume is fetched.
        replace: whether a dataset that is there already may be built anew.

    Raises:
        UserError: an option is not valid, or a volume cannot be fetched or read.
    """
    if download and sources:
        raise UserError("--download fetches the card's volume; leave --source out.")
    display = open_display()
    try:
        if download:
            sources = [download_volume(name, data, display)]
        wishes = {wish: said.get(wish) for wish in WISHES}
        return build_dataset(
            name, given_of(sources, said), data, display, replace=replace, **wishes
        )
    finally:
        display.close()
