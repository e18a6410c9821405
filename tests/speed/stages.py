"""What the harness adds to its networks: the predict stage, and reading crops while training."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.cells.presets import PRESETS
from bench.stages.predict import predict, stored_frames
from bench.triplets.frames_and_tensors import to_frame, to_triplets
from bench.triplets.training_crops import CropSampler
from methods.interface import Interpolator, Triplets
from speed.figures import Result, Setting, agree
from speed.racing import race
from speed.steps import Step, network
from speed.subjects import dataset

SIZE = 512
_CPU = torch.device("cpu")
_STEPS = 8


def measure_predict(setting: Setting) -> Result:
    """All test frames of a small dataset, by `ssan` of the quick widths."""
    side = setting.size or SIZE
    model = network("ssan", "quick", last=True).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = dataset(Path(folder), depth=40, tile=side)
        indices = file.indices("test", rejected=True)
        batches = [to_triplets(file.frames(int(index))[None]) for index in indices]
        target = Path(folder, "frames.h5")

        def ours() -> None:
            predict(model, file, indices, target, _CPU, None, lambda *_: None)

        ours()
        difference = np.stack([*stored_frames(target)]).astype(int) - bare_loop(model, batches)
        equal = agree("grey levels", int(np.abs(difference).max()), 0)
        figures = race(
            f"{len(batches)} frames", partial(bare_loop, model, batches), ours, 1.05, setting
        )
    return Result(figures, [equal], side)


def bare_loop(model: Interpolator, batches: list[Triplets]) -> NDArray[np.uint8]:
    """Predict batches that are in memory already, and keep the frames there."""
    with torch.inference_mode():
        return np.stack([to_frame(model(one.before, one.after).middle) for one in batches])


def measure_loading(setting: Setting) -> Result:
    """Steps of `ssan` (quick) on crops read from the file, and on the same crops in memory."""
    side = setting.size or SIZE
    step = Step(network("ssan", "quick", last=True))
    preset = PRESETS["quick"]
    with tempfile.TemporaryDirectory() as folder:
        file = dataset(Path(folder), depth=20, tile=side)
        sampler = CropSampler(file, file.indices("train"), preset.crop, preset.batch, seed=0)
        cached = [sampler.step(number) for number in range(_STEPS)]
        read = list(sampler.steps(0, _STEPS))
        errors = [(a - b).abs().max().item() for one, other in zip(cached, read, strict=True)
                  for a, b in zip(one, other, strict=True)]  # fmt: skip
        figures = race(
            f"{_STEPS} steps", lambda: [step(batch) for batch in cached],
            lambda: [step(batch) for batch in sampler.steps(0, _STEPS)], 1.03, setting,
        )  # fmt: skip
    return Result(figures, [agree("crops", max(errors), 0)], side)
