"""Who leads in a metric, and who cannot be told apart from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.scores.columns import EVERY
from bench.scores.contenders import Contender
from bench.scores.measurement import fullest
from bench.scores.standings import cost, standings_of
from bench.scores.statistics import Interval

CARRIED, RAND, PSNR, FRC = "carried", "adapted_rand_error", "psnr", "frc_10"


@dataclass(frozen=True)
class Choice:
    """Who leads in a metric.

    Attributes:
        metric: its name.
        best: who leads.
        mean: of the leader.
        tied: who cannot be told apart from it, the better ones first.
        compared: how many were compared; with one there was nothing to choose.
    """

    metric: str
    best: Contender
    mean: Interval
    tied: tuple[Contender, ...]
    compared: int


def choose(rivals: Sequence[Contender], metric: str) -> Choice | None:
    """Who leads in a metric; None where nobody was measured."""
    places = standings_of(rivals, metric)
    known = [rival for rival in rivals if rival.mean(metric) is not None]
    if not known:
        return None
    leading = [each for each, place in zip(rivals, places, strict=True) if place.emphasis == "best"]
    best = leading[0] if leading else max(known, key=lambda each: each.measured(metric).count)
    mean = best.mean(metric)
    if mean is None:
        raise ValueError(f"{best.name} leads in {metric} without a mean.")
    tied = [each for each, place in zip(rivals, places, strict=True) if place.tie]
    compared = max(1, len(known) - len(apart(rivals, metric)))
    return Choice(metric, best, mean, tuple(_by_merit(tied, metric)), compared)


def _by_merit(rivals: Sequence[Contender], metric: str) -> list[Contender]:
    """The better ones first; all of them have the metric."""

    def price(each: Contender) -> float:
        mean = each.mean(metric)
        return math.inf if mean is None else cost(mean.mean, EVERY[metric].better)

    return sorted(rivals, key=price)


def apart(rivals: Sequence[Contender], metric: str) -> dict[Contender, str]:
    """Those that were measured on other triplets than the fullest, and in a word on which."""
    known = [each for each in rivals if each.mean(metric) is not None]
    most = fullest(each.measured(metric) for each in known)
    apart = [each for each in known if not each.measured(metric).covers(most)]
    return {
        each: "fewer" if each.measured(metric).count < most.count else "other" for each in apart
    }
