"""From the values of a label file to ids: what counts as unlabelled, and what is no label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.cards import Card, LabelKind
from segmentation.labels import UNLABELLED


def ids_of(values: NDArray[Any], kind: LabelKind, where: str) -> NDArray[np.uint64]:
    """The ids of one slice, ``UNLABELLED`` where nobody labelled the pixel.

    -1 and the largest value of the type mean unlabelled. In a mask the largest value is membrane,
    for most masks are 0 and 255; only the largest value of 64 bits is unlabelled there too.

    Args:
        values: HW, whole numbers of any type, or floats that are whole.
        kind: what they are.
        where: what error messages call the slice.

    Raises:
        UserError: a value is negative, has a fraction, or is no exact number.
    """
    if values.dtype.kind == "b":
        return values.astype(np.uint64)
    if values.dtype.kind == "f":
        values = _whole(values, where)
    unlabelled = values == -1 if values.dtype.kind == "i" else np.zeros(values.shape, bool)
    if (values[~unlabelled] < 0).any():
        raise UserError(f"{where} has labels below -1; give ids from 0 on, and -1 for unlabelled.")
    largest = np.iinfo(values.dtype).max
    if kind == "ids" or largest == UNLABELLED:
        unlabelled |= values == largest
    return np.where(unlabelled, np.uint64(UNLABELLED), values.astype(np.uint64))


def _whole(values: NDArray[Any], where: str) -> NDArray[np.int64]:
    """Floats as whole numbers; ids that the type cannot tell apart are refused."""
    exact = 2 ** (np.finfo(values.dtype).nmant + 1)
    if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
        raise UserError(
            f"{where} has labels that are no whole numbers; give ids, or a mask of 0 and 1."
        )
    if (np.abs(values) > exact).any():
        raise UserError(
            f"{where} has labels above {exact:,}, which {values.dtype} cannot tell apart; store "
            "the ids as whole numbers."
        )
    return values.astype(np.int64)


def known_pixels(labels: NDArray[np.uint64], card: Card) -> int:
    """How many pixels have a label: not ``UNLABELLED``, nor 0 where the card says to ignore it.

    Where there is no id at all, 0 says nothing whatever the card says: nobody labelled there.
    """
    known = labels != UNLABELLED
    if card.label_kind == "ids":
        ids = known & (labels != 0)
        if card.label_zero == "ignore" or not ids.any():
            known = ids
    return int(np.count_nonzero(known))
