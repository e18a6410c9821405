"""Neurites followed through the slices of a gap, and what ``carried`` is to be compared with.

That is the gap without a slice, and true segments between. These references depend on the triplets
alone. They lie beside the ceiling of the dataset's segmenter, which is one more: the real slice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.files import content_digest
from bench.base.parquet import write_table
from bench.base.progress import Progress
from bench.scores.ceiling import LEFT_OUT, LEFT_OUT_FLOW, TRUE_SEGMENTS
from bench.scores.membranes import label_neurites
from bench.scores.triplet_table import with_keys
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from methods.classical import Flow
from segmentation.carried import (
    COUNTED,
    Counts,
    Labels,
    Neurites,
    carried_directly,
    carried_through,
    carry_along,
)
from segmentation.labels import components

REVISION = 1  # of what is counted


class Followed:
    """Neurites followed through the segments of each gap's slices, as these come.

    A gap counts once, on the triplet of its last slice; on its other triplets there are no
    neurites. So ratios of sums over all triplets are those over all gaps.

    Args:
        file: of the triplets.
        neurites_of: those on both sides of a triplet's gap.
    """

    def __init__(self, file: TripletFile, neurites_of: Callable[[int], Neurites | None]) -> None:
        self._file, self._neurites_of = file, neurites_of
        self._between = list[Labels]()

    def counts(self, index: int, segments: Labels) -> Counts:
        """What becomes of the neurites of a triplet's gap; nothing where there are no ids.

        Args:
            index: of the triplet; those of a gap have to come one after the other.
            segments: of its middle, int HW, from 1; 0 where there is none.

        Raises:
            ValueError: a triplet of the same gap was left out before.
        """
        if self._file.neighbours is None:
            return {}
        position = self._file.position(index)
        self._between[position - 1 :] = [segments]
        if len(self._between) != position:
            raise ValueError(f"Triplet {index} comes without those before it in its gap.")
        if position < self._file.gap:
            return dict.fromkeys(COUNTED, 0)
        found = self._neurites_of(index)
        return {} if found is None else carried_through(found, *self._between)


def carried_key(file: TripletFile) -> str | None:
    """Content key of the counts of ``carried``; None where the triplets have none."""
    return None if file.neighbours is None else content_digest([REVISION, file.neighbours])


def references_key(file: TripletFile) -> str | None:
    """Content key of the ceiling's counts and of the references; None likewise."""
    key = carried_key(file)
    return None if key is None else content_digest([key, Flow.info.revision])


def write_references(
    file: TripletFile, indices: NDArray[np.intp], target: Path, progress: Progress
) -> None:
    """Follow the neurites of triplets without a synthesised slice, in each of three ways.

    Args:
        file: triplets with the labels of their neighbours.
        indices: which of them.
        target: parquet file to write: ``kind``, then triplet, keys and counts as in
            ``membranes.parquet``.
        progress: told after each triplet.
    """
    flow, rows = Flow(), dict[str, list[Counts]]()
    neurites_of = lru_cache(1)(partial(label_neurites, file))
    true = Followed(file, neurites_of)
    for done, index in enumerate(indices, start=1):
        middle = file.labels(int(index))
        if middle is None:
            raise ValueError(f"{file.path} has no labels.")
        found = _left_out(file, int(index), neurites_of, flow)
        found |= {TRUE_SEGMENTS: true.counts(int(index), components(middle))}
        for kind, counts in found.items():
            rows.setdefault(kind, []).append(counts)
        progress(done, len(indices), "references")
    tables = {kind: with_keys(pd.DataFrame(counts), indices, file) for kind, counts in rows.items()}
    write_table(pd.concat(tables, names=["kind"]).reset_index("kind"), target)


def _left_out(
    file: TripletFile, index: int, neurites_of: Callable[[int], Neurites | None], flow: Flow
) -> dict[str, Counts]:
    """The counts of a triplet's gap without a slice, by kind; on the gap's last triplet."""
    if file.position(index) < file.gap:
        return dict.fromkeys((LEFT_OUT, LEFT_OUT_FLOW), dict.fromkeys(COUNTED, 0))
    found = neurites_of(index)
    if found is None:
        raise ValueError(f"{file.path} has no labels of neighbours.")
    triplet = to_triplets(file.frames(index)[None])
    # From slice to slice, where the method goes part of the way.
    moved = carry_along(found.before, flow.flow(triplet.after, triplet.before)[0].numpy())
    return {
        LEFT_OUT: carried_directly(found),
        LEFT_OUT_FLOW: carried_directly(found, moved),
    }
