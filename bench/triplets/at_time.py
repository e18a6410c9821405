"""Triplets that show a slice at one time: those at it, and the mirrored ones, exchanged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.triplets.file import TripletFile
from methods.timed import same_time


def indices_at(file: TripletFile, indices: NDArray[np.intp], time: float) -> NDArray[np.intp]:
    """Those of the triplets whose middle is at a time, or at the mirrored one: 1 - time."""
    times = (file.time(int(index)) for index in indices)
    chosen = [same_time(each, time) or same_time(each, 1 - time) for each in times]
    there: NDArray[np.intp] = indices[np.array(chosen, bool)]
    return there


def is_mirrored(file: TripletFile, index: int, time: float) -> bool:
    """Whether the middle of one of these triplets is at 1 - time, and not at the time itself."""
    return not same_time(file.time(index), time)


def frames_at(file: TripletFile, index: int, time: float) -> NDArray[np.uint8]:
    """The frames of one of these triplets, 3HW: of a mirrored one before and after exchanged."""
    frames = file.frames(index)
    return frames[::-1] if is_mirrored(file, index, time) else frames
