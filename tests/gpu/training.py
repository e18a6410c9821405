"""Trainings as users run them, for so many seconds: images a second, idleness, loss, memory."""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.base.progress import PlainDisplay
from bench.cells.presets import PRESETS, PresetName
from bench.cells.registry import METHODS
from bench.cells.variants import parse_loss, parse_variant
from bench.profile.measuring import PeakMeter
from bench.stages.training import train
from bench.stages.training_step import Training
from bench.triplets.build_dataset import build_dataset
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.volumes.cards import load_card
from bench.volumes.sources import Given
from gpu.deadline import Deadline, first_line
from gpu.idle import Watch
from gpu.machine import ask_driver
from methods.losses import build_loss

# Slices a little larger than the tile leave room for the search of shifts.
PHANTOM = "phantom[depth=25,height=544,width=544,tile=512]"
LOSS = "l1"
_WARM_UP = 10  # steps
_WATCHED = 20  # steps under the profiler, after those that are timed
_ENDS = 50  # steps at either end whose loss is stated


@dataclass(frozen=True)
class Plan:
    """One training.

    Attributes:
        method: its name.
        bf16: whether the network computes under bfloat16 autocast.
        seconds: how long its steps are timed.
        preset: of widths, crops and steps.
    """

    method: str
    bf16: bool
    seconds: float
    preset: PresetName = "medium"


def plans(seconds: float, short: float) -> Iterator[tuple[str, Plan]]:
    """Every network in float32, then in bf16, for so many seconds each."""
    for bf16, length in ((False, seconds), (True, short)):
        for name, method in METHODS.items():
            if method.kind == "trained":
                yield f"{name}, {'bf16' if bf16 else 'float32'}", Plan(name, bf16, length)


def measure(
    work: Iterable[tuple[str, Plan]],
    device: torch.device,
    deadline: Deadline,
    say: Callable[[str], None],
    dataset: str = PHANTOM,
) -> dict[str, Any]:
    """A row for each plan. One that fails stops no other."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_dataset(dataset, Given(), folder, PlainDisplay(say))
        file = TripletFile(dataset_path(folder, load_card(dataset).name, 0))
        rows = []
        for words, plan in deadline.admit(work):
            say(words)
            try:
                found = run(plan, file, device, folder)
            except RuntimeError as error:  # of torch, or of a training that diverged
                found = {"error": first_line(error)}
            rows.append({"name": words} | found)
        file.close()
    return {"dataset": dataset, "loss": LOSS, "rows": rows}


class EnoughError(Exception):
    """The training has been looked at for long enough."""


def run(plan: Plan, file: TripletFile, device: torch.device, folder: Path) -> dict[str, Any]:
    """Train through the stage of the product until the time is up."""
    torch.manual_seed(0)
    preset = PRESETS[plan.preset].of_method(plan.method)
    variant = parse_loss(LOSS, preset)
    loss = build_loss(variant.name, variant.options, None)
    training = Training(
        file=file, train=file.indices("train"), validation=file.indices("validation"),
        preset=preset, loss=loss, seed=0, device=device, bf16=plan.bf16,
    )  # fmt: skip
    observer = _Observer(plan.seconds, device)
    loss.register_forward_hook(observer.see)
    meter = PeakMeter(device)
    with contextlib.suppress(EnoughError):
        train(parse_variant(plan.method, plan.preset).build(), training, folder, observer)
    peak = meter.peak()
    return observer.facts(preset.batch) | {
        "preset": plan.preset, "crop": preset.crop, "batch": preset.batch,
        "peak_mib": None if peak is None else peak / 2**20,
    }  # fmt: skip


@dataclass
class _Observer:
    """Is told of every step, and ends the training."""

    seconds: float
    device: torch.device
    times: list[float] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    idle: float | None = None
    by: str | None = None
    watch: Watch | None = None
    until: int = 0  # steps, while it is watched
    steps: int = 0

    def see(self, module: nn.Module, given: Any, terms: Any) -> None:
        """Keep the loss of a step, where it is: to read it would wait for the card."""
        if not torch.is_inference_mode_enabled():  # as validations are
            self.losses.append(terms.total.detach())

    def __call__(self, done: int, total: int, words: str) -> None:
        """A step is done: the signature of the stage's progress."""
        self.steps = done
        if self.watch is None:
            self.times.append(time.perf_counter())
            if self.times[-1] - self.times[0] > self.seconds and done > _WARM_UP + 1:
                self.watch, self.until = Watch(self.device), done + _WATCHED
        elif done >= self.until:
            self.idle, self.by = self.watch.share(), "profiler"
            if self.idle is None:
                self.idle, self.by = _idle_by_driver(self.device), "nvidia-smi"
            raise EnoughError

    def facts(self, batch: int) -> dict[str, Any]:
        """What was seen; validations and checkpoints count as time of the training."""
        timed = self.times[min(_WARM_UP, len(self.times) - 2) :]
        losses = torch.stack(self.losses).tolist()
        return {
            "steps": self.steps,
            "images_per_second": batch * (len(timed) - 1) / (timed[-1] - timed[0]),
            "idle": self.idle,
            "idle_by": self.by,
            "first_loss": statistics.fmean(losses[:_ENDS]),
            "last_loss": statistics.fmean(losses[-_ENDS:]),
        }


def _idle_by_driver(device: torch.device) -> float | None:
    """What the driver says of about the last second; None where there is none to ask."""
    answer = ask_driver("utilization.gpu", device) if device.type == "cuda" else None
    return None if answer is None or not answer.isdigit() else 1 - int(answer) / 100
