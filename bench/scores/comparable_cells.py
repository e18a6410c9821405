"""Which cells of a dataset can be compared: those of one build of it, and of one segmenter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.scores.entry import Entry
from bench.triplets.file import TripletFile

Place = tuple[str, int]  # dataset and fold


def place_of(entry: Entry) -> Place:
    """The dataset and the fold of a cell."""
    return entry.cell.dataset, entry.cell.fold


def build_of(entry: Entry) -> str:
    """The fingerprint of the build of its dataset that a cell saw."""
    return entry.dataset.fingerprint


def with_other_builds(entries: Sequence[Entry], files: Mapping[Place, TripletFile]) -> list[Entry]:
    """The cells, marked where the build of their dataset is not the one that counts.

    That is the one at hand, or the one that most cells saw if none saw that one.
    """
    seen = {(place_of(entry), build_of(entry)) for entry in entries}
    usual = _usual(entries, build_of) | {
        place: file.fingerprint
        for place, file in files.items()
        if (place, file.fingerprint) in seen
    }
    return [
        entry if build_of(entry) == usual[place_of(entry)] else replace(entry, other_build=True)
        for entry in entries
    ]


def with_outliers(entries: Sequence[Entry]) -> list[Entry]:
    """The cells, marked where their segmenter is not the one of most of its dataset's cells."""
    usual = _usual([entry for entry in entries if entry.membranes is not None], _segmenter)
    return [
        replace(entry, outlier=True)
        if entry.membranes is not None and _segmenter(entry) != usual[place_of(entry)]
        else entry
        for entry in entries
    ]


def with_other_seconds(entries: Sequence[Entry]) -> list[Entry]:
    """The cells, marked where their second judge is not the one of most of its dataset's cells."""
    twice = [entry for entry in entries if entry.second_judge]
    usual = _usual(twice, lambda entry: entry.second_judge)
    return [
        replace(entry, other_second=True)
        if entry.second_judge and entry.second_judge != usual[place_of(entry)]
        else entry
        for entry in entries
    ]


def told(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each dataset with cells of another build, each outlier, each name twice."""
    counts = Counter(entry.cell.dataset for entry in entries if entry.other_build)
    builds = [
        f"{count} cell{'s' if count > 1 else ''} of '{name}' "
        f"{'were' if count > 1 else 'was'} computed on another build of it and "
        f"{'are' if count > 1 else 'is'} left out; repeat the run of their methods."
        for name, count in counts.items()
    ]
    return (
        builds
        + [
            f"The membranes of {entry.title} on {entry.cell.dataset} were found by another "
            "segmenter than those of most cells and are left out; repeat their runs with the same "
            "segmenter options."
            for entry in entries
            if entry.outlier
        ]
        + [
            f"The second judge of {entry.title} on {entry.cell.dataset} is another than that of "
            "most cells, and what it says is left out; repeat its run with the same segmenter "
            "options."
            for entry in entries
            if entry.other_second
        ]
        + [
            f"{entry.title} on {entry.cell.dataset}, seed {entry.cell.seed}: {others_words(entry)}"
            for entry in entries
            if entry.others
        ]
    )


def others_words(entry: Entry) -> str:
    """That other cells of its name are not shown, in a sentence."""
    return (
        f"the store has others of this name, with other settings ({', '.join(entry.others)}); the "
        "newest of those that were not cut short is shown."
    )


def _usual(entries: Sequence[Entry], of: Callable[[Entry], Any]) -> dict[Place, Any]:
    """What most cells of a dataset and fold have; of two as frequent, what the newest has."""
    found: dict[Place, Counter[Any]] = {}
    for entry in sorted(entries, key=lambda entry: entry.record.started, reverse=True):
        found.setdefault(place_of(entry), Counter())[of(entry)] += 1
    return {place: counts.most_common(1)[0][0] for place, counts in found.items()}


def _segmenter(entry: Entry) -> tuple[str | None, str | None]:
    """The folder of the segmenter that found a cell's membranes, and its weights."""
    facts = entry.facts.segment
    return (None, None) if facts is None else (facts.ceiling, facts.segmenter)
