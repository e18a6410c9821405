"""One row of a profile: what was counted, what was measured, and why something was not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from bench.base.free_memory import free_memory
from bench.profile.counting import Count, UncountedError, count, how
from bench.profile.measuring import Measurement, measure_apart
from bench.profile.subjects import Subject

_GIGA, _GIB = 1e9, 2**30
_SLOW_GMAC = 1000  # minutes on a CPU
_MARGIN = 1.25  # operators take memory inside themselves, which the prediction does not know
_PROCESS = _GIB // 2  # torch itself


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Attributes:
        device: where to compute.
        threads: torch computes with on a CPU.
        backward: measure forward + backward too.
        repeats: of each pass, at most.
        slow: run what takes minutes on a CPU.
        memory: bytes at hand; None to ask the system before each pass.
        say: told which pass is measured now.
    """

    device: torch.device
    threads: int
    backward: bool = True
    repeats: int = 5
    slow: bool = False
    memory: int | None = None
    say: Callable[[str], None] = lambda _: None


@dataclass
class Profile:
    """The cost of a subject.

    Attributes:
        subject: a layer or a method.
        parameters: numbers that are learnt.
        forward: the forward pass, counted; None where it computes outside torch.
        both: forward + backward, counted; None where there is nothing to learn.
        measured: by pass, ``forward`` and ``backward``; None where it was not run.
        notes: remarks that a reader of the row needs.
    """

    subject: Subject
    parameters: int
    forward: Count | None = None
    both: Count | None = None
    measured: dict[str, Measurement | None] = field(
        default_factory=lambda: {"forward": None, "backward": None}
    )
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The part that rows of layers and of methods share; ``backward`` is both passes."""
        return {
            "parameters": self.parameters,
            "gmac": gmac(self.forward),
            "gmac_backward": gmac(self.both),
            **{name: found and found.as_json() for name, found in self.measured.items()},
            "note": "; ".join(dict.fromkeys(self.notes)),
        }

    def counted(self) -> list[dict[str, Any]]:
        """Every operator of either pass, and how it was counted."""
        passes = [{} if counted is None else counted.macs for counted in (self.forward, self.both)]
        return [
            {
                "row": self.subject.title,
                "operator": operator,
                "how": how(operator),
                "gmac": passes[0].get(operator, 0) / _GIGA,
                "gmac_backward": passes[1].get(operator, 0) / _GIGA,
            }
            for operator in dict.fromkeys([*passes[0], *passes[1]])
        ]


def gmac(counted: Count | None) -> float | None:
    """Multiply-adds in units of 1e9."""
    return None if counted is None else counted.total / _GIGA


def profile_subject(subject: Subject, setting: Setting) -> Profile:
    """Count a subject, then measure what time and memory allow."""
    with torch.device("meta"):
        parameters = sum(weight.numel() for weight in subject.build().parameters())
    profile = Profile(subject, parameters)
    passes = {"forward": False, "backward": True}
    if not subject.learns:
        profile.notes.append("nothing to learn, so no backward pass")
    if not (setting.backward and subject.learns):
        del passes["backward"]
    for name, backward in passes.items():
        setting.say(f"{subject.title}: {'forward + backward' if backward else 'forward'}")
        counted = _count(profile, backward=backward)
        if counted and (reason := obstacle(name, counted.peak, counted.total, setting)):
            profile.notes.append(reason)
            continue
        try:
            profile.measured[name] = measure_apart(
                subject, setting.device, setting.threads, setting.repeats, backward=backward
            )
        except (ChildProcessError, torch.OutOfMemoryError):
            profile.notes.append(f"{name}: the memory did not last")
    return profile


def _count(profile: Profile, *, backward: bool) -> Count | None:
    try:
        counted = count(profile.subject, backward=backward)
    except UncountedError:
        profile.notes.append("computes outside torch, so its arithmetic is not counted")
        return None
    if backward:
        profile.both = counted
    else:
        profile.forward = counted
    return counted


def obstacle(name: str, peak: int, macs: float, setting: Setting) -> str | None:
    """Why something is not run that has a peak of so many bytes and so many multiply-adds."""
    needed = _MARGIN * peak + _PROCESS
    at_hand = free_memory(setting.device) if setting.memory is None else setting.memory
    if needed > at_hand:
        return (
            f"{name} not run: needs about {needed / _GIB:.3g} GiB of memory, "
            f"{at_hand / _GIB:.3g} GiB are at hand"
        )
    if setting.device.type == "cpu" and not setting.slow and macs > _SLOW_GMAC * _GIGA:
        return f"{name} not run: it takes minutes on a CPU; --slow runs it"
    return None
