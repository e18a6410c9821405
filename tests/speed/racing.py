"""Two functions that do the same, timed in turns, and the memory each takes."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bench.base.free_memory import free_memory
from bench.profile.measuring import PeakMeter
from speed.figures import Equality, Figure, Setting, agree, worst

Pass = Callable[[], Any]

_REPEATS = 9
_GIB, _MIB = 2**30, 2**20


def race(
    what: str,
    reference: Pass,
    ours: Pass,
    limit: float,
    setting: Setting,
    *,
    memory: float | None = None,
    target: str = "",
) -> list[Figure]:
    """Time both in turns after a warm-up; the medians make the figure.

    As many turns as patience allows, at least one and at most nine; where the warm-up alone
    takes longer than the patience, it is what was measured.

    Args:
        what: is measured.
        reference: the straightforward form.
        ours: what is to be faster.
        limit: of the ratio of their times.
        setting: patience, and whom to tell.
        memory: limit of the ratio of the peaks of their memory beyond what is held before;
            None where memory is not measured.
        target: the limit of the times in words.
    """
    setting.say(what)
    sides = (reference, ours)
    peaks = [0.0, 0.0]
    first = []
    for place, side in enumerate(sides):
        meter = PeakMeter(torch.device("cpu"))
        first.append(timed(side))
        peaks[place] = (meter.peak() or 0) / _MIB
    turns = [first]
    if sum(first) < setting.patience:
        affordable = max(1, int(setting.patience / sum(first)))
        turns = [[timed(side) for side in sides] for _ in range(min(_REPEATS, affordable))]
    theirs, own = zip(*turns, strict=True)
    figures = [
        Figure(
            f"{what}: time", "s", statistics.median(theirs), statistics.median(own), limit, target,
            spread=(min(theirs), max(theirs), min(own), max(own)), repeats=len(turns),
        )
    ]  # fmt: skip
    if memory is not None:
        figures.append(Figure(f"{what}: peak memory", "MiB", peaks[0], peaks[1], memory))
    return figures


def demand_memory(gib: float) -> None:
    """Refuse to start what the machine has no memory for.

    Raises:
        MemoryError: there is less at hand.
    """
    at_hand = free_memory(torch.device("cpu")) / _GIB
    if at_hand < gib:
        raise MemoryError(f"needs {gib:.3g} GiB, {at_hand:.3g} are at hand; --size makes it less")


def same(
    what: str, reference: Sequence[Tensor], ours: Sequence[Tensor], tolerance: float = 1e-5
) -> Equality:
    """Demand that tensors agree, relative to the largest value of each.

    Raises:
        UnequalError: they do not.
    """
    return agree(
        what, worst(_relative(a, b) for a, b in zip(reference, ours, strict=True)), tolerance
    )


def both_passes(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> list[Tensor]:
    """The result of a function and the gradients of its inputs, under a gradient of ones."""
    for tensor in inputs:
        tensor.grad = None
    result = function(*inputs)
    result.backward(torch.ones_like(result))
    return [result.detach(), *(tensor.grad for tensor in inputs if tensor.grad is not None)]


def _relative(one: Tensor, other: Tensor) -> float:
    scale = one.abs().max().item() or 1.0
    return (one - other).abs().max().item() / scale


def timed(side: Pass) -> float:
    """Seconds of one call.

    On one thread they are processor seconds, of this process and those it starts: a neighbour
    on the same machine must not count. On more threads they are those of the clock.
    """
    gc.collect()
    clock = _processor_seconds if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    side()
    return clock() - start


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
