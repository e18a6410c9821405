"""From the words of ``bench data build`` to a dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from bench.base.errors import UserError
from bench.base.progress import Display, open_display
from bench.base.words import unknown
from bench.commands.data_build import BuildWords
from bench.commands.options import parsed
from bench.triplets.build_dataset import build_dataset
from bench.triplets.build_summary import BuildSummary
from bench.triplets.reject import Rules
from bench.volumes.download import download_volume
from bench.volumes.grey_range import GreyWish, parse_grey_range
from bench.volumes.holes import parse_missing
from bench.volumes.region import parse_region
from bench.volumes.sources import Given

_Value = TypeVar("_Value")

# Words that are build options as they stand.
_WISHES = (
    "every", "gap", "tile", "stride", "tiles", "search", "align", "histogram", "split",
    "split_axis", "fold",
    "label_kind", "label_zero", "voxel_size",
)  # fmt: skip


def build_as_told(words: BuildWords) -> BuildSummary:
    """Build the dataset that the command names, and show its progress.

    Raises:
        UserError: an option is not valid, or a volume cannot be fetched or read.
    """
    display = open_display()
    try:
        given = _given(words, _sources(words, display))
        return build_dataset(
            words.name, given, words.data, display, replace=words.replace, **_wishes(words)
        )
    finally:
        display.close()


def _sources(words: BuildWords, display: Display) -> Sequence[str | Path]:
    if not words.download:
        return words.source or []
    if words.source:
        raise UserError("--download fetches the card's volume; leave --source out.")
    return [download_volume(words.name, words.data, display)]


def _given(words: BuildWords, sources: Sequence[str | Path]) -> Given:
    return Given(
        sources=sources,
        labels=words.labels or [],
        masks=words.mask or [],
        missing=_each("missing", parse_missing, words.missing),
        regions=_each("region", parse_region, words.region),
        level=words.level or 0,
        grey_range=_grey_range(words.grey_range),
        axes=words.axes,
        channel=words.channel,
    )


def _wishes(words: BuildWords) -> dict[str, Any]:
    """The build options that differ from the card's; None means not given."""
    return {name: getattr(words, name) for name in _WISHES} | {"rules": _rules(words.rule)}


def _grey_range(text: str | None) -> GreyWish | None:
    try:
        return None if text is None else parse_grey_range(text)
    except ValueError as error:
        raise UserError(f"--grey-range takes LOW,HIGH or auto, not '{text}'.") from error


def _each(option: str, parse: Callable[[str], _Value], texts: list[str] | None) -> list[_Value]:
    """What an option says of each source."""
    return [parsed(option, parse, text) for text in texts or []]


def _rules(words: list[str] | None) -> dict[str, float] | None:
    """The threshold of each rule that a word ``NAME=NUMBER`` sets."""
    rules = {}
    for word in words or []:
        name, _, number = word.partition("=")
        if name not in Rules.model_fields:
            unknown("rule", name, list(Rules.model_fields))
        try:
            rules[name] = float(number)
        except ValueError as error:
            raise UserError(f"--rule takes NAME=NUMBER, as in blur=2, not '{word}'.") from error
    return rules or None
