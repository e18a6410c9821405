"""A stack with slices of any size, of which windows alone can be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.volumes.formats.stack import Box, Stack, box_shape, moved

_LARGEST = 4096  # pixels


class Endless(Stack):
    """One block of grey values, repeated along y and x as far as somebody says.

    Attributes:
        windows: height and width of whatever was read of it and of its parts.
    """

    def __init__(
        self, block: NDArray[np.uint8], side: int, dtype: str = "uint8", box: Box | None = None
    ) -> None:
        self.where, self._block, self._side = "endless", block, side
        self.dtype = np.dtype(dtype)
        self._box = box or (slice(0, len(block)), slice(0, side), slice(0, side))
        self.shape, self.corner = box_shape(self._box), moved((0, 0, 0), self._box)
        self.windows: list[tuple[int, int]] = []

    def crop(self, box: Box) -> Endless:
        z, y, x = (
            slice(low + side.start, low + side.stop)
            for low, side in zip(self.corner, box, strict=True)
        )
        part = Endless(self._block, self._side, self.dtype.name, (z, y, x))
        part.windows = self.windows
        return part

    def read(self, z: int) -> NDArray[Any]:
        """One slice; one of 16 bits has a hundred times the values."""
        self.windows.append(self.shape[1:])
        assert max(self.shape[1:]) <= _LARGEST, "more than a window is read"
        rows, columns = (
            np.arange(side.start, side.stop) % length
            for side, length in zip(self._box[1:], self._block.shape[1:], strict=True)
        )
        grey = self._block[self.corner[0] + z][np.ix_(rows, columns)]
        return grey if self.dtype == np.uint8 else grey * np.array(100).astype(self.dtype)

    def close(self) -> None:
        """Nothing is open."""
