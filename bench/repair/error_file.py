"""The expected error of each pixel of a filled slice, as a TIFF file beside the record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.base.files import atomic_path
from bench.volumes.writing.tiff import checked_file

_ERROR = "error"
_ROWS = 64  # of a strip


def write_errors(levels: NDArray[np.uint8], folder: Path, name: str) -> str:
    """Write the error map of a slice.

    Args:
        levels: HW, in grey levels; 0 where nothing was filled.
        folder: of the record.
        name: of the slice.

    Returns:
        The path of the file from the folder.
    """
    import tifffile

    address = f"{_ERROR}/{name}.tif"
    with atomic_path(folder / address) as temporary, checked_file(temporary) as raw:
        tifffile.imwrite(
            raw, levels, compression="zlib", predictor=True, rowsperstrip=_ROWS,
            photometric="minisblack", metadata=None, software=False,
        )  # fmt: skip
    return address
