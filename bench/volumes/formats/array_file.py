"""Files that hold one plain array, which is mapped into memory where it is not compressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.axes import Layout, find_layout
from bench.volumes.formats.laid_out import LaidOutStack
from bench.volumes.formats.stack import MAX_BYTES_HELD, Asked


class ArrayFileStack(LaidOutStack):
    """A stack in an array whose slices are read when they are asked for."""

    def open_array(
        self,
        where: str,
        values: NDArray[Any],
        axes: str,
        asked: Asked,
        size: Sequence[float | None] | None = None,
    ) -> None:
        """Say what is read; the last step of opening a file.

        Args:
            where: what error messages call the file.
            values: the array as it is stored, mapped or in memory.
            axes: a letter for each of its axes.
            asked: beside what the file says.
            size: of a voxel in nm along each axis, or along the last three of them; None for what
                the file does not say.
        """
        self.where, self._values = where, values
        self.dtype = values.dtype.newbyteorder("=")
        layout = find_layout(where, axes, values.shape, asked)
        self.lay_out(layout, _deep(values, layout))
        self.notes = (*self.notes, *layout.notes)
        three = None if size is None else layout.spatial(size)
        if three is not None and None not in three[1:]:
            self.resolution = (three[0], three[1], three[2])

    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""
        return layout.arranged(np.asarray(self._values[layout.index(first, last)], self.dtype))


def _deep(values: NDArray[Any], layout: Layout) -> int:
    """How many slices are read for one: all where slices do not lie in one piece."""
    if layout.z is None:
        return 1
    steps = [abs(values.strides[axis]) for axis in (layout.z, layout.y, layout.x)]
    return 1 if steps[0] == max(steps) else layout.shape[0]


def check_held(where: str, count: int) -> None:
    """Refuse a compressed file that can only be read as a whole, and is too large for that.

    Args:
        where: what error messages call it.
        count: of the bytes of the array.

    Raises:
        UserError: it takes more than 1 GiB.
    """
    if count > MAX_BYTES_HELD:
        raise UserError(
            f"{where} is compressed in one piece, and takes more memory ({count / 1e9:.1f} GB) "
            "than a volume may; write it anew without compression."
        )
