"""What leaving a slice out is worth beside the best method, and whether its judge can judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bench.scores.ceiling import LEFT_OUT, LEFT_OUT_FLOW, stopped_early
from bench.scores.cell_scores import ceiling_scores, reference_scores
from bench.scores.choice import CARRIED, Choice
from bench.scores.entry import fewest_steps
from bench.scores.measurement import Measurement
from bench.scores.standings import LEVEL
from bench.scores.statistics import Interval, holm

Verdict = Literal["better", "worse", "not told apart"]


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


def ways_to_leave_out(choice: Choice | None) -> Iterator[tuple[str, LeftOut]]:
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


def strongest(left_out: Mapping[str, LeftOut]) -> LeftOut | None:
    """The way that carries most; None where none was measured."""
    return max(left_out.values(), key=lambda way: way.mean.mean, default=None)


def ceiling_of(choice: Choice | None) -> Measurement | None:
    """What the real slice carries, on the triplets of the best."""
    if choice is None or choice.metric != CARRIED:
        return None
    return ceiling_scores(choice.best.entries).known(CARRIED).on(choice.best.measured(CARRIED))


def too_weak(
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
    steps = fewest_steps(entries)
    if gain.high < 0 or (gain.mean < 0 and stopped_early(steps)):
        return TooWeak(rival, real, gain, steps)
    return None
