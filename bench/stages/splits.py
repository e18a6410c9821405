"""Which triplets of a split are looked at, and the centre of their frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile


def split_indices(dataset: Dataset, split: str, most: int | None) -> NDArray[np.intp]:
    """The triplets of a split; the whole test split comes with the rejected ones, flagged.

    The triplets of a gap are taken together.

    Args:
        dataset: whose test split is predicted, and whose other splits are learned from.
        split: ``train``, ``validation`` or ``test``.
        most: triplets at most, evenly spread; None for all.

    Raises:
        UserError: the split is empty.
    """
    file = dataset.test if split == "test" else dataset.training
    indices = file.indices(split)
    if len(indices) == 0:
        raise UserError(
            f"The dataset '{file.name}' has no triplet in its {split} split; build it "
            "from more slices, with smaller tiles or another --split-axis."
        )
    if most is None and split == "test":
        return file.indices(split, rejected=True)
    return spread_over_gaps(file, indices, most)


def spread_over_gaps(
    file: TripletFile, indices: NDArray[np.intp], most: int | None
) -> NDArray[np.intp]:
    """At most so many of the triplets, evenly spread; of a gap all of its slices or none."""
    if most is None:
        return indices
    # The triplets of a gap stand next to each other.
    gaps = indices - np.array([file.position(int(index)) for index in indices], np.intp)
    chosen = spread(np.unique(gaps), max(1, most // file.gap))
    return indices[np.isin(gaps, chosen)]


def spread(indices: NDArray[np.intp], most: int | None) -> NDArray[np.intp]:
    """At most so many of the indices, evenly spread."""
    if most is None or len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).round().astype(np.intp)]


def centre(frames: NDArray[Any], side: int) -> NDArray[Any]:
    """The central square of frames (...HW), or all where they are no larger."""
    top, left = (max(0, (length - side) // 2) for length in frames.shape[-2:])
    return frames[..., top : top + side, left : left + side]
