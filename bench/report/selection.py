"""What a report is about: which cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from bench.base.errors import UserError
from bench.base.sentences import joined
from bench.base.words import unknown
from bench.cells.cell import NULL
from bench.cells.presets import PRESETS
from bench.cells.registry import LOSSES
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

OVER_LEFT_OUT = "over_left_out"  # what is carried less what is carried without a slice


@dataclass(frozen=True)
class Over:
    """What the table ``differences`` sets every row beside.

    Attributes:
        method: one row; empty for the row's own method.
        loss: it was trained under; empty where the method is not trained, or was under one alone.
    """

    method: str
    loss: str

    @classmethod
    def parse(cls, words: str) -> Over:
        """Read ``METHOD``, ``METHOD:LOSS`` or ``LOSS``."""
        if _is_loss(words):
            return cls("", words)
        method, _, loss = words.rpartition(":")
        return cls(method, loss) if _is_loss(loss) and method else cls(words, "")

    def is_base(self, method: str, loss: str, of: str) -> bool:
        """Whether a method under a loss is what a row of the method ``of`` is set beside."""
        return method == (self.method or of) and (not self.loss or loss == self.loss)


def _is_loss(words: str) -> bool:
    return words.partition("[")[0] in LOSSES


@dataclass(frozen=True)
class Shown:
    """What tables show of what there is; empty for what each shows by itself.

    Attributes:
        columns: metrics, and ``OVER_LEFT_OUT``, in their order, of tables that can show any.
        methods: rows of these methods.
        losses: of networks, rows of these losses.
        over: what ``differences`` sets the rows beside; without it there is no such table.
    """

    columns: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    over: Over | None = None

    @property
    def some_rows(self) -> bool:
        """Whether rows may be left out."""
        return bool(self.methods or self.losses)

    def of_every_row(self) -> Shown:
        """The same columns of all rows."""
        return replace(self, methods=(), losses=())

    def row(self, method: str, loss: str) -> bool:
        """Whether a method under a loss has a row."""
        own = not self.methods or method in self.methods
        return own and (loss == NONE or not self.losses or loss in self.losses)


EVERY_ROW = Shown()


@dataclass(frozen=True, eq=False)
class Selection:
    """The cells of one preset (and those that are not trained) on some datasets.

    Attributes:
        results: the whole store.
        datasets: in the paper's order, then the others by name.
        preset: of the trained cells.
        reported: what the paper states.
        profile: folder of what `bench profile` left.
        shown: which rows and columns tables have.
    """

    results: Results
    datasets: tuple[str, ...]
    preset: str
    reported: Reported
    profile: Path
    shown: Shown = EVERY_ROW

    @cached_property
    def entries(self) -> list[Entry]:
        """The cells of this preset and these datasets that have a row."""
        return [e for e in self.every if self.shown.row(e.cell.method, e.cell.loss)]

    @cached_property
    def every(self) -> list[Entry]:
        """Those without a row too: gains, references, claims and what to take rest on all."""
        return [
            entry
            for entry in self.results.entries
            if entry.cell.dataset in self.datasets and entry.cell.preset in (self.preset, NONE)
        ]

    @cached_property
    def answers(self) -> list[Answer]:
        """What to take, one answer a dataset."""
        return answers(self.every)

    @cache  # noqa: B019 (a report is one selection and ends with it)
    def cells(self, methods: tuple[str, ...], loss: str, dataset: str) -> tuple[Entry, ...]:
        """The cells of a row: of the first spelling of the method that has any."""
        for method in methods:
            found = [
                entry
                for entry in self.every
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
        for entry in self.every:
            if entry.cell.dataset == dataset and kind in entry.references:
                of_fold.setdefault(entry.cell.fold, entry)
        return reference_scores(of_fold.values(), kind)

    @cache  # noqa: B019
    def ceiling(self, dataset: str) -> Measurement:
        """The same of the real middle slices: one table a fold."""
        of_fold: dict[int, Entry] = {}
        for entry in self.every:
            if entry.cell.dataset == dataset and entry.ceiling is not None:
                of_fold.setdefault(entry.cell.fold, entry)
        return ceiling_scores(of_fold.values())


def select(
    results: Results,
    datasets: tuple[str, ...],
    preset: str | None,
    reported: Reported,
    profile: Path,
    shown: Shown = EVERY_ROW,
) -> Selection:
    """Choose datasets and preset; what is not asked for is everything, and the fullest preset.

    Raises:
        UserError: the store has no such dataset, preset, method or loss, or not together.
    """
    _check_rows(results, shown)
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
    selection = Selection(results, chosen, preset or default, reported, profile, shown)
    if selection.every and not selection.entries:
        raise UserError(
            f"No cell on {', '.join(chosen)} is of these methods and losses; take others for "
            "--methods or --losses."
        )
    return selection


def _check_rows(results: Results, shown: Shown) -> None:
    cells = [entry.cell for entry in results.entries]
    for what, asked, known in (
        ("result of a method", shown.methods, {cell.method for cell in cells}),
        ("result of a loss", shown.losses, {cell.loss for cell in cells} - {NONE}),
    ):
        for word in asked:
            if word not in known:
                unknown(what, word, sorted(known))
    if shown.over is not None:
        _check_over(shown.over, {(cell.method, cell.loss) for cell in cells})


def _check_over(over: Over, rows: set[tuple[str, str]]) -> None:
    """Refuse what is not one row, or no loss of any row."""
    found = sorted(row for row in rows if over.is_base(*row, of=row[0]))
    if not found:
        named = sorted(name if loss == NONE else f"{name}:{loss}" for name, loss in rows)
        unknown("row", ":".join(filter(None, [over.method, over.loss])), named)
    if over.method and len(found) > 1:
        losses = joined((f"--over '{name}:{loss}'" for name, loss in found), "or")
        raise UserError(f"'{over.method}' was trained under {len(found)} losses; say {losses}.")


def _fold_and_seed(entry: Entry) -> tuple[int, int]:
    return entry.cell.fold, entry.cell.seed
