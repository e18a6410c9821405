"""Slices at a time between before (0) and after (1): a gap of several has one for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from torch import Tensor, nn

from methods.interface import Interpolation, Interpolator

HALF = 0.5


def at_time(model: Interpolator, before: Tensor, after: Tensor, time: float) -> Interpolation:
    """Synthesise the slice at a time between ``before`` and ``after`` (both B1HW in [0, 1]).

    Raises:
        ValueError: the time is not between 0 and 1, or the method does not know it.
    """
    if not 0 < time < 1:
        raise ValueError(f"The time of a slice between two others lies in (0, 1); {time} does not.")
    if model.info.any_time:
        return cast("Interpolation", model(before, after, time))
    if time != HALF:
        raise ValueError(
            f"'{model.info.name}' knows the slice halfway, not the one at {time:.3g}; make it with "
            "for_times."
        )
    return cast("Interpolation", model(before, after))


def for_times(method: type[Interpolator], options: Any, times: Sequence[float]) -> Interpolator:
    """A method that knows all times of a gap.

    Args:
        method: its class.
        options: an instance of ``method.Options``, or None.
        times: of the slices that are missing, each in (0, 1); with t there is 1 - t too.
    """
    if method.info.any_time or tuple(times) == (HALF,):
        return method(options)
    return Timed(method, options, times)


def same_time(one: float, other: float) -> bool:
    """Whether two times are the same but for rounding: 1 - 1/3 is not 2/3 to the bit."""
    return math.isclose(one, other, abs_tol=1e-9)


def parts_of(model: Interpolator, times: Sequence[float]) -> list[tuple[float, Interpolator]]:
    """What of a method learns at which time.

    Args:
        model: that ``for_times`` has made.
        times: that it was made for.

    Returns:
        Each time up to 1/2 with the part of its own; or every time with the method itself.
    """
    if isinstance(model, Timed):
        return [(time, model.part(time)) for time in model.times]
    return [(time, model) for time in times]


class Timed(Interpolator):
    """A method that knows the slice halfway, learned once for each time up to 1/2.

    A later slice is an earlier one of the slices exchanged. Then there are no extras: theirs
    would name the wrong neighbour.

    Attributes:
        times: that have a part of their own, from the earliest to 1/2 at the latest.
        parts: an instance of the method for each of them.

    Args:
        method: its class.
        options: an instance of ``method.Options``, or None.
        times: of the gap, symmetric about 1/2.
    """

    def __init__(self, method: type[Interpolator], options: Any, times: Sequence[float]) -> None:
        early = sorted(time for time in times if time <= HALF)
        parts = [method(options) for _ in early]
        super().__init__(parts[0].options)
        self.times = tuple(early)
        self.parts = nn.ModuleList(parts)
        motion = (f"parts.{i}.{name}" for i in range(len(parts)) for name in method.info.motion)
        self.info = replace(  # type: ignore[misc]  # of what it is made from, not of the class
            method.info, any_time=True, motion=tuple(motion)
        )

    def part(self, time: float) -> Interpolator:
        """What makes the slice at a time up to 1/2.

        Raises:
            ValueError: there is none for it.
        """
        for known, part in zip(self.times, self.parts, strict=True):
            if same_time(known, time):
                return cast("Interpolator", part)
        made = ", ".join(f"{each:.3g}" for each in self.times)
        raise ValueError(
            f"This '{self.info.name}' was made for the times {made} and those mirrored, not for "
            f"{time:.3g}."
        )

    def forward(self, before: Tensor, after: Tensor, time: float = HALF) -> Interpolation:
        """Synthesise the slice at one of the times of the gap (both B1HW in [0, 1]).

        Raises:
            ValueError: it was not made for this time.
        """
        if time <= HALF:
            return cast("Interpolation", self.part(time)(before, after))
        return Interpolation(self.part(1 - time)(after, before).middle)
