"""Labels of one slice: ids of neurons, or a mask of membranes."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

UNLABELLED = 2**64 - 1  # nobody labelled the pixel (the CREMI convention)


def components(labels: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Connected pixels (4 neighbours) of one id, numbered from 1 in the order of the rows.

    Args:
        labels: HW.

    Returns:
        int32 HW; 0 where the label is 0 or nothing is known.
    """
    from skimage.measure import label

    _, ids = np.unique(labels, return_inverse=True)
    ids = ids.reshape(labels.shape) + 1
    ids[(labels == 0) | (labels == UNLABELLED)] = 0
    found = label(ids, background=0, connectivity=1)
    return cast(NDArray[np.int32], found.astype(np.int32))
