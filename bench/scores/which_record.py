"""Which of several records of one cell counts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.scores.comparable_cells import Place, build_of, place_of
from bench.scores.entry import CellName, Entry
from bench.triplets.file import TripletFile

CUTS = ("max_triplets", "samples")  # settings that compute less of a cell than there is
_LENGTHS = {*CUTS, "validations"}  # a trial, or another budget: the figure of budgets has those

_OF_FOLD = ("dataset", "tested", "loss.teacher")  # each fold has triplets and segmenters of its own


def one_each(
    entries: Sequence[Entry],
    rank: Callable[[Entry], Any],
    name: Callable[[Entry], Hashable] = lambda entry: entry.cell,
) -> list[Entry]:
    """The entry of the highest rank of each name; of two as high, the earlier in the list."""
    chosen: dict[Hashable, Entry] = {}
    for entry in entries:
        own = name(entry)
        chosen[own] = max(chosen.get(own, entry), entry, key=rank)
    return list(chosen.values())


def whole_rank(entry: Entry, files: Mapping[Place, TripletFile]) -> tuple[Any, ...]:
    """What counts more in a report: the build at hand, whole tables, all of it, the newest."""
    file, record = files.get(place_of(entry)), entry.record
    return (
        file is not None and file.fingerprint == build_of(entry),
        not entry.damage,
        all(record.config.get(name) is None for name in CUTS),
        record.status == "done",
        age(entry),
    )


def age(entry: Entry) -> tuple[str, str]:
    """When a cell was last at work; of two in one second the order of their folders decides."""
    return entry.record.finished or entry.record.started, str(entry.folder)


def with_others(entries: Sequence[Entry], every: Sequence[Entry]) -> list[Entry]:
    """The cells, marked where the store has others of their name, computed under other settings."""
    named: dict[CellName, list[Entry]] = {}
    for each in every:
        if each.record.status == "done":
            named.setdefault(each.cell, []).append(each)
    # Whoever is alone stays itself: its tables were read, and their folder may soon be gone.
    return [
        replace(entry, others=differing)
        if (differing := _differing(entry, named.get(entry.cell, [])))
        else entry
        for entry in entries
    ]


def mixtures(entries: Iterable[Entry]) -> list[str]:
    """A sentence for each mean over seeds and folds that were not computed alike."""
    rows: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        cell = entry.cell
        if entry.scores is not None:
            rows.setdefault((cell.method, cell.loss, cell.dataset, cell.preset), []).append(entry)
    return [
        f"{own[0].title} on {own[0].cell.dataset} is a mean over cells with different settings "
        f"({', '.join(names)}); repeat the runs of those that are not meant."
        for own in rows.values()
        if (names := _mixed(own))
    ]


def _mixed(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The settings in which cells differ beside the length, their seed and what a fold has."""
    first, *rest = entries
    found: dict[str, None] = {}
    for other in rest:
        same = other.cell.fold == first.cell.fold
        expected = {"seed"} if same else {"seed", *_OF_FOLD}
        names = [name for name in _apart(first, other) if name not in expected]
        found |= dict.fromkeys(word for word in map(_word, names) if word not in _LENGTHS)
    return tuple(found)


def _differing(entry: Entry, others: Sequence[Entry]) -> tuple[str, ...]:
    """The settings in which others differ from a cell on the same triplets, but for the length."""
    found: dict[str, None] = {}
    for other in others:
        names = [_word(name) for name in _apart(entry, other)]
        if build_of(other) == build_of(entry) and set(names) - _LENGTHS:
            found |= dict.fromkeys(names)
    return tuple(found)


def _apart(one: Entry, other: Entry) -> list[str]:
    """The settings in which two cells differ."""
    own, theirs = (dict(_leaves(each.record.config)) for each in (one, other))
    return [name for name in own | theirs if own.get(name) != theirs.get(name)]


def _leaves(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


def _word(name: str) -> str:
    """What a reader calls a setting: revisions are of the code, all else has its own name."""
    last = name.rpartition(".")[2]
    return "code" if last.endswith("revision") else last
