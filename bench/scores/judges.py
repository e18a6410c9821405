"""Whether two judges put the methods of a dataset into one order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.stats import kendalltau

from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, by_dataset, contenders
from bench.scores.entry import Entry
from bench.scores.measurement import fullest
from bench.scores.membranes import SECOND

COMPARED = ("carried", "adapted_rand_error", "dice")
BY_EITHER = tuple(each for name in COMPARED for each in (name, SECOND.format(name)))
Pair = tuple[Contender, Contender]


@dataclass(frozen=True)
class Agreement:
    """How far the judges agree in a metric.

    Attributes:
        metric: its name.
        tau: Kendall's tau (b) between the orders of the methods; NaN where a judge finds all of
            them equally good.
        turned: the pairs that the judges order the other way round, the first judge's better one
            first.
        contradicted: those of them that either judge tells apart: no 95 % interval of the paired
            difference includes zero.
    """

    metric: str
    tau: float
    turned: tuple[Pair, ...]
    contradicted: tuple[Pair, ...]


@dataclass(frozen=True)
class Judgement:
    """What two judges make of a dataset.

    Attributes:
        dataset: its name.
        methods: that both have scored, over the triplets of the fullest.
        agreements: one for each of ``COMPARED`` that was measured.
    """

    dataset: str
    methods: tuple[Contender, ...]
    agreements: tuple[Agreement, ...]


def judgements(entries: Sequence[Entry]) -> list[Judgement]:
    """One for each dataset of which at least two methods were judged twice.

    Args:
        entries: cells of one preset, and those that are not trained.
    """
    twice = by_dataset(entry for entry in entries if entry.judged_twice)
    found = (_judgement(name, own) for name, own in twice.items())
    return [each for each in found if each.agreements]


def _judgement(dataset: str, entries: Sequence[Entry]) -> Judgement:
    rivals = contenders(entries)
    most = fullest(each.measured("dice") for each in rivals)
    methods = tuple(each for each in rivals if each.measured("dice").covers(most))
    return Judgement(dataset, methods, tuple(_agreements(methods)))


def _agreements(methods: Sequence[Contender]) -> Iterator[Agreement]:
    for metric in COMPARED:
        first, second = (_means(methods, name) for name in (metric, SECOND.format(metric)))
        shared = [each for each in methods if each in first and each in second]
        if len(shared) < 2:
            continue
        orders = ([means[each] for each in shared] for means in (first, second))
        turned = tuple(_turned(shared, first, second, metric))
        contradicted = tuple(pair for pair in turned if _is_told_apart(pair, metric))
        yield Agreement(metric, float(kendalltau(*orders).statistic), turned, contradicted)


def _means(methods: Sequence[Contender], metric: str) -> dict[Contender, float]:
    found = ((each, each.mean(metric)) for each in methods)
    return {each: mean.mean for each, mean in found if mean is not None}


def _turned(
    methods: Sequence[Contender],
    first: dict[Contender, float],
    second: dict[Contender, float],
    metric: str,
) -> Iterator[Pair]:
    for pair in combinations(methods, 2):
        one, other = (means[pair[0]] - means[pair[1]] for means in (first, second))
        if one * other < 0:
            ahead = (one > 0) == (EVERY[metric].better == "higher")
            yield pair if ahead else pair[::-1]


def _is_told_apart(pair: Pair, metric: str) -> bool:
    """Whether either judge has an interval of the difference that leaves out zero."""
    one, other = pair
    gains = (
        one.measured(name).gain(other.measured(name), name)
        for name in (metric, SECOND.format(metric))
    )
    return all(gain is not None and (gain.low > 0 or gain.high < 0) for gain in gains)
