"""Whether a method can be trained: what is wired wrongly is told from what is merely small.

A method of few parameters, or one that only weighs its two slices, cannot come close to any given
slice, however well it is wired. What it can come close to is a slice that it makes itself with
other weights.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bench.base.sentences import joined
from bench.check.probes import (
    BrokenPromiseError,
    Method,
    awake,
    build,
    far_outside,
    moving,
    require,
    require_range,
)
from methods.interface import Interpolator, Triplets

LEARNT_DB = 35.0
_STEPS = 200
_FALL = 0.1  # sound methods come to 0.01 of the error that they begin with, broken ones to 1
_UNSEEN = 1e-10  # squared error: a difference that weights of float32 cannot learn from


class _Course(NamedTuple):
    """Squared errors of a training, and the parameters that are where they were."""

    first: float
    least: float
    still: list[str]


def learns(method: Method) -> str:
    """Try whether a method learns one triplet by heart, or else slices of its own making.

    Returns:
        A note where it learns its own slices alone; nothing where it learns the triplet.

    Raises:
        BrokenPromiseError: it learns neither, or no gradient arrives where one should.
    """
    model, triplet = build(method), moving(3)
    learnt = sum(part.numel() for part in model.parameters() if part.requires_grad)
    require(learnt > 0, "it has no parameter that can be learnt (`requires_grad`)")
    at_first = far_outside(_middle(model, triplet))
    course = _train(model, triplet, 10 ** (-LEARNT_DB / 10))
    reached = _decibels(course.least)
    if reached > LEARNT_DB:
        return ""
    require_range(_middle(model, triplet))
    _learn_own_slice(method, triplet)
    tried = (
        f"it did not learn the triplet by heart: {_STEPS} steps of Adam took it from "
        f"{_decibels(course.first):.1f} to {reached:.1f} dB. "
    )
    if at_first:
        return f"{tried}Before it learned, the greys of its slice went {at_first}"
    return (
        f"{tried}It does learn slices that it can "
        "make, so its gradients arrive. That may be all that is possible with "
        f"{learnt:,} parameter{'s' * (learnt > 1)}, or for a method that only weighs its two "
        "slices; if yours should do more, look for what holds it back"
    )


def _learn_own_slice(method: Method, triplet: Triplets) -> None:
    """Require that a method learns the slice that it makes with weights a little off its own."""
    wanted = _middle(awake(method), triplet)
    course = _train(build(method), triplet._replace(middle=wanted))
    require(
        course.first > _UNSEEN,
        f"other weights make no other slice: parameters that are off by 0.02 change it by "
        f"{math.sqrt(course.first):.0e}; look for what saturates, rounds or leaves them out",
    )
    detached = [name for name in course.still if _matters(name, method, triplet, wanted)]
    require(
        not detached,
        f"the slice depends on {_listed(detached)}, but no gradient arrives there: look for "
        "`detach`, `no_grad`, a rounding, `requires_grad=False` or initial weights that cancel "
        "each other; what is not to be learnt is a buffer",
    )
    require(
        course.least < _FALL * course.first,
        f"{_STEPS} steps of Adam took the squared error from {course.first:.1e} to "
        f"{course.least:.1e}, on a slice that it makes itself with weights that are off by 0.02",
    )


def _train(model: Interpolator, triplet: Triplets, goal: float = 0.0) -> _Course:
    """Train on one triplet, until the squared error is below the goal."""
    model.train().to(memory_format=torch.channels_last)
    start = {name: part.detach().clone() for name, part in model.named_parameters()}
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    errors = list[float]()
    for _ in range(_STEPS):
        middle = model(triplet.before, triplet.after).middle
        squared = (middle - triplet.middle).square().mean()
        if not squared.requires_grad:
            raise BrokenPromiseError(
                "no gradient arrives at any parameter: look for `detach`, `no_grad` or `item`"
            )
        optimiser.zero_grad()
        squared.backward()
        optimiser.step()
        errors.append(float(squared.detach()))
        if errors[-1] < goal:
            break
    still = [name for name, part in model.named_parameters() if torch.equal(part, start[name])]
    least = min((error for error in errors if math.isfinite(error)), default=math.inf)
    return _Course(errors[0], least, still)


def _matters(name: str, method: Method, triplet: Triplets, wanted: Tensor) -> bool:
    """Whether the slice is another one where this parameter alone has its first values."""
    model = awake(method)
    first = build(method).get_parameter(name)
    with torch.no_grad():
        model.get_parameter(name).copy_(first)
    difference = _middle(model, triplet) - wanted
    return float(difference.square().mean()) > _UNSEEN


def _middle(model: Interpolator, triplet: Triplets) -> Tensor:
    """What a method makes of a triplet while it is trained."""
    with torch.no_grad():
        middle: Tensor = model.train()(triplet.before, triplet.after).middle
    return middle


def _decibels(squared: float) -> float:
    return -10 * math.log10(squared) if squared > 0 else math.inf


def _listed(names: list[str], most: int = 4) -> str:
    """Names as words of a sentence, the first few of many."""
    shown = [f"`{name}`" for name in names[:most]]
    others = [f"{len(names) - most} others"] * (len(names) > most)
    return joined([*shown, *others])
