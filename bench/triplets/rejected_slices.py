"""At which slices triplets were rejected, for whoever looks into the volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from bench.triplets.reject import REASONS
from bench.volumes.holes import as_ranges

_MOST = 8  # ranges that are named of a volume

# What is to be done about slices, where that is not to be seen in a single one of them.
_REMEDIES = {
    "duplicate": "if two of them show one section, name the copy with --missing",
    "continuity": "if they do not show the same cells, name the damaged one with --missing",
}


def rejected_rows(keys: pd.DataFrame, first: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """How many triplets each rule rejected, as rows of a table; of some also at which slices.

    Args:
        keys: of the triplets.
        first: the number that a volume, by its name, gives to z = 0.
    """
    for reason in REASONS:
        here = keys[keys["reason"] == reason]
        words = str(len(here))
        if len(here) and reason in _REMEDIES:
            words += f", at {_slices(here, first)}; {_REMEDIES[reason]}"
        yield f"rejected: {reason}", words


def _slices(keys: pd.DataFrame, first: Mapping[str, int]) -> str:
    """The numbers of the middle slices, as ``--missing`` takes them."""
    named = []
    for name, rows in keys.groupby("volume", sort=False):
        numbers = sorted({first[str(name)] + int(z) for z in rows["z"]})
        ranges = as_ranges(numbers).split(", ")
        words = ", ".join(ranges[:_MOST]) + " and more" * (len(ranges) > _MOST)
        named.append(f"{name}: {words}" if len(first) > 1 else words)
    return f"slices {'; '.join(named)}"
