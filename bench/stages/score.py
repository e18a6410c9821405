"""Scores: every metric of every stored frame against the real middle slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.parquet import write_table
from bench.base.progress import Progress
from bench.scores.metrics import score_frame
from bench.scores.triplet_table import with_keys
from bench.stages.predict import stored_frames, stored_triplets
from bench.triplets.file import TripletFile

REVISION = 2
SCORES = "scores.parquet"


def score(frames_path: Path, file: TripletFile, target: Path, progress: Progress) -> pd.DataFrame:
    """Score stored frames: one row a triplet, written as parquet.

    Columns: ``triplet`` (index in the triplet file), its keys, and one for each metric.
    ``reason`` says why a triplet was rejected when the dataset was built; it is empty for
    those that count.
    """
    indices = stored_triplets(frames_path)
    rows = []
    for index, frame in zip(indices, stored_frames(frames_path), strict=True):
        rows.append(score_frame(frame, file.frames(int(index))[1]))
        progress(len(rows), len(indices), "scores")
    table = with_keys(pd.DataFrame(rows), indices, file)
    write_table(table, target)
    return table


def saturation(file: TripletFile, indices: NDArray[np.intp]) -> float:
    """Share of black and white pixels in the real middle slices."""
    clipped = [np.isin(file.frames(int(index))[1], (0, 255)).mean() for index in indices]
    return float(np.mean(clipped))
