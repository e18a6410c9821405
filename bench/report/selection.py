"""What a report is about: which cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from bench.base.errors import UserError
from bench.base.words import unknown
from bench.cells.cell import NULL
from bench.cells.presets import PRESETS
from bench.report.reported import Reported
from bench.scores.answer import Answer, answers
from bench.scores.cell_scores import (
    calibration_scores,
    ceiling_scores,
    image_scores,
    membrane_scores,
    reference_scores,
)
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.results import Results, fullest_preset
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
            if entry.cell.dataset in self.datasets and entry.cell.preset in (self.preset, NONE)
        ]

    @cached_property
    def answers(self) -> list[Answer]:
        """What to take, one answer a dataset."""
        return answers(self.entries)

    @cache  # noqa: B019 (a report is one selection and ends with it)
    def cells(self, methods: tuple[str, ...], loss: str, dataset: str) -> tuple[Entry, ...]:
        """The cells of a row: of the first spelling of the method that has any."""
        for method in methods:
            found = [
                entry
                for entry in self.entries
                if (entry.cell.method, entry.cell.loss, entry.cell.dataset)
                == (method, loss, dataset)
            ]
            if found:
                return tuple(sorted(found, key=_fold_and_seed))
        return ()

    @cache  # noqa: B019
    def scores(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """The image scores of a row on a dataset."""
        return image_scores(self.cells(methods, loss, dataset))

    @cache  # noqa: B019
    def unfiltered(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """The same with the triplets that were rejected."""
        return image_scores(self.cells(methods, loss, dataset), rejected=True)

    @cache  # noqa: B019
    def calibration(self, kind: str, dataset: str) -> Measurement:
        """The image scores of a kind of calibration frames, which lie with the null's."""
        return calibration_scores(self.cells((NULL,), NONE, dataset), kind)

    @cache  # noqa: B019
    def membranes(self, methods: tuple[str, ...], loss: str, dataset: str) -> Measurement:
        """The membrane scores of a row on a dataset."""
        return membrane_scores(self.cells(methods, loss, dataset))

    @cache  # noqa: B019
    def reference(self, kind: str, dataset: str) -> Measurement:
        """What becomes of neurites without a synthesised slice: one table a fold."""
        of_fold: dict[int, Entry] = {}
        for entry in self.entries:
            if entry.cell.dataset == dataset and kind in entry.references:
                of_fold.setdefault(entry.cell.fold, entry)
        return reference_scores(of_fold.values(), kind)

    @cache  # noqa: B019
    def ceiling(self, dataset: str) -> Measurement:
        """The same of the real middle slices: one table a fold."""
        of_fold: dict[int, Entry] = {}
        for entry in self.entries:
            if entry.cell.dataset == dataset and entry.ceiling is not None:
                of_fold.setdefault(entry.cell.fold, entry)
        return ceiling_scores(of_fold.values())


def select(
    results: Results,
    datasets: tuple[str, ...],
    preset: str | None,
    reported: Reported,
    profile: Path,
) -> Selection:
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


def _fold_and_seed(entry: Entry) -> tuple[int, int]:
    return entry.cell.fold, entry.cell.seed
