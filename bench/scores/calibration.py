"""Calibration: what the metrics say of frames that nobody would call an interpolation.

The average blurred, the real slice blurred, the real slice with noise: they are no methods, but
whoever has seen their scores knows how to read those of a method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.base.parquet import read_table, write_table
from bench.base.progress import Progress
from bench.scores.metrics import Frame, ie_rms, score_frame
from bench.scores.triplet_table import kept, with_keys
from bench.store.records import CALIBRATION
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_frame

REVISION = 1
KINDS = ("average_blurred", "truth_blurred", "truth_noisy")

TimedFrames = tuple[NDArray[np.uint8], float]  # of a triplet, 3HW, and its time
_BLURS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)  # px, of the average: the best one counts
_TRUTH_BLUR = 1.0  # px
CHOSEN_ON = 16  # of the training split: enough for one number out of eight
_SEED = 0


def calibrate(
    file: TripletFile,
    test: NDArray[np.intp],
    training: Iterable[TimedFrames],
    target: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Score the calibration frames of the test triplets: a row for each triplet and kind.

    The frames are rounded to 8 bits as those of methods are. How much blur and noise there is
    is chosen on the training split, as the null's filter is.

    Args:
        file: the triplets.
        test: those to score.
        training: the training triplets to choose on.
        target: the parquet file to write: ``kind``, then the columns of ``scores.parquet``.
        progress: told after each triplet.

    Returns:
        Facts for the record: ``calibration``, the file's digest; ``average_blur`` and
        ``truth_blur``, sigma of the Gaussian in pixels; ``noise``, its sigma in grey levels.
    """
    blur, error = best_blur(training)
    sigmas = {"average_blur": blur, "truth_blur": _TRUTH_BLUR, "noise": round(error, 1)}
    scores: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for done, index in enumerate(test, start=1):
        triplet, moment = file.frames(int(index)), file.time(int(index))
        made = calibration_frames(triplet, int(index), time=moment, **sigmas)
        for kind, frame in made.items():
            scores[kind].append(score_frame(frame, triplet[1]))
        progress(done, len(test), "calibration")
    tables = {kind: with_keys(pd.DataFrame(rows), test, file) for kind, rows in scores.items()}
    table = pd.concat(tables, names=["kind"]).reset_index("kind")
    write_table(table, target)
    return {"calibration": file_digest(target), **sigmas}


def calibration_frames(
    triplet: NDArray[np.uint8],
    index: int,
    *,
    average_blur: float,
    truth_blur: float,
    noise: float,
    time: float = 0.5,
) -> Mapping[str, Frame]:
    """The frame of each kind.

    Args:
        triplet: 3HW grey levels.
        index: of the triplet in its file; the noise of each is its own, and always the same.
        average_blur: sigma in pixels of the Gaussian that the average is blurred with.
        truth_blur: the same of the real slice.
        noise: standard deviation in grey levels of the noise that the real slice gets.
        time: of the middle slice: the average is that of the method of this name.
    """
    truth = _unit(triplet[1])
    random = np.random.default_rng([_SEED, index])
    draws = random.standard_normal(truth.shape, np.float32)
    return {
        "average_blurred": _blurred(_average(triplet, time), average_blur),
        "truth_blurred": _blurred(truth, truth_blur),
        "truth_noisy": _rounded(truth + np.float32(noise / 255) * draws),
    }


def read_calibration(folder: Path, digest: str | None) -> dict[str, pd.DataFrame]:
    """The scores of each kind over the kept test triplets.

    Empty where there are none, or not those that the record speaks of: no figure of a method
    depends on them.

    Args:
        folder: of the null's cell.
        digest: SHA-256 of their file; None in a record of before there was a calibration.
    """
    if digest is None:
        return {}
    try:
        table = read_table(folder / CALIBRATION, digest)
    except UserError:
        return {}
    return {kind: kept(table[table["kind"] == kind]) for kind in KINDS}


def best_blur(triplets: Iterable[TimedFrames]) -> tuple[float, float]:
    """The sigma with the least mean squared error, and the root of that error in grey levels."""
    squares = np.mean(
        [
            [ie_rms(_blurred(_average(each, time), sigma), each[1]) ** 2 for sigma in _BLURS]
            for each, time in triplets
        ],
        axis=0,
    )
    best = int(np.argmin(squares))
    return _BLURS[best], float(np.sqrt(squares[best]))


def _average(triplet: NDArray[np.uint8], time: float) -> NDArray[np.float32]:
    before, after = np.float32(1 - time), np.float32(time)
    mean: NDArray[np.float32] = before * _unit(triplet[0]) + after * _unit(triplet[2])
    return mean


def _unit(frame: Frame) -> NDArray[np.float32]:
    """Grey levels as methods see them, in [0, 1]."""
    unit: NDArray[np.float32] = frame.astype(np.float32) / np.float32(255)
    return unit


def _blurred(unit: NDArray[np.float32], sigma: float) -> Frame:
    return _rounded(gaussian_filter(unit, sigma))


def _rounded(unit: NDArray[np.float32]) -> Frame:
    """An image in [0, 1] as the frame of a method with that output."""
    return to_frame(torch.from_numpy(unit)[None, None])
