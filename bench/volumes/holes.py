"""Slices that a volume lacks: how they are given, and how they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from bench.base.errors import UserError
from bench.volumes.tissue import as_ranges

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


def positions(where: str, numbers: Iterable[int], first: int, depth: int) -> frozenset[int]:
    """The z of slices by their numbers.

    Args:
        where: what messages call the volume.
        numbers: of the slices, as its files number them.
        first: the number of z = 0.
        depth: of the volume.

    Raises:
        UserError: there is no slice of that number.
    """
    outside = [number for number in numbers if not first <= number < first + depth]
    if outside:
        raise UserError(
            f"{where} has the slices {first} to {first + depth - 1}; --missing names "
            f"{as_ranges(outside)}, which is not among them."
        )
    return frozenset(number - first for number in numbers)


def hole_facts(missing: frozenset[int], first: int) -> dict[str, Any]:
    """What a triplet file keeps of them: nothing where no slice is missing."""
    if not missing:
        return {}
    return {"missing": sorted(missing), **({"first": first} if first else {})}


def hole_words(facts: Mapping[str, Any]) -> str:
    """The slices that a volume lacks, by the numbers of its files; empty for a whole one."""
    first = facts.get("first", 0)
    return as_ranges([first + z for z in facts.get("missing", [])])


def missing_by_volume(volumes: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """The missing z of each volume that lacks any, of what a triplet file keeps of them."""
    return {volume["name"]: volume["missing"] for volume in volumes if volume.get("missing")}
