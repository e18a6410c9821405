"""How long and on what crops a network is trained: `quick`, `overnight`, `medium`, `paper`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

PresetName = Literal["quick", "overnight", "medium", "paper"]

_WARM_UP = 50  # steps
_DROP = 0.1  # of the learning rate, in the paper's second stage


@dataclass(frozen=True)
class Preset:
    """A training budget, the same for every method. Widths live with the methods.

    Attributes:
        crop: side of the random training crops in pixels.
        batch: crops a step.
        samples: crops seen in all, or None where ``epochs`` counts.
        epochs: passes over the training split, or None where ``samples`` counts.
        learning_rate: of Adam, before it falls.
        drop_at: share of the steps after which the learning rate falls to a tenth, as in
            the paper; None for a short warm-up and then a cosine down to zero.
        lowpass: weight of the low-pass term beside the loss. Not the paper's: slice
            noise, which no method can predict, otherwise drowns the trace of motion
            that a short training could learn from.
        feature_crop: the feature losses look at the centre of each crop, of this side; 0: at
            all of it.
        features_from: share of the steps after which feature and style terms join the pixel
            terms. Not the paper's: with its weights the style term is nine tenths of the loss
            from the first step, and a short training then finds no motion at all.
        motion_share: once features have joined, what estimates motion and nothing else learns
            at this share of the rate. Not the paper's: style is the same wherever a pixel
            comes from, so that its gradient moves motion at random.
        membranes_from: share of the steps after which the membrane term joins the pixel terms.
        validations: how often the validation split is scored, None for every epoch.
        micro_batch: crops of a step whose gradients are computed at once, to save memory; None:
            all of them.
        widths: the preset whose widths the networks have, if it is not this one.
        clip: gradients of a larger norm are scaled down to it; None: none are.
        own: what is otherwise for methods that do not learn well as all others do.
        summary: what ``bench list presets`` says.
    """

    crop: int
    batch: int
    samples: int | None
    epochs: int | None
    drop_at: float | None
    summary: str
    learning_rate: float = 1e-3
    lowpass: float = 0.0
    feature_crop: int = 0
    features_from: float = 0.0
    motion_share: float = 1.0
    membranes_from: float = 0.0
    validations: int | None = None
    micro_batch: int | None = None
    widths: PresetName | None = None
    clip: float | None = None
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def steps(self, triplets: int) -> int:
        """Optimiser steps of one training over a split of that many triplets."""
        samples = self.samples if self.samples is not None else (self.epochs or 1) * triplets
        return max(1, -(-samples // self.batch))

    def validation_steps(self, triplets: int) -> frozenset[int]:
        """After which steps (counted from 1) the validation split is scored."""
        steps = self.steps(triplets)
        points = self.validations or self.epochs or 1
        return frozenset(max(1, round(steps * (i + 1) / points)) for i in range(points))

    def of_method(self, name: str) -> Preset:
        """The same preset as one method is trained with it."""
        return replace(self, own={}, **self.own.get(name, {}))

    def learning_rate_at(self, step: int, steps: int, opening: int = 0) -> float:
        """Learning rate of a step (counted from 0).

        The opening, the steps before the features join, has a schedule of its own; what
        follows starts from a tenth of its rate, as the second stage of the paper does.
        """
        if self.drop_at is not None:
            return self.learning_rate * (1.0 if step < self.drop_at * steps else _DROP)
        if opening == 0:
            return self.learning_rate * _warm_up_and_cosine(step, steps)
        if step < opening:
            return self.learning_rate * _warm_up_and_cosine(step, opening)
        return self.learning_rate * _DROP * _warm_up_and_cosine(step - opening, steps - opening)


def _warm_up_and_cosine(step: int, steps: int) -> float:
    warm_up = min(1.0, (step + 1) / _WARM_UP)
    return warm_up * 0.5 * (1.0 + math.cos(math.pi * step / steps))


_QUICK = Preset(
    crop=128, batch=2, samples=4_000, epochs=None, drop_at=None,
    lowpass=1.0, feature_crop=64, features_from=0.6, motion_share=0.1,
    membranes_from=0.5, validations=8,
    own={"sepconv": {"learning_rate": 5e-4}, "dain": {"clip": 0.3}},
    summary="small, 4,000 crops of 128, low-pass term, late features: minutes on 2 cores",
)  # fmt: skip
PRESETS: Mapping[str, Preset] = {
    "quick": _QUICK,
    "overnight": replace(
        _QUICK,
        samples=64_000,
        validations=32,
        widths="quick",
        summary="as quick, but 64,000 crops: 40 to 95 minutes a training on one core",
    ),
    "medium": Preset(
        crop=256, batch=4, samples=24_000, epochs=None, drop_at=None, validations=10,
        summary="middle widths, 24,000 crops of 256: meant for one GPU",
    ),
    "paper": Preset(
        crop=512, batch=3, samples=None, epochs=50, drop_at=0.6,
        summary="the paper's schedule, 30 + 20 epochs of 512 crops: days without a GPU",
    ),
}  # fmt: skip
