"""A fifth stage, in the one file that it takes: how bright the stored frames are."""

from __future__ import annotations

import json

import numpy as np

from bench.base.files import content_digest, write_text
from bench.base.progress import Progress
from bench.stages import predict
from bench.stages.keys import Inputs
from bench.stages.stage import Context, Facts, Result, Stage

REVISION = 1


def _key(inputs: Inputs) -> str:
    return content_digest([predict.key(inputs), REVISION])


def _compute(context: Context, tick: Progress) -> Result:
    frames = list(predict.stored_frames(context.folder / predict.FRAMES))
    means = []
    for frame in frames:
        means.append(float(frame.mean()))
        tick(len(means), len(frames), "frames")
    write_text(context.folder / STAGE.leaves, json.dumps(means))
    return Result({"darkest": min(means)}, {"brightness": float(np.mean(means))})


def _warnings(_: Context, facts: Facts | None) -> list[str]:
    return ["its brightness is not known"] if facts is None else []


STAGE = Stage(
    name="brighten",
    reads="predict",
    leaves="brightness.json",
    revision=REVISION,
    key=_key,
    compute=_compute,
    means=("brightness",),
    beside=True,
    warnings=_warnings,
)
