"""What ``carried`` is to be compared with: the gap without a slice, and true segments between.

These references depend on the triplets alone. They lie beside the ceiling of the dataset's
segmenter, which is one more: the real slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.files import content_digest
from bench.base.parquet import write_table
from bench.base.progress import Progress
from bench.scores.membranes import label_neurites
from bench.scores.triplet_table import with_keys
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from methods.classical import Flow
from segmentation.carried import Counts, Labels, carried_directly, carried_through
from segmentation.labels import components

REVISION = 1  # of what is counted


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
    for done, index in enumerate(indices, start=1):
        for kind, counts in _references(file, int(index), flow).items():
            rows.setdefault(kind, []).append(counts)
        progress(done, len(indices), "references")
    tables = {kind: with_keys(pd.DataFrame(counts), indices, file) for kind, counts in rows.items()}
    write_table(pd.concat(tables, names=["kind"]).reset_index("kind"), target)


def _references(file: TripletFile, index: int, flow: Flow) -> Mapping[str, Counts]:
    """The counts of a triplet by kind of reference."""
    found, middle = label_neurites(file, index), file.labels(index)
    if found is None or middle is None:
        raise ValueError(f"{file.path} has no labels of neighbours.")
    triplet = to_triplets(file.frames(index)[None])
    # From slice to slice, where the method goes halfway.
    moved = carry_along(found.before, flow.flow(triplet.after, triplet.before)[0].numpy())
    return {
        "left_out": carried_directly(found),
        "left_out_flow": carried_directly(found, moved),
        "true_segments": carried_through(found, components(middle)),
    }


def carry_along(labels: Labels, flow: NDArray[np.float32]) -> Labels:
    """Labels of a slice where a flow finds them in another one.

    Args:
        labels: int32 HW.
        flow: 2HW (x, y), from each pixel of the other slice into that of the labels.

    Returns:
        int32 HW, each pixel from the nearest one of ``labels``; 0 where the flow leads outside.
    """
    height, width = labels.shape
    y, x = np.mgrid[:height, :width]
    columns, rows = np.rint(flow).astype(np.int64) + np.stack([x, y])
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    moved = labels[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return np.where(inside, moved, 0).astype(np.int32)
