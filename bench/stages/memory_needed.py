"""The peak memory of a training or a prediction, estimated before it begins.

A training step, or the pass of a prediction, is run on tensors without values, and the bytes of
those that are alive are counted. What an operator needs inside itself is not known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.base.device import place
from bench.base.live_storages import LiveStorages, without_values
from bench.stages.training_step import VALIDATION_SIDE, Training, gradient_step
from methods.interface import Interpolator, Triplets
from methods.timed import HALF, at_time, parts_of


def of_training(model: Interpolator, training: Training) -> int | None:
    """Bytes that a training takes beside its network and the features of its loss.

    Both are moved to the training's device.

    Returns:
        The peak over a step and a validation; None where it cannot be counted, because the
        network computes outside torch.
    """

    def step_and_validation(network: Any, loss: Any) -> None:
        fake = dataclasses.replace(training, loss=loss)
        preset, device = training.preset, training.device
        optimiser = torch.optim.Adam(network.parameters())
        batch = _slices(preset.batch, preset.crop, device)
        # The step after the last sees all of the loss.
        gradient_step(network.train(), optimiser, fake, training.steps, batch)
        triplet = _slices(1, min(VALIDATION_SIDE, training.file.tile), device)
        with torch.no_grad():
            time = training.times[0]
            loss(at_time(network.eval(), triplet.before, triplet.after, time), triplet)

    place(model, training.device)
    training.loss.to(training.device)
    counted = _counted(step_and_validation, [model, training.loss])
    # The weights that are best so far, and the optimiser's two moments.
    kept = 3 * sum(tensor.nbytes for tensor in model.state_dict().values())
    return None if counted is None else counted + kept


def of_prediction(model: Interpolator, side: int, device: torch.device) -> int | None:
    """Bytes that the prediction of a frame, or of a tile, takes beside its network.

    Args:
        model: the method, which is moved to the device.
        side: of the frame or tile in pixels.
        device: where it is predicted.

    Returns:
        The peak; None where it cannot be counted, because the method computes outside torch.
    """

    def forward(network: Any) -> None:
        slices = _slices(1, side, device)
        [time, _], *_ = parts_of(network, (HALF,))  # one that it knows: all take as much
        with torch.no_grad():
            at_time(network.eval(), slices.before, slices.after, time)

    place(model, device)
    return _counted(forward, [model])


def _counted(run: Callable[..., None], modules: list[nn.Module]) -> int | None:
    """Most bytes that are alive while something runs on copies of modules without values."""
    mode = FakeTensorMode()
    try:
        copies = [without_values(module, mode) for module in modules]
        live = LiveStorages(t for copy in copies for t in (*copy.parameters(), *copy.buffers()))
        with torch.random.fork_rng(devices=[]), mode, live:
            run(*copies)
    except Exception:
        return None  # a method of whatever kind may need values, and nothing fails for that
    return live.peak


def _slices(batch: int, side: int, device: torch.device) -> Triplets:
    return Triplets(*(torch.zeros(batch, 1, side, side, device=device) for _ in range(3)))
