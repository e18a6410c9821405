"""What is wrong with a slice, or with a place in it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Twin = Literal["before", "after"]

WHOLE = {
    "missing": "there is no such slice",
    "blank": "share of one grey value",
    "saturated": "share of black and white",
    "duplicate": "excess of likeness to a neighbour, in robust standard deviations",
    "continuity": "lack of likeness to both neighbours, in robust standard deviations",
    "jump": "lack of likeness to the slice before, in robust standard deviations",
    "blur": "how many times less fine detail than usual",
}
PLACES = {
    "fold": "a band darker than both neighbours",
    "crack": "a band brighter than both neighbours",
    "stain": "a spot darker than both neighbours",
    "tear": "a spot brighter than both neighbours",
    "flat": "less texture than both neighbours, neither darker nor brighter",
}


class Box(NamedTuple):
    """A part of a slice, in pixels; ``bottom`` and ``right`` lie outside of it."""

    top: int
    bottom: int
    left: int
    right: int


class Place:
    """A damaged place; its mask is kept as bits, for a fold across a huge slice has many.

    Attributes:
        box: the smallest that holds it.
        pixels: how many are damaged.

    Args:
        box: of the slice.
        mask: HW of the box, what is damaged.
    """

    def __init__(self, box: Box, mask: Mask) -> None:
        self.box, self.pixels = box, int(np.count_nonzero(mask))
        self._bits = np.packbits(mask)

    @property
    def mask(self) -> Mask:
        """HW of the box, what is damaged; made anew each time."""
        top, bottom, left, right = self.box
        size = bottom - top, right - left
        bits = np.unpackbits(self._bits, count=size[0] * size[1])
        return bits.view(np.bool_).reshape(size)

    def as_json(self) -> list[Any]:
        """Its box, and the SHA-256 of its mask."""
        return [*self.box, sha256(self.mask.tobytes()).hexdigest()]

    def within(self, shape: tuple[int, int]) -> Mask:
        """The mask in a slice of that shape, HW."""
        whole = np.zeros(shape, np.bool_)
        top, bottom, left, right = self.box
        whole[top:bottom, left:right] = self.mask
        return whole

    @classmethod
    def of(cls, mask: Mask, corner: tuple[int, int] = (0, 0)) -> Place:
        """The place that a mask shows.

        Args:
            mask: HW, of a slice or a part of it; not empty.
            corner: row and column of the slice where the mask begins.
        """
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        y, x = corner
        box = Box(int(top) + y, int(bottom) + y, int(left) + x, int(right) + x)
        return cls(box, mask[top:bottom, left:right])


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        z: of the slice.
        reason: a key of ``WHOLE`` or ``PLACES``, or what the user called it.
        number: what was measured; None where nothing was, as of a missing slice.
        limit: beyond which it was found; likewise.
        place: where in the slice; None where it is the slice as a whole.
        twin: of a duplicate, the neighbour whose section it shows.
    """

    z: int
    reason: str
    number: float | None = None
    limit: float | None = None
    place: Place | None = None
    twin: Twin | None = None

    @property
    def beyond(self) -> float:
        """How many times the limit the number is; infinite where nothing was measured."""
        return np.inf if self.number is None or not self.limit else self.number / self.limit

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Its place in a list: slices in order, then places, the surest first."""
        is_place = self.place is not None
        return is_place, -self.beyond if is_place else 0.0, self.z
