"""Training of the segmenter on labelled real slices, and the threshold that goes with it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segmentation.augment import Crop, augment
from segmentation.loss import membrane_loss
from segmentation.thresholds import THRESHOLDS, dice_by_threshold
from segmentation.unet import UNet

_WARM_UP = 30  # steps
_AVERAGED = 0.995  # of the averaged weights stays at each step, once there have been many
_HEAVIEST = 10.0  # weight of membrane pixels, however rare they are
_RISE = 0.002  # of validation Dice: less is no progress

Progress = Callable[[int, int, str], None]


class Slices(NamedTuple):
    """Labelled slices.

    Attributes:
        frames: uint8 NHW.
        masks: bool NHW, true on membrane.
        valid: bool NHW, false where nothing is known.
    """

    frames: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    valid: NDArray[np.bool_]


@dataclass(frozen=True)
class Budget:
    """How long and on what a segmenter is trained.

    Attributes:
        steps: optimiser steps at most.
        crop: side of the random crops in pixels; smaller where the slices are.
        batch: crops a step.
        every: steps between validations.
        patience: the training ends after so many validations without progress.
        learning_rate: of AdamW, after a short warm-up.
        seed: of weights, crops and augmentation.
    """

    steps: int = 2500
    crop: int = 128
    batch: int = 4
    every: int = 50
    patience: int = 10
    learning_rate: float = 2e-3
    seed: int = 0


class Trained(NamedTuple):
    """What a training leaves beside the weights in its model.

    Attributes:
        threshold: with the best mean Dice over the validation slices.
        dice: that Dice.
        steps: after how many steps the kept weights were reached.
        curve: at each validation step, seconds, mean training loss and validation Dice.
    """

    threshold: float
    dice: float
    steps: int
    curve: list[dict[str, float]]


def train(
    model: UNet,
    slices: Slices,
    validation: Slices,
    budget: Budget,
    device: torch.device,
    progress: Progress,
) -> Trained:
    """Train a segmenter; it ends with the weights of its best validation, in evaluation mode.

    What is validated and kept is a running average of the weights, which settles without a
    learning rate that falls: so a training can be ended at any step.

    Raises:
        ValueError: the loss is no longer a number.
    """
    model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = copy.deepcopy(model).eval()
    best = copy.deepcopy(averaged.state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), lr=budget.learning_rate, weight_decay=1e-4)
    weight = _membrane_weight(slices)
    found = Trained(0.5, -math.inf, 0, [])
    losses, started, waited = list[float](), time.monotonic(), 0
    for step, batch in enumerate(_batches(slices, budget), start=1):
        for group in optimiser.param_groups:
            group["lr"] = budget.learning_rate * min(1.0, step / _WARM_UP)
        frames, masks, valid = (part.to(device) for part in batch)
        loss = membrane_loss(model(frames), masks, valid, weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise ValueError(f"The segmenter's training diverged at step {step}.")
        optimiser.step()
        _average(averaged, model, min(_AVERAGED, step / (step + 10)))
        if step % budget.every == 0 or step == budget.steps:
            threshold, dice = validate(averaged, validation, device)
            found.curve.append(
                {"step": step, "seconds": time.monotonic() - started,
                 "loss": float(np.mean(losses)), "validation_dice": dice}
            )  # fmt: skip
            waited = 0 if dice > found.dice + _RISE else waited + 1
            if dice > found.dice:
                found = found._replace(threshold=threshold, dice=dice, steps=step)
                best = copy.deepcopy(averaged.state_dict())
            losses.clear()
        progress(step, budget.steps, f"Dice {found.dice:.3f}" if found.curve else "")
        if waited >= budget.patience:
            break
    model.load_state_dict(best)
    model.eval()
    return found


def validate(model: UNet, slices: Slices, device: torch.device) -> tuple[float, float]:
    """The threshold with the best mean Dice over slices, and that Dice."""
    table = [
        dice_by_threshold(probability(model, frame, device), mask, valid)
        for frame, mask, valid in zip(*slices, strict=True)
    ]
    means = np.mean(table, axis=0)
    best = int(np.argmax(means))
    return float(THRESHOLDS[best]), float(means[best])


def probability(model: UNet, frame: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
    """How likely each pixel of a frame (uint8 HW) is membrane, in [0, 1]."""
    with torch.inference_mode():
        grey = torch.from_numpy(np.ascontiguousarray(frame)).to(device).float().div_(255)
        return cast(NDArray[np.float32], model(grey[None, None])[0, 0].sigmoid().cpu().numpy())


def _batches(slices: Slices, budget: Budget) -> Iterator[tuple[Tensor, ...]]:
    """Augmented crops; a step's are a function of seed and step, made while one is trained."""

    def batch(step: int) -> tuple[Tensor, ...]:
        random = np.random.default_rng((budget.seed, step))
        crops = [augment(_crop(slices, budget.crop, random), random) for _ in range(budget.batch)]
        parts = (np.stack(part)[:, None].astype(np.float32) for part in zip(*crops, strict=True))
        return tuple(map(torch.from_numpy, parts))

    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(batch, 0)
        for step in range(budget.steps):
            present = coming.result()
            coming = worker.submit(batch, step + 1)
            yield present


def _crop(slices: Slices, side: int, random: np.random.Generator) -> Crop:
    count, height, width = slices.frames.shape
    number = int(random.integers(count))
    top, left = (int(random.integers(max(0, length - side) + 1)) for length in (height, width))
    window = number, slice(top, top + side), slice(left, left + side)
    frame = slices.frames[window].astype(np.float32) / np.float32(255)
    return Crop(frame, slices.masks[window], slices.valid[window])


def _membrane_weight(slices: Slices) -> float:
    """The square root of how much rarer membrane is: the Dice term sees to the rest."""
    share = float(np.count_nonzero(slices.masks)) / max(1.0, float(np.count_nonzero(slices.valid)))
    if share in (0, 1):
        return 1.0
    return min(_HEAVIEST, math.sqrt((1 - share) / share))


@torch.no_grad()
def _average(averaged: UNet, model: UNet, kept: float) -> None:
    pairs = zip(averaged.state_dict().values(), model.state_dict().values(), strict=True)
    for old, new in pairs:
        if old.is_floating_point():
            old.lerp_(new, 1 - kept)
        else:
            old.copy_(new)
