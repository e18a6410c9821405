"""Who leads among measurements, and who cannot be told apart from the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, by_dataset, contenders
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement, fullest
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.statistics import holm

Better = Literal["higher", "lower", "one"]
LEVEL = 0.05
TIE = "="  # the mark of what cannot be told apart from the best
Emphasis = Literal["", "best", "second"]
_EMPHASIS: Mapping[int | None, Emphasis] = {0: "best", 1: "second"}
_NAN = float("nan")


def comparable(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Those over the triplets of the fullest; in place of the others, nothing measured.

    Means over different triplets cannot be ranked.
    """
    most = fullest(measurements)
    return [each if each.covers(most) else Measurement((), ()) for each in measurements]


def not_ranked(
    measurement: Measurement, among: Iterable[Measurement], dataset: str, what: str = ""
) -> list[str]:
    """What a row's name has to say where ``comparable`` leaves its measurement out.

    Args:
        measurement: of the row.
        among: those of all rows.
        dataset: that they are of.
        what: is not ranked, where that is not the whole row: ``membranes``.
    """
    most = fullest(among)
    if not measurement.count or measurement.covers(most):
        return []
    which = "fewer test triplets than the caption says"
    if measurement.count == most.count:
        which = "as many test triplets as others, but not the same"
    return [f"{dataset}: {what}over {which}, so without best, second and `{TIE}`."]


@dataclass(frozen=True)
class Standing:
    """How one of several measurements stands among them."""

    emphasis: Emphasis = ""
    tie: bool = False


def standings(measurements: Sequence[Measurement], metric: str, better: Better) -> list[Standing]:
    """Best and second by unrounded means, and what cannot be told apart from the best.

    Equal means share a place; whoever shares the first leaves none second. A tie is a paired
    difference to the best whose p-value, adjusted for the number of comparisons (Holm), is
    not below 0.05, or that has no interval. All pairs count as compared, not only those with
    the best: which one is the best, the same scores have said.
    """
    means = [measurement.mean(metric) for measurement in measurements]
    order = places([None if mean is None else mean.mean for mean in means], better)
    if 0 not in order:
        return [Standing()] * len(order)
    first = order.index(0)
    best = measurements[first]
    p_values = [
        _difference(best, other, metric, better) if place is not None and place > 0 else _NAN
        for place, other in zip(order, measurements, strict=True)
    ]
    known = sum(place is not None for place in order)
    adjusted = holm(p_values, known * (known - 1) // 2)
    ties = [
        place is not None and i != first and not adjusted[i] < LEVEL
        for i, place in enumerate(order)
    ]
    return [Standing(_EMPHASIS.get(place, ""), tie) for place, tie in zip(order, ties, strict=True)]


def places(means: Sequence[float | None], better: Better) -> list[int | None]:
    """How many of the others are better than each; equal means share a place.

    None where there is no mean, and for all where there are fewer than two: nobody is then the
    best of any.
    """
    costs = [_NAN if mean is None else cost(mean, better) for mean in means]
    known = sorted(each for each in costs if not np.isnan(each))
    if len(known) < 2:
        return [None] * len(costs)
    return [None if np.isnan(each) else known.index(each) for each in costs]


def cost(mean: float, better: Better) -> float:
    """What a method should have little of."""
    return {"higher": -mean, "lower": mean, "one": abs(mean - 1)}[better]


@dataclass(frozen=True)
class Marks:
    """Where a method stands among those of its dataset.

    Attributes:
        best: the metrics in which it is the best.
        tied: those in which it cannot be told apart from the best.
    """

    best: tuple[str, ...] = ()
    tied: tuple[str, ...] = ()


def marks_of(entries: Sequence[Entry], metrics: Sequence[str]) -> list[Marks]:
    """The marks of each cell, by the mean over the seeds of its method, as in the report.

    Args:
        entries: the cells of a run; one without scores has no mark.
        metrics: to rank by.
    """
    found: dict[int, Marks] = {}
    for own in by_dataset(entries).values():
        rivals = contenders(own)
        columns = {name: standings_of(rivals, name) for name in metrics}
        for row, rival in enumerate(rivals):
            for entry in rival.entries:
                has = [name for name in metrics if _has(entry, name)]
                best = tuple(name for name in has if columns[name][row].emphasis == "best")
                tied = tuple(name for name in has if columns[name][row].tie)
                found[id(entry)] = Marks(best, tied)
    return [found[id(entry)] for entry in entries]


def standings_of(rivals: Sequence[Contender], metric: str) -> list[Standing]:
    """How contenders stand in a metric; one over fewer triplets than the others does not."""
    rows = comparable([rival.measured(metric) for rival in rivals])
    return standings(rows, metric, EVERY[metric].better)


def _has(entry: Entry, metric: str) -> bool:
    """Whether a cell has scores of that kind."""
    table = entry.membranes if metric in MEMBRANE_METRICS else entry.scores
    return table is not None


def _difference(best: Measurement, other: Measurement, metric: str, better: Better) -> float:
    """The p-value of the two being equally good."""
    if better != "one":
        return best.p_value(other, metric)
    return _toward_one(best, metric).p_value(_toward_one(other, metric), metric)


def _toward_one(measurement: Measurement, metric: str) -> Measurement:
    """The metric as a distance from 1, signed so that the distance of the mean is its mean."""
    mean = measurement.mean(metric)
    sign = 1.0 if mean is not None and mean.mean >= 1 else -1.0
    return measurement.then(lambda scores: scores.assign(**{metric: sign * (scores[metric] - 1)}))
