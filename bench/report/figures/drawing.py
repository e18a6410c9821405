"""A drawn figure and what has to be said under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from bench.base.sentences import joined
from bench.report.figures.subject import Subject, label
from bench.scores.departures import Trained, told
from bench.scores.entry import Entry


@dataclass(frozen=True)
class Drawing:
    """A figure before it is written.

    Attributes:
        figure: what was drawn.
        words: what the caption says of this figure and of no other.
        entries: the cells it shows.
        triplets: how many test triplets it is made of; 0 where it is made of none.
        numbers: the points of its curves as CSV, where they are in no table.
    """

    figure: Figure
    words: str
    entries: Sequence[Entry]
    triplets: int = 0
    numbers: str = ""


def caption(title: str, drawing: Drawing, subject: Subject) -> str:
    """The whole caption: what it shows, of which cells, and what a reader has to know of them."""
    facts = drawing.entries[0].dataset
    name = f"`{subject.dataset}`"
    if facts.title not in ("", subject.dataset):  # one's own volume has no other
        name = f"{facts.title} ({name})"
    sentences = [
        f"{title} {drawing.words}",
        f"Dataset: {name}, {'; '.join(_circumstances(drawing, subject))}.",
    ]
    names = (
        Trained(f"`{entry.cell.loss}`", label(entry), entry.record.config)
        for entry in drawing.entries
        if entry.trained
    )
    sentences += filter(None, [told(names)])
    unfinished = [_state(entry) for entry in subject.leading if entry.record.status != "done"]
    if unfinished:
        sentences.append(f"Not finished: {'; '.join(unfinished)}.")
    warnings = dict.fromkeys(
        f"{label(entry)}: {warning}" for entry in drawing.entries for warning in _warnings(entry)
    )
    if warnings:
        sentences.append(f"Remarks: {'; '.join(warnings)}.")
    drawn = {f"preset {entry.cell.preset}" for entry in drawing.entries}
    if others := [other for other in subject.others if other not in drawn]:
        sentences.append(f"The store also has {', '.join(others)}, not shown here.")
    if facts.credit:
        sentences.append(f"Data: {facts.credit.rstrip('.')}.")
    return " ".join(sentences)


def _circumstances(drawing: Drawing, subject: Subject) -> list[str]:
    parts = [f"fold {subject.fold}"]
    trained = [entry for entry in drawing.entries if entry.trained]
    if trained:
        presets = dict.fromkeys(entry.cell.preset for entry in trained)
        note = " (a short training: no verdict on the methods)" if [*presets] == ["quick"] else ""
        parts.append(f"preset {joined(presets)}{note}")
        counts = {len(found) for entry in trained if (found := subject.seeds(entry))}
        if counts:
            parts.append(f"seeds: {' to '.join(map(str, sorted({min(counts), max(counts)})))}")
    if drawing.triplets:
        every = drawing.entries[0].dataset.triplets.get("test")
        of = f" of {every}" if every and every != drawing.triplets else ""
        plural = "" if drawing.triplets == 1 and not of else "s"
        parts.append(f"{drawing.triplets}{of} test triplet{plural}")
    return parts


def _state(entry: Entry) -> str:
    failure = entry.record.failure
    if failure is None:
        return f"{label(entry)} ({entry.record.status})"
    reason = (failure.reason.splitlines() or ["no reason given"])[0].rstrip(".")
    return f"{label(entry)} (failed in {failure.stage}: {reason})"


def _warnings(entry: Entry) -> list[str]:
    return [warning.rstrip(".") for warning in entry.record.warnings]
