"""Whether two volumes of a dataset show the same slices: a split knows them only by volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.base.errors import UserError
from bench.triplets.survey import Source
from bench.volumes.volume import present_slices

_TELLING = 16  # grey levels of a slice: a blank one, or a mark that a slice is lost, has fewer
_FEWEST = 3  # slices, as many as a triplet has


def refuse_shared_slices(sources: Sequence[Source]) -> None:
    """Refuse two volumes that overlap, or one volume under two names.

    Slices are told by their grey counts: those of two different slices differ.

    Args:
        sources: what was read of all volumes.

    Raises:
        UserError: at least three slices of one volume are those of another.
    """
    known = dict[bytes, tuple[str, int]]()
    shared = dict[tuple[str, str], list[tuple[int, int]]]()
    for volume, seen in sources:
        for z in present_slices(volume):
            if np.count_nonzero(seen.counts[z].sum(axis=0)) < _TELLING:
                continue
            number = volume.first + z * volume.every
            name, there = known.setdefault(seen.counts[z].tobytes(), (volume.name, number))
            if name != volume.name:
                shared.setdefault((name, volume.name), []).append((there, number))
    for (one, other), slices in shared.items():
        if len(slices) >= _FEWEST:
            here, there = slices[0]
            raise UserError(
                f"'{one}' and '{other}' share {len(slices)} slices ({here} of one is {there} of "
                "the other), so that what is tested would be learned from; give each slice once."
            )
