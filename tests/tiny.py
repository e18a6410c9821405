"""A method small enough to be trained in a second, and a harness set up for it.

Run as a script it is the ``bench`` command with the method ``tiny`` and a short ``quick``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from bench.base import files
from bench.base.progress import PlainDisplay, Progress
from bench.cells import presets, registry
from bench.cells.config import RunConfig
from bench.stages import segmenter_cache as segmenters
from bench.stages import teacher as teachers
from methods.catalogue import Method
from methods.interface import Interpolation, Interpolator, MethodInfo
from segmentation.training import Budget
from segmentation.unet import UNetOptions

# Seconds that each step of a training takes longer, for tests that interrupt one.
PAUSE = float(os.environ.get("TINY_PAUSE", "0"))


@dataclass(frozen=True)
class TinyOptions:
    """How it is built, and whether it works at all."""

    width: int = 4
    fail: str = ""


class Tiny(Interpolator):
    """The average plus what two convolutions add to it."""

    info = MethodInfo(name="tiny", title="Tiny", reference="-", kind="trained")
    Options = TinyOptions

    def __init__(self, options: TinyOptions | None = None) -> None:
        super().__init__(options)
        self.body = nn.Conv2d(2, self.options.width, 3, padding=1)
        self.head = nn.Conv2d(self.options.width, 1, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        if self.training:
            time.sleep(PAUSE)
        if self.options.fail == "train" and self.training:
            raise RuntimeError("out of luck\nsecond line")
        if self.options.fail == "nan" and self.training:
            return Interpolation(before * self.head.bias * float("nan"))
        features = torch.relu(self.body(torch.cat([before, after], 1) - 0.5))
        return Interpolation((before + after) / 2 + self.head(features))


def teacher(config: RunConfig) -> tuple[UNetOptions, Budget]:
    """The same with the seed of a teacher."""
    options, budget = segmenter(config)
    return options, dataclasses.replace(budget, seed=1)


METHODS = {**registry.METHODS, "tiny": Method("tiny:Tiny", "trained", "Tiny")}
QUICK = dataclasses.replace(presets.PRESETS["quick"], crop=32, batch=2, samples=60, validations=3)


def segmenter(config: RunConfig) -> tuple[UNetOptions, Budget]:
    """A segmenter that is trained in a second or two."""
    options = UNetOptions(encoder=config.segmenter_encoder, decoder=(8, 4, 4))
    return options, Budget(steps=config.segmenter_steps // 100, crop=48, batch=2, every=5)


def patches() -> list[mock._patch]:  # type: ignore[type-arg]
    return [
        mock.patch.object(registry, "METHODS", METHODS),
        mock.patch.dict(presets.PRESETS, {"quick": QUICK}),
        mock.patch.object(segmenters, "options_of", segmenter),
        mock.patch.object(teachers, "options_of", teacher),
    ]


def dask_setup(_: object) -> None:
    """Make this process a worker that knows `tiny`; for `dask worker --preload`, too."""
    for patch in patches():
        patch.start()
    if os.environ.get("TINY_CODE"):
        mock.patch("bench.workers.membership.code", return_value=os.environ["TINY_CODE"]).start()
    for fault in os.environ.get("TINY_FAULTS", "").split():
        place, number, folder = fault.split(":")
        _die_at(place, int(number), Path(folder))
    if "TINY_SLOW" in os.environ:
        _write_slowly(float(os.environ["TINY_SLOW"]))
    if "TINY_LOG" in os.environ:
        _log_stages(Path(os.environ["TINY_LOG"]))


def _die_at(place: str, number: int, folder: Path) -> None:
    from processes import at

    def die() -> None:
        with contextlib.suppress(FileExistsError):  # another one came first
            (folder / place).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)

    at(place, number, die).start()


def _write_slowly(seconds: float) -> None:
    sync = files._sync

    def slowly(path: Path) -> None:
        time.sleep(seconds)
        sync(path)

    mock.patch.object(files, "_sync", slowly).start()


def _log_stages(path: Path) -> None:
    stage = PlainDisplay.stage

    def logged(display: PlainDisplay, name: str) -> Progress:
        with path.open("a") as file:
            file.write(f"{name}\n")
        return stage(display, name)

    mock.patch.object(PlainDisplay, "stage", logged).start()


if __name__ == "__mp_main__":  # a worker of a run imports it so
    dask_setup(None)
if __name__ == "__main__":
    for patch in patches():
        patch.start()
    from bench.commands.main import main

    # Ctrl-C works, even where a shell in the background has its commands ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
