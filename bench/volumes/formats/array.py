"""An array in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.volumes.formats.stack import Stack, checked_shape


class ArrayStack(Stack):
    """A stack in memory."""

    def __init__(self, where: str, values: NDArray[Any]) -> None:
        self.where = where
        self.shape = checked_shape(where, values.shape)
        self.dtype = values.dtype
        self._values = values

    def read(self, z: int) -> NDArray[Any]:
        """One slice, HW."""
        return np.asarray(self._values[z])

    def close(self) -> None:
        """Nothing to let go of."""
