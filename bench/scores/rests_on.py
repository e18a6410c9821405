"""What an answer rests on: triplets, places, trainings, and who is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.scores.ceiling import stopped_early
from bench.scores.choice import PSNR, Choice, apart
from bench.scores.contenders import Contender
from bench.scores.departures import budget_words, provisional
from bench.scores.entry import Entry, fewest_steps
from bench.scores.measurement import Measurement


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


def rests_on(rivals: Sequence[Contender], neurites: Choice | None, psnr: Choice | None) -> RestsOn:
    """What the choices among the rivals rest on."""
    trained = [each for each in rivals if each.trained and each.measured(PSNR).count]
    cells = [entry for each in trained for entry in each.entries]
    followed = None if neurites is None else neurites.best.measured(neurites.metric)
    others = apart(rivals, PSNR)
    compared = [entry for each in rivals if each not in others for entry in each.entries]
    cuts = [e.record.config.get("max_triplets") for e in compared if e.scores is not None]
    segmented = [entry.facts.segment for each in rivals for entry in each.entries]
    steps = fewest_steps(entry for each in rivals for entry in each.entries)
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
    pixels, *others = (apart(rivals, metric) for metric in dict.fromkeys([PSNR, *metrics]))
    membranes = {each: word for found in others for each, word in found.items()}
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
