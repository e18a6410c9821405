"""Slices that a volume lacks: how their numbers are given, and how they are printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from bench.base.errors import UserError

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def parse_missing(value: object) -> tuple[int, ...]:
    """The numbers of ``105,111-112``; a list of whole numbers is taken as it is.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(value, list | tuple) and all(isinstance(number, int) for number in value):
        return tuple(value)
    numbers = list[int]()
    for part in filter(None, (part.strip() for part in str(value).split(","))):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise ValueError("give the numbers of slices, for instance 105,111-112")
        numbers.extend(range(first, last + 1))
    return tuple(numbers)


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
