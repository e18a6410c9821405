"""A step of a training: gradients, in parts if need be, and what the step says of itself."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.base import ranks
from bench.base.errors import UserError
from bench.base.sentences import joined
from bench.cells.presets import Preset
from bench.triplets.file import TripletFile
from bench.triplets.training_crops import time_of_step
from methods.interface import Interpolator, Triplets
from methods.losses import LossTerms, TripletLoss, build_loss
from methods.timed import HALF, at_time

VALIDATION_SIDE = 256
_READING = 50  # steps on CUDA


class DivergenceError(RuntimeError):
    """The loss or a gradient is no longer a number."""


@dataclass(frozen=True)
class Training:
    """What a training needs besides its network.

    Attributes:
        file: the triplets.
        train: indices of the training split.
        validation: indices of the validation split.
        preset: crops, steps and learning rate.
        loss: what is minimised.
        seed: of crops, order and flips; the network is initialised by the caller.
        device: where to compute.
        bf16: compute the network under bfloat16 autocast.
        reading: after how many steps their numbers are read back together, at the latest; None
            for the device's own: each step by itself on a CPU, 50 on CUDA, where reading back
            waits for all that was sent to the card.
        times: of the middle slices, which the steps take in turn.
        taught_by: digests of the segmenters that took part, in this loss or in that of the weights
            that it starts from; the file of weights names them.
    """

    file: TripletFile
    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    preset: Preset
    loss: TripletLoss
    seed: int
    device: torch.device
    bf16: bool = False
    reading: int | None = None
    times: tuple[float, ...] = (HALF,)
    taught_by: tuple[str, ...] = ()

    @property
    def steps_a_reading(self) -> int:
        """After how many steps their numbers are read back, at the latest.

        Which steps those are is the same in all processes of a training, so that a divergence ends
        all of them at one step.
        """
        return self.reading or (_READING if self.device.type == "cuda" else 1)

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.preset.steps(len(self.train))

    @property
    def micro_batch(self) -> int:
        """Crops whose gradients are computed at once."""
        return self.preset.micro_batch or self.preset.batch

    @property
    def opening(self) -> int:
        """Steps at the beginning that see the pixel terms alone."""
        if self.loss.features is not None:
            return int(self.preset.features_from * self.steps)
        return int(self.preset.membranes_from * self.steps) if self.loss.teacher is not None else 0

    @property
    def joining(self) -> str:
        """The terms that join after the opening; empty where all of them are there at once."""
        if self.opening == 0:
            return ""
        later = [part for part in self.loss.weights if part not in self._pixel_loss.weights]
        return joined(dict.fromkeys(part.partition("_")[0] for part in later))

    @property
    def begins_anew(self) -> bool:
        """Whether what follows the opening has a schedule and moments of its own.

        The gradients of features are hundreds of times larger than those of pixels; scaled by the
        moments of those before, the first of them would throw away what the opening has learned.
        """
        return self.loss.features is not None and self.opening > 0

    def loss_at(self, step: int) -> TripletLoss:
        """The loss of a step (counted from 0)."""
        return self._pixel_loss if step < self.opening else self.loss

    def time_at(self, step: int) -> float:
        """The time of the middle slices of a step."""
        return time_of_step(self.times, step)

    def rates_at(self, step: int) -> tuple[float, float]:
        """Learning rates of a step: of most parameters, and of those that estimate motion."""
        opening = self.opening if self.begins_anew else 0
        rate = self.preset.learning_rate_at(step, self.steps, opening)
        after_opening = 0 < opening <= step
        return rate, rate * (self.preset.motion_share if after_opening else 1.0)

    @cached_property
    def _pixel_loss(self) -> TripletLoss:
        return build_loss("l1", self.loss.options)


def couples_crops(model: nn.Module) -> str | None:
    """The part of a network that computes over all crops of a step together, if it has one."""
    parts = model.named_modules()
    return next((name for name, part in parts if isinstance(part, _BatchNorm)), None)


def check_parts(model: Interpolator, name: str, preset: Preset) -> None:
    """Refuse to compute a step in parts where its gradients would be others.

    Args:
        model: of a method.
        name: of the method, as the command line has it.
        preset: how many crops a step has, and how many are computed at once.

    Raises:
        UserError: the method normalises over the crops of a step.
    """
    crops = preset.micro_batch or preset.batch
    if crops >= preset.batch or couples_crops(model) is None:
        return
    otherwise = ", or give it norm=none" if hasattr(model.options, "norm") else ""
    raise UserError(
        f"--micro-batch {crops} does not go with {name}: its batch normalisation couples the "
        f"{preset.batch} crops of a step; leave --micro-batch out{otherwise}."
    )


class Numbers(NamedTuple):
    """What a step says of itself, where it was computed: reading it back waits for the card."""

    step: int  # counted from 1
    rate: float
    names: list[str]
    values: Tensor  # one for each name
    shares: dict[str, float]
    seconds: float = 0.0


def gradient_step(
    model: Interpolator,
    optimiser: torch.optim.Optimizer,
    training: Training,
    step: int,
    batch: Triplets,
) -> Numbers:
    """One optimiser step on its batch, which is on the training's device."""
    if step == training.opening and training.begins_anew:
        optimiser.state.clear()
    _seed_draws(training, step)
    rates = training.rates_at(step)
    for group, rate in zip(optimiser.param_groups, rates, strict=False):
        group["lr"] = rate
    loss = training.loss_at(step)
    optimiser.zero_grad(set_to_none=True)
    terms, gammas = _gradients(model, training, step, batch)
    norm = nn.utils.get_total_norm(
        [p.grad for p in model.parameters() if p.grad is not None], foreach=True
    )
    if training.preset.clip is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), training.preset.clip, norm, foreach=True)
    named = {"loss": terms.total, "gradient_norm": norm, **terms.parts}
    named |= {f"gamma_{i}": gamma for i, gamma in enumerate(gammas.unbind())}
    values = torch.stack(list(named.values()))  # a copy: the step changes gamma
    optimiser.step()
    shares = loss.shares(terms) if step == training.opening else {}
    return Numbers(step + 1, rates[0], list(named), values, shares)


def _seed_draws(training: Training, step: int) -> None:
    """Have a network that draws, as dropout does, draw the same whether or not it was resumed."""
    seed = (training.seed << 32 | step) % 2**63
    # torch.manual_seed formats a traceback at every call where CUDA has not begun.
    torch.default_generator.manual_seed(seed)
    if training.device.type == "cuda":
        torch.cuda.manual_seed(seed)


def _gradients(
    model: Interpolator, training: Training, step: int, batch: Triplets
) -> tuple[LossTerms, Tensor]:
    """Add up the gradients of a batch, part by part; its loss, and the network's gammas.

    Every term is a mean over crops, so a part counts by its share of them. Where several processes
    train together, each computes its own crops.
    """
    loss, time = training.loss_at(step), training.time_at(step)
    crops = len(batch.middle)
    own = (frames[ranks.own_share(crops)].split(training.micro_batch) for frames in batch)
    total, parts = batch.middle.new_zeros(()), dict[str, Tensor]()
    gammas = batch.middle.new_empty(0)
    for part in zip(*own, strict=True):
        triplets = Triplets(*part)
        with torch.autocast("cuda", torch.bfloat16) if training.bf16 else nullcontext():
            output = at_time(model, triplets.before, triplets.after, time)
        terms = loss(output._replace(middle=output.middle.to(triplets.middle.dtype)), triplets)
        share = len(triplets.middle) / crops
        (terms.total * share).backward()
        total = total + terms.total.detach() * share
        for name, value in terms.parts.items():
            parts[name] = parts.get(name, 0.0) + value * share
        gammas = output.extras.get("gamma", gammas).detach().flatten()
    gradients = (p.grad for p in model.parameters() if p.grad is not None)
    ranks.add_up([*gradients, total, *parts.values()])
    return LossTerms(total, parts), gammas


def read_numbers(unread: list[Numbers]) -> list[dict[str, float]]:
    """Rows of the log, of steps whose numbers are read back together.

    Raises:
        DivergenceError: at one of the steps loss or gradient was infinite or NaN.
    """
    read = iter(torch.cat([numbers.values for numbers in unread]).tolist())
    rows = []
    for numbers in unread:
        row = {"step": numbers.step, "seconds": numbers.seconds, "learning_rate": numbers.rate}
        row |= {name: next(read) for name in numbers.names}
        if not (math.isfinite(row["loss"]) and math.isfinite(row["gradient_norm"])):
            raise DivergenceError(
                f"The training diverged at step {numbers.step}: loss {row['loss']:.4g}, gradient "
                f"norm {row['gradient_norm']:.4g}; a smaller learning rate or another loss may "
                "help."
            )
        rows.append(row | {f"share_{name}": share for name, share in numbers.shares.items()})
    return rows


def sent(batch: Triplets, device: torch.device) -> Triplets:
    """A batch on its way to the device; from pinned memory nobody waits until it is there."""
    if device.type != "cuda":
        return batch
    return Triplets(*(frames.pin_memory().to(device, non_blocking=True) for frames in batch))
