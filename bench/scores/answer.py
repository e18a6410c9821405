"""What a run says to whoever has to choose: a method, how sure that is, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.scores.ceiling import LEFT_OUT, LEFT_OUT_FLOW, stopped_early
from bench.scores.cell_scores import ceiling_scores, reference_scores
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, by_dataset, contenders
from bench.scores.departures import budget_words, provisional
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement, fullest
from bench.scores.standings import LEVEL, cost, standings_of
from bench.scores.statistics import Interval, holm

CARRIED, RAND, PSNR, FRC = "carried", "adapted_rand_error", "psnr", "frc_10"
Verdict = Literal["better", "worse", "not told apart"]


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


@dataclass(frozen=True)
class LeftOut:
    """What leaving the slice out is worth beside the best method, on the same triplets.

    Attributes:
        kind: of reference: plain, or with labels carried across the gap by a flow.
        mean: share of neurites that are carried without a slice.
        gain: of the best method over it, paired.
        verdict: on leaving the slice out.
    """

    kind: str
    mean: Interval
    gain: Interval
    verdict: Verdict


@dataclass(frozen=True)
class TooWeak:
    """A segmenter under which no method could have won: the real slice does not either.

    Attributes:
        left_out: the way to leave the slice out that carries more than the real slice.
        real: share of neurites that are carried through the real slice.
        gain: of the real slice over leaving it out, paired.
        steps: that the segmenter was trained for at most; None where that is not known.
    """

    left_out: LeftOut
    real: Interval
    gain: Interval
    steps: int | None


@dataclass(frozen=True)
class RestsOn:
    """What an answer rests on.

    Attributes:
        triplets: of the test split, that were scored.
        places: of the tissue, that can be told by: columns of tiles or blocks of slices,
            whichever are fewer.
        labelled: those of them with a truth to compare membranes with.
        neurites: that were followed; None where none was.
        seeds: of each network, by its name.
        followed: those of them whose membranes were scored, where that is not all.
        training: preset and length of each training.
        provisional: whether a longer training may turn the order.
        at_most: triplets of a split that were looked at, where the run was cut short.
        agreement: whether the truth is a segmenter's and not the labels'.
        segmenter_steps: that the segmenter was trained for at most, where that is fewer than
            usual; else None.
        not_compared: why others are not in it, by name.
    """

    triplets: int
    places: int
    labelled: int
    neurites: int | None
    seeds: Mapping[str, tuple[int, ...]]
    followed: Mapping[str, tuple[int, ...]]
    training: tuple[str, ...]
    provisional: bool
    at_most: int | None
    agreement: bool
    segmenter_steps: int | None
    not_compared: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What to take on a dataset.

    Attributes:
        dataset: its name.
        neurites: who leads in ``carried``, or in adapted Rand error where nothing was carried.
        left_out: leaving the slice out beside it, plain and with a flow, by kind; empty where that
            was not measured.
        too_weak: why the segmenter cannot judge, so that nothing is to be said of neurites; None
            where it can.
        real: share of neurites that are carried through the real slice; None where not measured.
        lacks: why neurites were not followed; empty where they were.
        psnr: who leads in it.
        frc: who leads in it.
        rests_on: what all of that rests on.
    """

    dataset: str
    neurites: Choice | None
    left_out: Mapping[str, LeftOut]
    too_weak: TooWeak | None
    real: Interval | None
    lacks: str
    psnr: Choice | None
    frc: Choice | None
    rests_on: RestsOn

    @property
    def rival(self) -> LeftOut | None:
        """The way to leave the slice out that carries more; None where none was measured."""
        return _rival(self.left_out)

    @property
    def below(self) -> bool:
        """Whether leaving the slice out carries as much as the best method or more."""
        return self.rival is not None and self.rival.gain.mean <= 0


def answers(entries: Iterable[Entry]) -> list[Answer]:
    """One answer a dataset.

    Args:
        entries: cells of one preset, and those that are not trained.
    """
    return [_answer(name, own) for name, own in by_dataset(entries).items()]


def _answer(dataset: str, entries: Sequence[Entry]) -> Answer:
    rivals = contenders(entries)
    neurites = _choice(rivals, CARRIED)
    lacks = "" if neurites else _lacks(entries)
    neurites = neurites or _choice(rivals, RAND)
    left_out = dict(_left_out(neurites))
    psnr = _choice(rivals, PSNR)
    ceiling = _ceiling(neurites)
    return Answer(
        dataset,
        neurites,
        left_out,
        _too_weak(neurites, _rival(left_out), ceiling),
        None if ceiling is None else ceiling.mean(CARRIED),
        lacks,
        psnr,
        _choice(rivals, FRC),
        _rests_on(rivals, neurites, psnr),
    )


def _choice(rivals: Sequence[Contender], metric: str) -> Choice | None:
    """Who leads; None where nobody was measured."""
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
    compared = max(1, len(known) - len(_apart(rivals, metric)))
    return Choice(metric, best, mean, tuple(_by_merit(tied, metric)), compared)


def _by_merit(rivals: Sequence[Contender], metric: str) -> list[Contender]:
    """The better ones first; all of them have the metric."""

    def price(each: Contender) -> float:
        mean = each.mean(metric)
        return math.inf if mean is None else cost(mean.mean, EVERY[metric].better)

    return sorted(rivals, key=price)


def _apart(rivals: Sequence[Contender], metric: str) -> dict[Contender, str]:
    """Those over other triplets than the fullest, and in a word over which."""
    known = [each for each in rivals if each.mean(metric) is not None]
    most = fullest(each.measured(metric) for each in known)
    apart = [each for each in known if not each.measured(metric).covers(most)]
    return {
        each: "fewer" if each.measured(metric).count < most.count else "other" for each in apart
    }


def _left_out(choice: Choice | None) -> Iterator[tuple[str, LeftOut]]:
    """Each way to leave the slice out beside the best.

    To be the best of several favours a method, so only its lead is adjusted for how many there
    were.
    """
    if choice is None or choice.metric != CARRIED:
        return
    best = choice.best.measured(CARRIED)
    for kind in (LEFT_OUT, LEFT_OUT_FLOW):
        left = reference_scores(choice.best.entries, kind).known(CARRIED)
        mean, gain = left.on(best).mean(CARRIED), best.gain(left, CARRIED)
        if mean is None or gain is None:
            continue
        adjusted = holm([best.p_value(left, CARRIED)], choice.compared)[0]
        verdict: Verdict = "not told apart"
        if gain.high < 0:
            verdict = "better"
        elif gain.mean > 0 and adjusted < LEVEL:
            verdict = "worse"
        yield kind, LeftOut(kind, mean, gain, verdict)


def _rival(left_out: Mapping[str, LeftOut]) -> LeftOut | None:
    return max(left_out.values(), key=lambda way: way.mean.mean, default=None)


def _ceiling(choice: Choice | None) -> Measurement | None:
    """What the real slice carries, on the triplets of the best."""
    if choice is None or choice.metric != CARRIED:
        return None
    return ceiling_scores(choice.best.entries).known(CARRIED).on(choice.best.measured(CARRIED))


def _too_weak(
    choice: Choice | None, rival: LeftOut | None, ceiling: Measurement | None
) -> TooWeak | None:
    """That the segmenter loses more in the real slice than the slice is worth.

    A segmenter that was trained as long as usual is trusted until that is told apart from chance;
    one that was stopped early is not, for its training is the likelier reason.
    """
    if choice is None or rival is None or ceiling is None:
        return None
    entries, real = choice.best.entries, ceiling.mean(CARRIED)
    gain = ceiling.gain(reference_scores(entries, rival.kind).known(CARRIED), CARRIED)
    if real is None or gain is None:
        return None
    steps = _segmenter_steps(entries)
    if gain.high < 0 or (gain.mean < 0 and stopped_early(steps)):
        return TooWeak(rival, real, gain, steps)
    return None


def _segmenter_steps(entries: Iterable[Entry]) -> int | None:
    """The fewest that a segmenter of theirs was trained for at most; None if not known."""
    steps = (entry.segmenter_steps for entry in entries if entry.membranes is not None)
    return min((each for each in steps if each is not None), default=None)


def _lacks(entries: Sequence[Entry]) -> str:
    """Why no neurite was followed, and how to have it, in a sentence."""
    facts = entries[0].dataset
    if any(entry.membranes is not None for entry in entries):
        return (
            "Whether neurites are followed across the gap was not measured: that takes neuron ids "
            "of both slices beside it (`bench data build` with --labels)."
        )
    if not facts.labels:
        return (
            "The dataset has no labels; `bench data build` with --labels FILE (neuron ids) gives "
            "it some."
        )
    if facts.no_membranes:
        why = facts.no_membranes.removeprefix("No membrane scores: ")
        return why[:1].upper() + why[1:]
    failures = [entry.record.failure for entry in entries if entry.record.failure]
    if any(failure.stage == "segment" for failure in failures):
        return "The stage `segment` failed."
    if any("segment" in entry.record.stages for entry in entries):
        return "No test triplet that was looked at has a membrane to compare with."
    return "The stage `segment` has not run; `bench run` without --stages runs it."


def _rests_on(rivals: Sequence[Contender], neurites: Choice | None, psnr: Choice | None) -> RestsOn:
    trained = [each for each in rivals if each.trained and each.measured(PSNR).count]
    cells = [entry for each in trained for entry in each.entries]
    followed = None if neurites is None else neurites.best.measured(neurites.metric)
    apart = _apart(rivals, PSNR)
    compared = [entry for each in rivals if each not in apart for entry in each.entries]
    cuts = [e.record.config.get("max_triplets") for e in compared if e.scores is not None]
    segmented = [entry.facts.segment for each in rivals for entry in each.entries]
    steps = _segmenter_steps(entry for each in rivals for entry in each.entries)
    return RestsOn(
        triplets=0 if psnr is None else psnr.best.measured(PSNR).count,
        places=0 if psnr is None else psnr.mean.clusters,
        labelled=0 if followed is None else followed.count,
        neurites=_neurites(followed),
        seeds={each.name: each.measured(PSNR).seeds for each in trained},
        followed={} if neurites is None else dict(_fewer_seeds(trained, neurites.metric)),
        training=tuple(dict.fromkeys(map(_training, cells))),
        provisional=any(provisional(entry.record.config) for entry in cells),
        at_most=max((cut for cut in cuts if cut is not None), default=None),
        agreement=any(facts is not None and facts.reference == "agreement" for facts in segmented),
        segmenter_steps=steps if stopped_early(steps) else None,
        not_compared=dict(_not_compared(rivals, neurites, psnr)),
    )


def _fewer_seeds(
    trained: Iterable[Contender], metric: str
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The networks of which not every training has membrane scores, and those that have."""
    for each in trained:
        found = each.measured(metric).seeds
        if found and found != each.measured(PSNR).seeds:
            yield each.name, found


def _neurites(followed: Measurement | None) -> int | None:
    if followed is None or followed.scores is None or "neurites" not in followed.scores:
        return None
    return round(followed.scores["neurites"].sum())


def _training(entry: Entry) -> str:
    budget = entry.record.config.get("preset")
    length = f": {budget_words(budget)}" if isinstance(budget, dict) else ""
    return entry.cell.preset + length


def _not_compared(
    rivals: Sequence[Contender], *choices: Choice | None
) -> Iterator[tuple[str, str]]:
    """Who is left out of some of the choices, and why."""
    metrics = [choice.metric for choice in choices if choice is not None]
    pixels, *others = (_apart(rivals, metric) for metric in dict.fromkeys([PSNR, *metrics]))
    membranes = {each: word for apart in others for each, word in apart.items()}
    for each in rivals:
        if all(entry.other_build for entry in each.entries):
            yield each.name, "saw another build of the dataset"
        elif all(entry.record.failure for entry in each.entries):
            yield each.name, "failed"
        elif not each.measured(PSNR).count:
            yield each.name, "has no scores"
        elif each in pixels:
            yield each.name, f"was scored on {pixels[each]} test triplets"
        elif each in membranes:
            yield each.name, f"has membrane scores of {membranes[each]} test triplets"
        elif any(each.mean(metric) is None for metric in metrics):
            yield each.name, "has no membrane scores"
