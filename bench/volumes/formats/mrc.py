"""MRC files (also REC, ST, MAP and ALI), as of the standard of 2014 and as IMOD writes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.volumes.formats.array_file import ArrayFileStack
from bench.volumes.formats.axes import Layout
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import rounded

_BYTES = 0  # the mode of 8-bit values
_IMOD = 1146047817  # in its stamp, beside which stand its flags
_SIGNED = 1  # a flag
_NM = 0.1  # of an angstrom
_UNKNOWN = 1.0  # angstrom: what IMOD writes where nobody said the size of a pixel


class MrcStack(ArrayFileStack):
    """One stack of slices in an MRC file, mapped into memory.

    Bytes are unsigned where IMOD wrote the file and its flag does not say signed, or where the
    header says that one is above 127. Otherwise they are signed, as the standard has it: 128 is
    added to grey ones, as IMOD shows them, and labels stay as they are.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        import mrcfile

        with reading(str(path)), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # more bytes than are needed
            self._file = mrcfile.mmap(path, mode="r")
        try:
            with reading(str(path)):
                header, values = self._file.header, self._file.data
                is_byte = int(header.mode) == _BYTES
                if is_byte and _unsigned(header):
                    values = values.view(np.uint8)
                self._shifted = is_byte and values.dtype == np.int8 and not asked.labels
                self.open_array(str(path), values, _axes(header, values.ndim), asked, _size(header))
        except BaseException:
            self.close()
            raise
        if self._shifted:
            self.dtype = np.dtype(np.uint8)
            self.notes = (
                *self.notes,
                f"{path} holds signed bytes, -128 to 127: 128 is added to each.",
            )

    def take(self, layout: Layout, first: int, last: int) -> NDArray[Any]:
        """The slices ``first`` to ``last - 1``, ZYX."""
        if not self._shifted:
            return super().take(layout, first, last)
        stored = np.array(self._values[layout.index(first, last)])
        return layout.arranged(stored.view(np.uint8) ^ np.uint8(128))

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._values = np.empty(0)
        self._file.close()


def _unsigned(header: Any) -> bool:
    """Whether bytes are unsigned."""
    stamp = np.frombuffer(header.tobytes()[152:160], header.mode.dtype)
    if int(stamp[0]) == _IMOD:
        return not int(stamp[1]) & _SIGNED
    return float(header.dmax) > np.iinfo(np.int8).max


def _axes(header: Any, dimensions: int) -> str:
    """The axis of sections, of rows and of columns."""
    numbers = [int(header.maps), int(header.mapr), int(header.mapc)]
    letters = "".join("XYZ"[n - 1] for n in numbers) if sorted(numbers) == [1, 2, 3] else "ZYX"
    return letters[-dimensions:].rjust(dimensions, "T")


def _size(header: Any) -> list[float] | None:
    """Of a voxel in nm, in the order in which the axes are stored."""
    along = {
        number: rounded(float(header.cella[axis]) / max(1, int(header[f"m{axis}"])) * _NM)
        for number, axis in enumerate("xyz", 1)
    }
    order = [int(header.maps), int(header.mapr), int(header.mapc)]
    sides = [along[n] for n in (order if sorted(order) == [1, 2, 3] else (3, 2, 1))]
    known = all(0 < side < np.inf for side in sides) and set(sides) != {_UNKNOWN * _NM}
    return sides if known else None
