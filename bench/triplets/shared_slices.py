"""Whether two volumes show the same slices: splits and leakage know these by volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.triplets.survey import Source
from bench.volumes.volume import Volume

_TELLING = 16  # grey levels of a slice: a blank one, or a mark that a slice is lost, has fewer
_FEWEST = 3  # slices, as many as a triplet has
_NEAR = 10  # slices: what is repeated so near is a filled or upsampled volume

Counts = NDArray[np.int64]  # z x region x 256


class _Place(NamedTuple):
    """A slice of a volume."""

    volume: Volume
    z: int

    @property
    def number(self) -> int:
        """What the source calls it."""
        return self.volume.first + self.z * self.volume.every

    def is_same(self, other: _Place) -> bool:
        """Whether both show the same pixels."""
        return np.array_equal(self.volume.slice(self.z), other.volume.slice(other.z))


def refuse_shared_slices(sources: Sequence[Source]) -> None:
    """Refuse volumes that overlap, one under two names, and one that was written twice in a row.

    A slice that only its neighbours repeat is left to the rule ``duplicate``.

    Args:
        sources: what was read of all volumes.

    Raises:
        UserError: at least three slices are there twice.
    """
    known = dict[bytes, _Place]()
    shared = dict[tuple[str, str], list[tuple[_Place, _Place]]]()
    for volume, seen in sources:
        for z, told_by in _marks(seen.counts):
            here = _Place(volume, z)
            there = known.setdefault(told_by, here)
            names = there.volume.name, volume.name
            if names[0] != names[1] or here.number - there.number > _NEAR * volume.every:
                shared.setdefault(names, []).append((there, here))
    for (one, other), pairs in shared.items():
        if len(pairs) < _FEWEST or not all(a.is_same(b) for a, b in pairs[:_FEWEST]):
            continue
        first, again = (place.number for place in pairs[0])
        what = f"'{one}' has {len(pairs)} slices twice ({first} is {again} again)"
        if one != other:
            what = (
                f"'{one}' and '{other}' share {len(pairs)} slices ({first} of one is {again} of "
                "the other)"
            )
        raise UserError(
            f"{what}, so that what is tested would be learned from; take each slice once, for "
            "instance with --region."
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
