"""Whether any stage holds more memory for more triplets."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import h5py
import torch

from bench.cells.presets import PRESETS
from bench.cells.variants import parse_variant
from bench.stages.predict import predict
from bench.stages.score import score
from bench.stages.training import train
from bench.stages.training_step import Training
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.sources import open_volume
from methods.losses import LossOptions, build_loss
from speed.figures import Figure, Result, Setting
from speed.subjects import textures

SIZE = 128
_DEPTH = 25
_TIMES = 10
_NAME = "texture"
_CPU = torch.device("cpu")


def measure(setting: Setting) -> Result:
    """Peak resident memory of each stage's own process, for few triplets and ten times as many."""
    tile = setting.size or SIZE
    peaks: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for times in (1, _TIMES):
            setting.say(f"{times} x triplets")
            peaks.append(_all_stages(Path(folder, str(times)), times * _DEPTH, tile))
    figures = [
        Figure(stage, "MiB", few, peaks[1][stage], 1.05, "grows < 5 %")
        for stage, few in peaks[0].items()
    ]
    return Result(figures, [], tile)


def _all_stages(folder: Path, depth: int, tile: int) -> dict[str, float]:
    folder.mkdir()
    with h5py.File(folder / "volume.h5", "w") as file:
        # As if it were one long volume: the texture drifts forth and back.
        grey = textures(_DEPTH, 2 * tile + 16)
        stack = file.create_dataset("raw", (depth, *grey.shape[1:]), grey.dtype)
        for z in range(depth):
            place = z % (2 * _DEPTH - 2)
            stack[z] = grey[min(place, 2 * _DEPTH - 2 - place)]
    stages: dict[str, Callable[[], None]] = {
        "build": partial(_build, folder, tile), "train": partial(_train, folder, tile),
        "predict": partial(_predict, folder), "score": partial(_score, folder),
        "run, classical": partial(_bench, "run", "--methods", "average", "--dataset", _NAME,
                                  "--data", str(folder), "--out", str(folder / "results")),
        "report": partial(_bench, "report", "--data", str(folder), "--out",
                          str(folder / "results")),
    }  # fmt: skip
    return {name: _peak_of(stage) for name, stage in stages.items()}


def _peak_of(stage: Callable[[], None]) -> float:
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # imported once, not by every stage
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_measured, stage).result()


def _measured(stage: Callable[[], None]) -> float:
    torch.set_num_threads(1)
    stage()
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _file(folder: Path) -> TripletFile:
    return TripletFile(dataset_path(folder, _NAME, 0))


def _build(folder: Path, tile: int) -> None:
    options = BuildOptions(tile=tile, stride=tile, search=4)
    volume = open_volume(f"{folder / 'volume.h5'}:/raw")
    build(_NAME, [volume], load_card(_NAME), options, dataset_path(folder, _NAME, 0))


def _train(folder: Path, tile: int) -> None:
    file = _file(folder)
    short = dataclasses.replace(PRESETS["quick"], crop=tile // 2, samples=12, validations=1)
    loss = build_loss("l1", LossOptions(), None)
    training = Training(
        file, file.indices("train"), file.indices("validation"), short, loss, 0, _CPU
    )
    train(parse_variant("ssan", "quick").build(), training, folder, lambda *_: None)


def _predict(folder: Path) -> None:
    file = _file(folder)
    model = parse_variant("ssan", "quick").build()
    predict(model, file, file.indices("test"), folder / "frames.h5", _CPU, None, lambda *_: None)


def _score(folder: Path) -> None:
    score(folder / "frames.h5", _file(folder), folder / "scores.parquet", lambda *_: None)


def _bench(*words: str) -> None:
    from bench.commands.main import app

    with contextlib.redirect_stdout(sys.stderr):  # where the table goes is left to the table
        app(list(words), standalone_mode=False)
