"""What callers say of volumes, in values of Python or in the words of the command line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.base.invalid_option import parsed
from bench.base.words import unknown
from bench.volumes.grey_range import GreyWish, parse_grey_range
from bench.volumes.holes import parse_missing
from bench.volumes.region import parse_region
from bench.volumes.sources import Given

OF_EACH = ("labels", "mask", "missing", "region")  # said of each volume by itself
OF_ALL = ("grey_range", "level", "axes", "channel")


def check_known(function: str, options: Iterable[str], known: Collection[str]) -> None:
    """Refuse an option that a function has not.

    Raises:
        UserError: there is no such option; the nearest that there is.
    """
    for name in options:
        if name not in known:
            unknown(f"option of {function}:", name, list(known))


def of_one(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of the only volume, as ``given_of`` takes it."""
    alone = {name: [said[name]] for name in OF_EACH if said.get(name) is not None}
    return {**said, **dict.fromkeys(OF_EACH), **alone}


def given_of(sources: Sequence[str | Path], said: Mapping[str, Any]) -> Given:
    """The volumes that are given, and how they are to be read.

    Args:
        sources: a file, folder or address for each volume.
        said: options by name; those of ``OF_EACH`` as a list with one for each volume. None means
            not given.

    Raises:
        UserError: an option is not valid.
    """
    grey_range = said.get("grey_range")
    return Given(
        sources=sources,
        labels=said.get("labels") or [],
        masks=said.get("mask") or [],
        missing=[missing_of(each) for each in said.get("missing") or []],
        regions=[parsed("region", parse_region, each) for each in said.get("region") or []],
        level=said.get("level") or 0,
        grey_range=None if grey_range is None else _grey_range(grey_range),
        axes=said.get("axes"),
        channel=said.get("channel"),
    )


def missing_of(said: Any) -> tuple[int, ...]:
    """The numbers of slices that are not there: a text, a number, or several.

    Raises:
        UserError: it is none of these.
    """
    if isinstance(said, Iterable) and not isinstance(said, str):
        numbers = list(said)
        if all(isinstance(number, Integral) for number in numbers):
            return tuple(sorted(set(map(int, numbers))))
    return parsed("missing", parse_missing, said)


def _grey_range(said: Any) -> GreyWish:
    try:
        return parse_grey_range(said)
    except ValueError as error:
        raise UserError(f"--grey-range takes LOW,HIGH or auto, not '{said}'.") from error
