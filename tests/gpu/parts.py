"""The parts by name, and how long each may take: less than ten minutes altogether."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from speed.running import say

from gpu import costs, equality, subjects, training
from gpu.deadline import Deadline

Measure = Callable[[torch.device, Deadline, Callable[[str], None]], dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """A part of the file.

    Attributes:
        seconds: after which no further row is begun.
        measure: makes its rows.
    """

    seconds: float
    measure: Measure


def _equality(device: torch.device, deadline: Deadline, say: Callable[[str], None]) -> Any:
    return equality.compare(subjects.subjects(side=64, many=512), device, deadline, say)


def _costs(device: torch.device, deadline: Deadline, say: Callable[[str], None]) -> Any:
    return costs.measure(costs.pairs(), device, deadline, say)


def _training(device: torch.device, deadline: Deadline, say: Callable[[str], None]) -> Any:
    return training.measure(training.plans(90, 20), device, deadline, say)


PARTS = {
    "equality": Part(75, _equality),
    "costs": Part(40, _costs),
    "training": Part(385, _training),  # making the phantom counts too
}


def run(name: str, device: torch.device, parts: dict[str, Part] = PARTS) -> dict[str, Any]:
    """Measure a part in this process."""
    part = parts[name]
    deadline = Deadline(part.seconds)
    found = part.measure(device, deadline, partial(_tell, name))
    seconds = {"limit": part.seconds, "seconds": round(deadline.passed, 1), "cut": deadline.cut}
    return plain(seconds | found)


def _tell(name: str, what: str) -> None:
    say(f"{name}: {what}")


def plain(value: Any) -> Any:
    """The same with None for what is no number, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
