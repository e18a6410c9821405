"""Slices that a volume lacks: how their numbers are given, and how they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated

from pydantic import BeforeValidator

from bench.base.errors import UserError

_RANGE = re.compile(r"([0-9]{1,18})(?:\s*-\s*([0-9]{1,18}))?")
_MOST = 1_000_000  # slices that are named at once


def parse_missing(value: object) -> tuple[int, ...]:
    """The numbers of ``105,111-112``, each once, in order; a list of them is taken as it is.

    Raises:
        ValueError: it is not written like that, or names more than a million slices.
    """
    if isinstance(value, list | tuple) and all(isinstance(number, int) for number in value):
        return tuple(value)
    ranges = [_range(part) for part in filter(None, map(str.strip, str(value).split(",")))]
    named = sum(each.stop - each.start for each in ranges)
    if named > _MOST:
        raise ValueError(
            f"it names {named:,} slices, and {_MOST:,} are the most; "
            "name only slices that are not there, for instance 105,111-112"
        )
    return tuple(sorted(set(chain.from_iterable(ranges))))


def _range(part: str) -> range:
    """The numbers of ``105`` or ``111-112``; the last is not below the first."""
    match = _RANGE.fullmatch(part)
    if match is None:
        raise ValueError(
            f"{part!r} is no number and no range; give the numbers of slices, for instance "
            "105,111-112"
        )
    first, last = int(match[1]), int(match[2] or match[1])
    if first > last:
        raise ValueError(f"{part!r} runs backwards; write {last}-{first}")
    return range(first, last + 1)


Missing = Annotated[tuple[int, ...], BeforeValidator(parse_missing)]


def as_ranges(numbers: Sequence[int]) -> str:
    """Ascending whole numbers in short: ``105, 111-112``."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(f"{g[0]}-{g[-1]}" if len(g) > 1 else str(g[0]) for g in groups)


def positions(where: str, numbers: Iterable[int], first: int, depth: int) -> frozenset[int]:
    """The z of slices by their numbers.

    Args:
        where: what messages call the volume.
        numbers: of the slices, as its files number them.
        first: the number of z = 0.
        depth: of the volume.

    Raises:
        UserError: the volume has no slice of that number.
    """
    outside = [number for number in numbers if not first <= number < first + depth]
    if outside:
        raise UserError(
            f"{where} has the slices {first} to {first + depth - 1}; --missing names "
            f"{as_ranges(outside)}, which is not among them."
        )
    return frozenset(number - first for number in numbers)
