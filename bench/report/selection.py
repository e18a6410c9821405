"""What a report is about: which cells, and what has to be said of them."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bench.base.errors import UserError
from bench.base.words import unknown
from bench.cells.cell import NULL
from bench.cells.presets import PRESETS
from bench.cells.registry import METHODS
from bench.report.reported import Reported
from bench.scores.cautions import leakage_caution, saturation_caution
from bench.scores.departures import Trained, told
from bench.scores.measurement import Measurement
from bench.scores.membranes import boundary_f1
from bench.scores.results import Entry, Results, fullest_preset
from bench.store.records import NONE


@dataclass(frozen=True, eq=False)
class Selection:
    """The cells of one preset (and those that are not trained) on some datasets.

    Attributes:
        results: the whole store.
        datasets: in the paper's order, then the others by name.
        preset: of the trained cells.
        reported: what the paper states.
        profile: folder of what `bench profile` left.
    """

    results: Results
    datasets: tuple[str, ...]
    preset: str
    reported: Reported
    profile: Path

    @cached_property
    def entries(self) -> list[Entry]:
        """The cells of this preset and these datasets."""
        return [
            entry
            for entry in self.results.entries
            if entry.words["dataset"] in self.datasets
            and entry.words["preset"] in (self.preset, NONE)
        ]

    @cache  # noqa: B019 (a report is one selection and ends with it)
    def cells(self, methods: tuple[str, ...], loss: str, dataset: str) -> tuple[Entry, ...]:
        """The cells of a row: of the first spelling of the method that has any."""
        for method in methods:
            found = [
                entry
                for entry in self.entries
                if (entry.words["method"], entry.words["loss"], entry.words["dataset"])
                == (method, loss, dataset)
            ]
            if found:
                return tuple(sorted(found, key=_fold_and_seed))
        return ()

    @cache  # noqa: B019
    def scores(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """The image scores of a row on a dataset."""
        entries = self.cells(methods, loss, dataset)
        return Measurement(entries, tuple(entry.scores for entry in entries))

    @cache  # noqa: B019
    def unfiltered(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """The same with the triplets that were rejected."""
        entries = self.cells(methods, loss, dataset)
        return Measurement(entries, tuple(entry.unfiltered.scores for entry in entries))

    @cache  # noqa: B019
    def calibration(self, kind: str, dataset: str) -> Measurement:
        """The image scores of a kind of calibration frames, which lie with the null's."""
        entries = self.cells((NULL,), NONE, dataset)
        return Measurement(entries, tuple(entry.calibration.get(kind) for entry in entries))

    @cache  # noqa: B019
    def membranes(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """Dice and boundary F1 of a row on a dataset."""
        entries = self.cells(methods, loss, dataset)
        return Measurement(entries, tuple(entry.membranes for entry in entries), _with_f1)

    @cache  # noqa: B019
    def ceiling(self, dataset: str) -> Measurement:
        """The same of the real middle slices: one table a fold."""
        of_fold: dict[int, Entry] = {}
        for entry in self.entries:
            if entry.words["dataset"] == dataset and entry.ceiling is not None:
                of_fold.setdefault(entry.words["fold"], entry)
        entries = tuple(of_fold.values())
        return Measurement(entries, tuple(entry.ceiling for entry in entries), _with_f1)


def select(
    results: Results, datasets: tuple[str, ...], preset: str | None, reported: Reported,
    profile: Path,
) -> Selection:  # fmt: skip
    """Choose datasets and preset; what is not asked for is everything, and the fullest preset.

    Raises:
        UserError: the store has no such dataset or preset.
    """
    for dataset in datasets:
        if dataset not in results.datasets:
            unknown("result on a dataset", dataset, results.datasets)
    if preset is not None and not results.select(preset=preset):
        if preset not in PRESETS:
            unknown("preset", preset, list(PRESETS))
        raise UserError(f"No cell of the store has the preset '{preset}'; `bench run` makes them.")
    order = [name for name in reported.datasets if name in results.datasets]
    order += [name for name in results.datasets if name not in order]
    chosen = tuple(name for name in order if name in datasets or not datasets)
    default = fullest_preset(results.entries) or "quick"
    return Selection(results, chosen, preset or default, reported, profile)


def method_title(name: str) -> str:
    """What the paper calls a method, also where no cell of it is in the store."""
    base, bracket, options = name.partition("[")
    title = METHODS[base].title if base in METHODS else base
    return title + bracket + options


def loss_title(loss: str) -> str:
    """``L_s`` for ``ls``, with its options if it has any."""
    base, bracket, options = loss.partition("[")
    return f"L_{base[1:]}{bracket}{options}"


def row_title(entry_or_none: Entry | None, method: str, loss: str) -> str:
    """A row's label: ``SSAN-L_s``."""
    name = method_title(method)
    if entry_or_none is not None and "title" in entry_or_none.record.method:
        bracket, options = method.partition("[")[1:]
        name = f"{entry_or_none.record.method['title']}{bracket}{options}"
        if method == NULL:
            name += " (the null)"
    return name if loss == NONE else f"{name}-{loss_title(loss)}"


def training_note(preset: str, entries: list[Entry]) -> str:
    """How long the trained cells were trained, as their records say."""
    configs = [entry.record.config.get("preset") for entry in entries if entry.trained]
    budgets = [dict(budget) for budget in configs if isinstance(budget, dict)]
    if not budgets and preset in PRESETS:
        budgets = [dataclasses.asdict(PRESETS[preset])]  # type: ignore[index]
    return " or ".join(dict.fromkeys(map(_budget_words, budgets)))


def _budget_words(budget: dict[str, Any]) -> str:
    crop = budget.get("crop")
    if budget.get("samples") is not None:
        return f"{budget['samples']:,} training crops of {crop} pixels"
    return f"{budget.get('epochs')} epochs of crops of {crop} pixels"


def departures_of(entries: Iterable[Entry]) -> str:
    """Where the trainings of these cells are not the paper's, in a sentence; empty for nowhere."""
    return told(
        Trained(
            loss_title(entry.words["loss"]),
            row_title(entry, entry.words["method"], entry.words["loss"]),
            entry.record.config,
        )
        for entry in entries
        if entry.trained
    )


def dataset_notes(selection: Selection, dataset: str) -> list[str]:
    """What has to be known of a dataset: that it is not the paper's, and what leaks."""
    notes = []
    remark = selection.reported.datasets.get(dataset)
    notes.append(f"{dataset}: {remark or 'not in the paper'}.")
    entries = [entry for entry in selection.entries
               if entry.words["dataset"] == dataset and not entry.other_build]  # fmt: skip
    leakages = [float(entry.record.dataset.get("leakage") or 0.0) for entry in entries]
    leakage = max(leakages, default=0.0)
    saturated = max((_saturated(entry) for entry in entries), default=0.0)
    cautions = (leakage_caution(leakage), saturation_caution(saturated))
    return [*notes, *(f"{dataset}: {caution}" for caution in cautions if caution)]


def _saturated(entry: Entry) -> float:
    done = entry.record.stages.get("score")
    return float(done.facts.get("saturated", 0.0)) if done else 0.0


def method_notes(entries: tuple[Entry, ...]) -> list[str]:
    """Where a method departs from its paper."""
    notes = []
    for entry in entries:
        method = entry.record.method
        deviations = method.get("deviations") or []
        if deviations:
            title = method.get("title", entry.words["method"])
            notes.append(f"{title} departs from its paper: {'; '.join(deviations).rstrip('.')}.")
    return list(dict.fromkeys(notes))


def cell_notes(measurement: Measurement, wanted: int, seeds: Sequence[int]) -> list[str]:
    """What has to be known of a number: warnings, seeds without a number, few triplets.

    Args:
        measurement: behind the number.
        wanted: how many test triplets it should be a mean over.
        seeds: those that the caption names.
    """
    notes = []
    for entry, table in zip(measurement.entries, measurement.tables, strict=True):
        if table is None:
            notes.append(f"{_which(entry)} is not counted: {why_not(entry)}.")
            continue
        notes += [_sentence(warning) for warning in entry.record.warnings]
        limit = entry.record.config.get("max_triplets")
        if limit is not None:
            notes.append(f"--max-triplets {limit}: not all triplets were looked at.")
    if 0 < measurement.count < wanted:
        notes.append(f"Mean over {measurement.count} of {wanted} test triplets.")
    own = measurement.seeds
    if own and own != tuple(seeds):
        if len(own) == 1:
            notes.append(f"Seed {own[0]} only: its intervals are of this training.")
        else:
            notes.append(f"Seeds {', '.join(map(str, own))} only.")
    return list(dict.fromkeys(notes))


def why_not(entry: Entry) -> str:
    """Why a cell that is in the store has no number, in a few words."""
    record = entry.record
    if entry.damage:
        return "its files are damaged; repeat the run"
    if entry.other_build:
        return "it was computed on another build of the dataset; repeat the run"
    if record.failure is not None and record.status == "failed":
        reason = (record.failure.reason.strip() or "no reason given").splitlines()[0]
        return f"failed in {record.failure.stage}: {reason.rstrip('.')}"
    if record.status in ("interrupted", "running"):
        return unfinished(record.status)
    if entry.scores is not None and "no_membranes" in record.dataset:  # they are asked for
        lack = str(record.dataset["no_membranes"])
        return lack[:1].lower() + lack[1:].rstrip(".")
    if entry.outlier and entry.scores is not None:  # then it is the membranes that are asked for
        return (
            "another segmenter found its membranes than those of most cells; repeat its run with "
            "their `--segmenter`, `--segmenter-encoder`, `--segmenter-weights` and "
            "`--segmenter-steps`"
        )
    return "not computed yet: the run stopped before this stage"


def unfinished(status: str) -> str:
    """What is to be said of a cell without its last word: a killed one still says ``running``."""
    said = "interrupted" if status == "interrupted" else "still running, or interrupted"
    return f"{said}; the same `bench run` goes on from there"


def absence(measurement: Measurement, dataset: str, config: str) -> list[str]:
    """Why there is no number where there should be one."""
    if not measurement.entries:
        command = f"bench run --config configs/{config}.toml --dataset {shlex.quote(dataset)}"
        return [
            f"not run; `{command}` computes the whole table (long; its `ls` needs VGG16 weights)."
        ]
    return list(
        dict.fromkeys(f"{_which(entry)}: {why_not(entry)}." for entry in measurement.entries)
    )


def _with_f1(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(f1=boundary_f1(table))


def _which(entry: Entry) -> str:
    if not entry.trained:
        return f"{entry.title} on {entry.words['dataset']}"
    return f"{entry.title} on {entry.words['dataset']}, seed {entry.words['seed']}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _fold_and_seed(entry: Entry) -> tuple[int, int]:
    return entry.words["fold"], entry.words["seed"]
