"""Labels of one slice: ids of neurons, or a mask of membranes."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

UNLABELLED = 2**64 - 1  # nobody labelled the pixel (the CREMI convention)


def require_labels(*slices: NDArray[np.uint64]) -> None:
    """Refuse what would be read as other ids than it holds.

    In another type the mark of the unlabelled is an id like any other, and floats cannot tell large
    ids apart.

    Raises:
        ValueError: the labels are not uint64 HW, all of one shape.
    """
    for labels in slices:
        exact = labels.dtype.kind == "u" and labels.dtype.itemsize == 8
        if not exact or labels.ndim != 2 or labels.shape != slices[0].shape:
            raise ValueError(
                f"Give labels as uint64 HW, 2**64 - 1 where unlabelled, not {labels.dtype} "
                f"{labels.shape}; those of several slices of one shape."
            )


def components(labels: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Connected pixels (4 neighbours) of one id, numbered from 1 in the order of the rows.

    Args:
        labels: HW.

    Returns:
        int32 HW; 0 where the label is 0 or nothing is known.

    Raises:
        ValueError: the labels are not uint64 HW.
    """
    from skimage.measure import label

    require_labels(labels)
    _, ids = np.unique(labels, return_inverse=True)
    ids = ids.reshape(labels.shape) + 1
    ids[(labels == 0) | (labels == UNLABELLED)] = 0
    found = label(ids, background=0, connectivity=1)
    return cast(NDArray[np.int32], found.astype(np.int32))
