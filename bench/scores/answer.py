"""What a run says to whoever has to choose: a method, how sure that is, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.scores.choice import CARRIED, FRC, PSNR, RAND, Choice, choose
from bench.scores.contenders import by_dataset, contenders
from bench.scores.entry import Entry
from bench.scores.left_out import (
    LeftOut,
    TooWeak,
    ceiling_of,
    strongest,
    too_weak,
    ways_to_leave_out,
)
from bench.scores.rests_on import RestsOn, rests_on
from bench.scores.statistics import Interval


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
        return strongest(self.left_out)

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
    neurites = choose(rivals, CARRIED)
    lacks = "" if neurites else _lacks(entries)
    neurites = neurites or choose(rivals, RAND)
    left_out = dict(ways_to_leave_out(neurites))
    psnr = choose(rivals, PSNR)
    ceiling = ceiling_of(neurites)
    return Answer(
        dataset,
        neurites,
        left_out,
        too_weak(neurites, strongest(left_out), ceiling),
        None if ceiling is None else ceiling.mean(CARRIED),
        lacks,
        psnr,
        choose(rivals, FRC),
        rests_on(rivals, neurites, psnr),
    )


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
