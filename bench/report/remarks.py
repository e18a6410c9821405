"""What has to be said of trainings, datasets and methods beside their figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from bench.cells.presets import PRESETS
from bench.report.selection import Selection
from bench.report.titles import loss_title, row_title
from bench.scores.cautions import leakage_caution, pixel_size_caution, saturation_caution
from bench.scores.comparable_cells import others_words
from bench.scores.departures import Trained, budget_words, told
from bench.scores.entry import Entry
from bench.scores.which_record import mixtures


def training_note(preset: str, entries: list[Entry]) -> str:
    """How long the trained cells were trained, as their records say; who was otherwise is named."""
    lengths: dict[str, list[Entry]] = {}
    for entry in entries:
        budget = entry.record.config.get("preset")
        if entry.trained and isinstance(budget, dict):
            lengths.setdefault(budget_words(budget), []).append(entry)
    if not lengths:
        return budget_words(dataclasses.asdict(PRESETS[preset])) if preset in PRESETS else ""
    usual = max(lengths, key=lambda words: len(lengths[words]))
    return " or ".join(
        words if words == usual else f"{words} ({', '.join(_rows(own, entries))})"
        for words, own in lengths.items()
    )


def _rows(some: Sequence[Entry], every: Sequence[Entry]) -> Iterable[str]:
    """The rows that some cells are of, and on which datasets where there are several."""
    several = len({entry.cell.dataset for entry in every}) > 1
    return dict.fromkeys(
        row_title(entry, entry.cell.method, entry.cell.loss)
        + (f" on {entry.cell.dataset}" if several else "")
        for entry in some
    )


def departures_of(entries: Iterable[Entry]) -> str:
    """Where the trainings of these cells are not the paper's, in a sentence; empty for nowhere."""
    return told(
        Trained(
            loss_title(entry.cell.loss),
            row_title(entry, entry.cell.method, entry.cell.loss),
            entry.record.config,
        )
        for entry in entries
        if entry.trained
    )


def dataset_notes(selection: Selection, dataset: str) -> list[str]:
    """What has to be known of a dataset: how it differs from the paper's, and what leaks."""
    remark = selection.reported.datasets.get(dataset)
    notes = [f"{dataset}: {remark}."] if remark else []
    entries = [entry for entry in selection.every
               if entry.cell.dataset == dataset and not entry.other_build]  # fmt: skip
    leakages = [entry.dataset.leakage or 0.0 for entry in entries]
    leakage = max(leakages, default=0.0)
    saturated = max((_saturated(entry) for entry in entries), default=0.0)
    cautions = (leakage_caution(leakage), saturation_caution(saturated))
    return [*notes, *(f"{dataset}: {caution}" for caution in cautions if caution)]


def beside_paper(selection: Selection, dataset: str) -> list[str]:
    """In a table of the paper's layout: which dataset is none of those that it shows beside."""
    known = selection.reported.datasets
    if dataset in known or not any(name in known for name in selection.datasets):
        return []
    return [f"{dataset}: not in Wang et al. 2021."]


def membrane_notes(selection: Selection, dataset: str) -> list[str]:
    """The same where membranes were segmented, and what their scores rest on."""
    notes = dataset_notes(selection, dataset)
    entries = [entry for entry in selection.every if entry.cell.dataset == dataset]
    cautions = dict.fromkeys(entry.segmenter_caution for entry in entries)
    notes += [f"{dataset}: {caution}." for caution in cautions if caution]
    said = dict.fromkeys(pixel_size_caution(dataset, entry.dataset) for entry in entries)
    notes += filter(None, said)
    doubts = [d for entry in entries for d in entry.dataset.doubts]
    notes += [f"{dataset}: {doubt}" for doubt in dict.fromkeys(doubts)]
    facts = [entry.facts.segment for entry in entries]
    if any(each is not None and each.reference == "agreement" for each in facts):
        notes.append(
            f"{dataset}: agreement scoring: no labels, so membranes are compared with what the "
            "segmenter finds in the real slice."
        )
    return notes


def _saturated(entry: Entry) -> float:
    return float(entry.facts.score.saturated) if entry.facts.score else 0.0


def method_notes(entries: tuple[Entry, ...]) -> list[str]:
    """Where a method departs from its paper, what else of its name is not shown, what is mixed."""
    notes = []
    for entry in entries:
        if entry.others:
            words = others_words(entry)
            notes.append(words[:1].upper() + words[1:])
        if deviations := entry.method.deviations:
            title = entry.method.title or entry.cell.method
            notes.append(f"{title} departs from its paper: {'; '.join(deviations).rstrip('.')}.")
    return list(dict.fromkeys([*notes, *mixtures(entries)]))
