"""Training of the segmenter on labelled real slices, and the threshold that goes with it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segmentation.augment import Crop, augment
from segmentation.loss import membrane_loss
from segmentation.network import MembraneNetwork
from segmentation.thresholds import THRESHOLDS, dice_by_threshold

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
        seed: of crops and augmentation.
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


@dataclass
class Course:
    """A training under way, and all that it needs to go on.

    Attributes:
        model: what is trained.
        averaged: the running average of its weights, which is validated and kept.
        optimiser: of the model.
        best: the averaged weights of the best validation.
        found: at the validations so far.
        step: done.
        waited: validations since the last progress.
        seconds: of training.
        losses: of the steps since the last validation.
    """

    model: MembraneNetwork
    averaged: MembraneNetwork
    optimiser: torch.optim.Optimizer
    best: dict[str, Tensor]
    found: Trained = field(default_factory=lambda: Trained(0.5, -math.inf, 0, []))
    step: int = 0
    waited: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def begin(model: MembraneNetwork, budget: Budget, device: torch.device) -> Course:
    """The course of a training before its first step."""
    model.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    averaged = copy.deepcopy(model).eval()
    optimiser = torch.optim.AdamW(model.parameters(), lr=budget.learning_rate, weight_decay=1e-4)
    return Course(model, averaged, optimiser, copy.deepcopy(averaged.state_dict()))


def train(
    course: Course,
    slices: Slices,
    validation: Slices,
    budget: Budget,
    progress: Progress,
    keep: Callable[[Course], None] = lambda _: None,
) -> Trained:
    """Train a segmenter; its model ends with the weights of the best validation, to be evaluated.

    A running average of the weights is validated and kept. It settles without a falling learning
    rate, so a training can end at any step.

    Args:
        course: from ``begin``, or of a training that was ended before.
        slices: to learn from.
        validation: to validate on.
        budget: how long.
        progress: told after each step.
        keep: called after each validation; a training of the course as it then was goes on to
            the same weights.

    Raises:
        ValueError: the loss is no longer a number, slices or masks are not of the types of
            ``Slices``, or no pixel of the validation slices is known.
    """
    _require(slices)
    _require(validation)
    if not validation.valid.any():
        raise ValueError("No pixel of the validation slices is known: every threshold would fit.")
    weight = _membrane_weight(slices)
    started = time.monotonic() - course.seconds
    for batch in _batches(slices, budget, course.step):
        if course.waited >= budget.patience:
            break
        _step(course, batch, weight, budget)
        course.seconds = time.monotonic() - started
        if course.step % budget.every == 0 or course.step == budget.steps:
            _validate(course, validation)
            keep(course)
        found = course.found
        progress(course.step, budget.steps, f"Dice {found.dice:.3f}" if found.curve else "")
    course.model.load_state_dict(course.best)
    course.model.eval()
    return course.found


def _step(course: Course, batch: tuple[Tensor, ...], weight: float, budget: Budget) -> None:
    course.step += 1
    for group in course.optimiser.param_groups:
        group["lr"] = budget.learning_rate * min(1.0, course.step / _WARM_UP)
    device = next(course.model.parameters()).device
    frames, masks, valid = (part.to(device) for part in batch)
    loss = membrane_loss(course.model(frames), masks, valid, weight)
    course.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    course.losses.append(float(loss.detach()))
    if not math.isfinite(course.losses[-1]):
        raise ValueError(f"The segmenter's training diverged at step {course.step}.")
    course.optimiser.step()
    _average(course.averaged, course.model, min(_AVERAGED, course.step / (course.step + 10)))


def _validate(course: Course, validation: Slices) -> None:
    device = next(course.averaged.parameters()).device
    threshold, dice = validate(course.averaged, validation, device)
    point = {
        "step": course.step,
        "seconds": course.seconds,
        "loss": float(np.mean(course.losses)),
        "validation_dice": dice,
    }
    course.losses = []
    before = course.found
    course.waited = 0 if dice > before.dice + _RISE else course.waited + 1
    course.found = before._replace(curve=[*before.curve, point])
    if dice > before.dice:
        course.found = Trained(threshold, dice, course.step, course.found.curve)
        course.best = copy.deepcopy(course.averaged.state_dict())


def validate(model: MembraneNetwork, slices: Slices, device: torch.device) -> tuple[float, float]:
    """The threshold with the best mean Dice over slices of which something is known, and that."""
    table = [
        dice_by_threshold(probability(model, frame, device), mask, valid)
        for frame, mask, valid in zip(*slices, strict=True)
        if valid.any()
    ]
    means = np.mean(table, axis=0)
    best = int(np.argmax(means))
    return float(THRESHOLDS[best]), float(means[best])


def probability(
    model: MembraneNetwork, frame: NDArray[np.uint8], device: torch.device
) -> NDArray[np.float32]:
    """How likely each pixel of a frame (uint8 HW) is membrane, in [0, 1]."""
    with torch.inference_mode(), _evaluated(model):
        grey = torch.from_numpy(np.ascontiguousarray(frame)).to(device).float().div_(255)
        return cast(NDArray[np.float32], model(grey[None, None])[0, 0].sigmoid().cpu().numpy())


@contextmanager
def _evaluated(model: MembraneNetwork) -> Iterator[None]:
    """In training mode a slice would be normalised by itself, and change what the model knows."""
    learning = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in learning:
            part.training = True


def _batches(slices: Slices, budget: Budget, first: int) -> Iterator[tuple[Tensor, ...]]:
    """Augmented crops, a function of seed and step; those of the next step are made meanwhile."""

    def batch(step: int) -> tuple[Tensor, ...]:
        random = np.random.default_rng((budget.seed, step))
        crops = [augment(_crop(slices, budget.crop, random), random) for _ in range(budget.batch)]
        parts = (np.stack(part)[:, None].astype(np.float32) for part in zip(*crops, strict=True))
        return tuple(map(torch.from_numpy, parts))

    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(batch, first)
        for step in range(first, budget.steps):
            present = coming.result()
            coming = worker.submit(batch, step + 1)
            yield present


def _require(slices: Slices) -> None:
    """Refuse grey levels in [0, 1], which noise would drown, and masks of 0 and 255."""
    types = [part.dtype for part in slices]
    shapes = {part.shape for part in slices}
    if types != [np.uint8, np.bool_, np.bool_] or len(shapes) > 1 or slices.frames.ndim != 3:
        raise ValueError(
            "Give frames as uint8 NHW, and masks and valid as bool of the same shape, not "
            + ", ".join(f"{part.dtype} {part.shape}" for part in slices)
            + "."
        )


def _crop(slices: Slices, side: int, random: np.random.Generator) -> Crop:
    count, height, width = slices.frames.shape
    side = min(side, height, width)  # square: crops are turned
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
def _average(averaged: MembraneNetwork, model: MembraneNetwork, kept: float) -> None:
    """Move the running average to the weights; counters of batches are the model's own."""
    pairs = zip(averaged.state_dict().values(), model.state_dict().values(), strict=True)
    for old, new in pairs:
        if old.is_floating_point():
            old.lerp_(new, 1 - kept)
        else:
            old.copy_(new)
