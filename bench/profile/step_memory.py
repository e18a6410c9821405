"""The peak memory of a training step of a method, with the crops and the batch of its preset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.base.device import place
from bench.base.live_storages import LiveStorages, without_values
from bench.cells.presets import PRESETS, Preset
from bench.profile.measuring import PeakMeter, apart
from bench.profile.subjects import MethodSubject
from methods.interface import Triplets
from methods.losses import LossOptions, TripletLoss, build_loss

_MIB = 2**20
_SMALL = 64  # pixels of a crop on which libraries are loaded


@dataclass(frozen=True)
class TrainingStep:
    """A step of Adam under ``l1``.

    Attributes:
        crop: side of its crops in pixels.
        batch: crops.
        peak_mib: most memory beyond the network and Adam's moments, in MiB; None where it was not
            run or the system does not tell.
    """

    crop: int
    batch: int
    peak_mib: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The layout of the profile's files."""
        return {"loss": "l1", **vars(self)}


def step_of(subject: MethodSubject) -> TrainingStep:
    """The step that the method's preset trains it with, not measured."""
    preset = _preset(subject)
    return TrainingStep(preset.crop, preset.batch)


def counted_peak(subject: MethodSubject) -> int:
    """Bytes of tensors that a step has alive at once beside the network, computing nothing."""
    preset, mode = _preset(subject), FakeTensorMode()
    model, loss = subject.build(), _loss(preset)
    fake = without_values(model, mode)
    live = LiveStorages(fake.parameters())
    with mode, live:
        _run(fake, loss, torch.optim.Adam(fake.parameters()), _batch(preset.batch, preset.crop))
    return live.peak


def measured_step(subject: MethodSubject, device: torch.device, threads: int) -> TrainingStep:
    """Run a step in a fresh process.

    Raises:
        ChildProcessError: the system ended the process, most likely for its memory.
    """
    return apart(_measure, subject, device, threads)


def _measure(subject: MethodSubject, device: torch.device, threads: int) -> TrainingStep:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    preset = _preset(subject)
    model = subject.build().train()
    place(model, device)
    loss, optimiser = _loss(preset), torch.optim.Adam(model.parameters())
    # It also makes Adam's moments.
    _run(model, loss, optimiser, _batch(1, _SMALL, device))
    optimiser.zero_grad(set_to_none=True)
    meter = PeakMeter(device)
    _run(model, loss, optimiser, _batch(preset.batch, preset.crop, device))
    peak = meter.peak()
    return TrainingStep(preset.crop, preset.batch, None if peak is None else peak / _MIB)


def _run(
    model: nn.Module, loss: TripletLoss, optimiser: torch.optim.Optimizer, batch: Triplets
) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss(model(batch.before, batch.after), batch).total.backward()
    optimiser.step()


def _preset(subject: MethodSubject) -> Preset:
    return PRESETS[subject.preset]


def _loss(preset: Preset) -> TripletLoss:
    return build_loss("l1", LossOptions(lowpass=preset.lowpass))


def _batch(crops: int, side: int, device: torch.device | None = None) -> Triplets:
    return Triplets(*(torch.rand(crops, 1, side, side, device=device) for _ in range(3)))
