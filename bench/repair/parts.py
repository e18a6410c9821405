"""What is filled of a slice: all of it window by window, or its places one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.repair.finding import Mask, Place
from bench.repair.gaps import Task
from bench.repair.neighbours import Neighbours, matched
from bench.repair.patch import CONTEXT, patched
from bench.repair.slices import Grey, Window
from bench.repair.synthesis import synthesise, windows
from bench.repair.trust import Trust
from methods.interface import Interpolator


class Part(NamedTuple):
    """What is filled at once.

    Attributes:
        window: of the slice.
        mask: HW, what of it is filled.
        grey: HW in [0, 1].
        error: HW, the expected absolute error in grey levels.
    """

    window: Window
    mask: Mask
    grey: Grey
    error: NDArray[np.float32]


@dataclass(frozen=True)
class Means:
    """With what gaps are filled.

    Attributes:
        model: a method that takes their times, in evaluation mode on the device.
        trust: what can be said of it.
        device: where to compute.
        search: largest shift of neighbours along each axis, in pixels.
    """

    model: Interpolator
    trust: Trust
    device: torch.device
    search: int


def parts_of(task: Task, beside: Neighbours, means: Means) -> Iterator[Part]:
    """Fill a slice, or its places.

    Args:
        task: which slice, and what of it.
        beside: the slices around its gap.
        means: with what.

    Raises:
        UserError: the method returned NaN or infinity.
    """
    if not task.whole:
        yield from _places(task, beside, means)
        return
    for window in windows(beside.slices.shape):
        done = synthesise(beside, task.z, window, means.model, means.device)
        error = means.trust.error(done.before, done.grey, done.after, task.gap.time(task.z))
        grey = done.grey[done.inside]
        yield Part(window, np.ones(grey.shape, np.bool_), grey, error[done.inside])


def places_of(task: Task) -> list[Place]:
    """The places of a slice that are filled; none where all of it is."""
    if task.whole:
        return []
    return [item.finding.place for item in task.items if item.finding.place is not None]


def mask_of(task: Task, shape: tuple[int, int]) -> Mask:
    """All places of a slice together, HW."""
    whole = np.zeros(shape, np.bool_)
    for place in places_of(task):
        top, bottom, left, right = place.box
        whole[top:bottom, left:right] |= place.mask
    return whole


def _places(task: Task, beside: Neighbours, means: Means) -> Iterator[Part]:
    slices, time = beside.slices, task.gap.time(task.z)
    damaged = mask_of(task, slices.shape)
    left = damaged.copy()  # of places that overlap each pixel is filled, and counted, once
    shifts = [
        matched(slices, task.z, z, means.search)[0] for z in (task.gap.before, task.gap.after)
    ]
    for place in places_of(task):
        box = place.box
        inner = Window.of(box)
        window = inner.grown(CONTEXT, slices.shape)
        before, after = (
            slices.read(z, window.moved(shift.y, shift.x))
            for z, shift in zip((task.gap.before, task.gap.after), shifts, strict=True)
        )
        mask = damaged[window.within(slices.all)]
        done = patched(
            slices.read(task.z, window), (before, after), mask, time, means.model, means.device
        )
        error = means.trust.error(done.before, done.grey, done.after, time)
        at, here = inner.within(window), inner.within(slices.all)
        fresh = place.mask & left[here]
        left[here] &= ~fresh
        yield Part(inner, fresh, done.grey[at], error[at])
