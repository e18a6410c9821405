"""How much of the time a device has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

Interval = tuple[float, float]  # begin and end


def idle_share(work: Iterable[Interval], length: float) -> float:
    """The share of a length of time in which none of the work was going on.

    Args:
        work: may overlap, in any order.
        length: of the whole, in the unit of the work.
    """
    busy, end = 0.0, float("-inf")
    for begin, until in sorted(work):
        busy += max(0.0, until - max(begin, end))
        end = max(end, until)
    return max(0.0, 1 - busy / length)


class Watch:
    """Looks at a device from its making to ``share``."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        on_card = device.type == "cuda"
        activity = ProfilerActivity.CUDA if on_card else ProfilerActivity.CPU
        # What is asked of a card only: with every operator of the CPU the steps take longer.
        self._profiler = profile(activities=[activity], acc_events=True)
        self._synchronise()
        self._profiler.start()
        self._started = time.perf_counter()

    def share(self) -> float | None:
        """The share of time in which nothing ran; None where the profiler sees nothing."""
        self._synchronise()
        length = time.perf_counter() - self._started
        self._profiler.stop()
        events = self._profiler.events() or []
        work = [_interval(event) for event in events if self._is_work(event)]
        return idle_share(work, length * 1e6) if work else None

    def _is_work(self, event: Any) -> bool:
        # An annotation spans what it names, gaps and all.
        there = event.device_type.name == self._device.type.upper()
        return there and not getattr(event, "is_user_annotation", False)

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def _interval(event: Any) -> Interval:
    return event.time_range.start, event.time_range.end
