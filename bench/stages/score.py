"""Scores: every metric of every stored frame against the real middle slice."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.files import content_digest
from bench.base.parquet import write_table
from bench.base.progress import Progress
from bench.scores import calibration
from bench.scores.metrics import METRICS, score_frame
from bench.scores.notation import finite
from bench.scores.triplet_table import kept, with_keys
from bench.stages import predict
from bench.stages.keys import Inputs
from bench.stages.predict import stored_frames, stored_triplets
from bench.stages.splits import spread_over_gaps
from bench.stages.stage import Context, Result, Stage
from bench.store.facts import CalibrationFacts, ScoreFacts
from bench.store.records import CALIBRATION
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


def _key(inputs: Inputs) -> str:
    # The calibration lies beside the scores of the null alone.
    scoring = [REVISION, calibration.REVISION] if inputs.cell.is_null else [REVISION]
    return content_digest([predict.key(inputs), *scoring, *inputs.columns])


def _compute(context: Context, tick: Progress) -> Result:
    file = context.dataset.test
    table = score(context.folder / predict.FRAMES, file, context.folder / SCORES, tick)
    counted = kept(table)
    saturated = round(saturation(file, counted["triplet"].to_numpy()), 4)
    facts = ScoreFacts(
        triplets=len(counted), rejected=len(table) - len(counted), saturated=saturated
    )
    if context.cell.is_null:
        facts = {**facts, **_calibration(context, table["triplet"].to_numpy())}
    means = counted[list(METRICS)].mean()
    return Result(facts, {name: finite(means[name]) for name in METRICS}, len(counted))


def _calibration(context: Context, test: NDArray[np.intp]) -> CalibrationFacts:
    """The calibration of the test triplets, chosen on a few of the training split."""
    training = context.dataset.training
    few = spread_over_gaps(training, context.split("train"), calibration.CHOSEN_ON)
    found = calibration.calibrate(
        context.dataset.test,
        test,
        [(training.frames(int(index)), training.time(int(index))) for index in few],
        context.folder / CALIBRATION,
        context.display.stage("calibration"),
    )
    return cast(CalibrationFacts, found)


STAGE = Stage(
    name="score",
    reads="predict",
    leaves=SCORES,
    revision=REVISION,
    key=_key,
    compute=_compute,
    means=METRICS,
    counts=True,
)
