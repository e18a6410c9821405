"""Whether two volumes show the same slices: splits and leakage know these by volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.triplets.survey import Source

_TELLING = 16  # grey levels of a slice: a blank one, or a mark that a slice is lost, has fewer
_FEWEST = 3  # slices, as many as a triplet has

Counts = NDArray[np.int64]  # z x region x 256


def refuse_shared_slices(sources: Sequence[Source]) -> None:
    """Refuse two volumes that overlap, or one volume under two names.

    Args:
        sources: what was read of all volumes.

    Raises:
        UserError: at least three slices of one volume are those of another.
    """
    known = dict[bytes, tuple[str, int]]()
    shared = dict[tuple[str, str], list[tuple[int, int]]]()
    for volume, seen in sources:
        for z, told_by in _marks(seen.counts):
            number = volume.first + z * volume.every
            name, there = known.setdefault(told_by, (volume.name, number))
            if name != volume.name:
                shared.setdefault((name, volume.name), []).append((there, number))
    for (one, other), slices in shared.items():
        if len(slices) >= _FEWEST:
            here, there = slices[0]
            raise UserError(
                f"'{one}' and '{other}' share {len(slices)} slices ({here} of one is {there} of "
                "the other), so that what is tested would be learned from; give each slice once."
            )


def shared_volumes(
    known: Iterable[tuple[str, int, Counts]], others: Iterable[tuple[str, int, Counts]]
) -> Mapping[str, tuple[str, int]]:
    """Which of some volumes show slices of others, and how far their z lie apart.

    Args:
        known: name, step between two slices, and grey counts of each volume.
        others: the same of others, at least three slices of which may be among the known ones.

    Returns:
        For the name of one of the others that of a known volume, and what to add to its z, which
        is counted from where it begins.
    """
    places = {
        told_by: (name, z * every) for name, every, counts in known for z, told_by in _marks(counts)
    }
    found = dict[str, tuple[str, int]]()
    for name, every, counts in others:
        steps = Counter(
            (places[told_by][0], places[told_by][1] - z * every)
            for z, told_by in _marks(counts)
            if told_by in places
        )
        for step, slices in steps.most_common(1):
            if slices >= _FEWEST:
                found[name] = step
    return found


def _marks(counts: Counts) -> Iterator[tuple[int, bytes]]:
    """The z that show something, each with its grey counts: those of two other slices differ."""
    for z, of_slice in enumerate(counts.sum(axis=1)):
        if np.count_nonzero(of_slice) >= _TELLING:
            yield z, of_slice.tobytes()
