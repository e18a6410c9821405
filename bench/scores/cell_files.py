"""Files of a cell that are no tables of scores: its frames, its membranes, its training's log."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError


def read_one(path: Path, name: Literal["frames", "masks"], triplet: int) -> NDArray[Any] | None:
    """What a file of frames or membranes holds of one triplet (HW); None if nothing.

    Raises:
        UserError: the file is damaged.
    """
    try:
        with h5py.File(path, "r") as file:  # one of them: the whole file is much more
            position = np.flatnonzero(file["triplets"][:] == triplet)
            return file[name][int(position[0])] if len(position) else None
    except (OSError, KeyError) as error:
        what = "frames" if name == "frames" else "membranes"
        raise UserError(
            f"The {what} {path} cannot be read ({error}); repeat the run with --rerun."
        ) from error


def read_log(path: Path) -> pd.DataFrame:
    """The log of a training: a row for each step, numbers only.

    Raises:
        UserError: it cannot be read.
    """
    try:
        log = pd.read_csv(path)
        if "step" not in log or log.select_dtypes("number").shape != log.shape:
            raise ValueError("it is no log of a training")
    except (OSError, ValueError) as error:  # pandas' own are ValueErrors
        why = getattr(error, "strerror", None) or str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"{path} cannot be read ({why}); repeat the run with --rerun, or delete the file."
        ) from error
    return log
