"""Tables 1, 3 and 4: image scores of methods on datasets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bench.cells.cell import NULL
from bench.report.absence import absence, cell_notes
from bench.report.calibration_rows import calibration_rows
from bench.report.caption import caption
from bench.report.remarks import beside_paper, dataset_notes, method_notes
from bench.report.score_cells import dashes, gain_cells, mean_cells
from bench.report.score_rows import AGGREGATIONS, EXTRACTORS, Line, ablation, all_methods
from bench.report.selection import Selection
from bench.report.table import Column, Notes, Table, TableCell, TableRow
from bench.scores.columns import SHOWN
from bench.scores.measurement import Measurement, every_seed
from bench.scores.metrics import METRICS
from bench.scores.skill import gained
from bench.scores.standings import Standing, comparable, not_ranked, standings
from bench.store.records import NONE

PAPER_METRICS = ("psnr", "ssim", "ie")


def extractors(selection: Selection) -> list[Table]:
    """Table 1: U-Net, SU-Net, RDN and SRDN in front of the same attention."""
    lines = ablation(selection, EXTRACTORS)
    return [_paper_form(selection, "1", "Feature extractors of SSAN", lines)]


def aggregations(selection: Selection) -> list[Table]:
    """Table 3: kernel estimation, one-level and two-level attention behind the same features."""
    lines = ablation(selection, AGGREGATIONS)
    return [_paper_form(selection, "3", "What SSAN gathers pixels with", lines)]


def methods(selection: Selection) -> list[Table]:
    """Table 4, as in the paper and extended by what blur cannot win and by every variant."""
    lines = all_methods(selection, ablations=False)
    return [
        _paper_form(selection, "4", "Methods and losses", lines),
        _extended(selection, all_methods(selection, ablations=True)),
    ]


@dataclass(frozen=True)
class _Making:
    """A table while it is made.

    Attributes:
        selection: what the report is about.
        lines: its rows.
        metrics: the means it shows.
        config: the configuration that fills it.
        notes: its footnotes.
    """

    selection: Selection
    lines: Sequence[Line]
    metrics: Sequence[str]
    config: str
    notes: Notes = field(default_factory=Notes)

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that any row was run on; all of them if there is none."""
        found = tuple(name for name in self.selection.datasets if self._any(name))
        return found or self.selection.datasets

    def _any(self, dataset: str) -> bool:
        return any(
            self.selection.cells(line.methods, line.loss, dataset)
            for line in self.lines
            if line.methods
        )

    @cached_property
    def measured(self) -> dict[str, list[Measurement]]:
        """What the rows measured, by dataset; headings are left out."""
        return {
            name: [self.of(line, name) for line in self.lines if line.methods]
            for name in self.datasets
        }

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """All that were trained."""
        return every_seed(each for found in self.measured.values() for each in found)

    @cached_property
    def standing(self) -> dict[tuple[str, str], list[Standing]]:
        """Places in every column; rows under different headings are not set against each other."""
        blocks = _blocks(self.lines)
        places = {}
        for dataset in self.datasets:
            rows = comparable([self.of(line, dataset) for line in self.lines])
            for metric in self.metrics:
                column: list[Standing] = [Standing()] * len(self.lines)
                for block in blocks:
                    found = standings([rows[i] for i in block], metric, METRICS[metric].better)
                    for i, place in zip(block, found, strict=True):
                        column[i] = place
                places[dataset, metric] = column
        return places

    @property
    def gains(self) -> tuple[str, ...]:
        """The metrics whose gain over the null it may show."""
        return gained(self.metrics)

    @property
    def ties(self) -> bool:
        """Whether any mean cannot be told apart from the best."""
        return any(place.tie for column in self.standing.values() for place in column)

    def of(self, line: Line, dataset: str) -> Measurement:
        """What a row measured on a dataset."""
        return self.selection.scores(line.methods, line.loss, dataset)

    def label_marks(self, line: Line, datasets: Sequence[str]) -> tuple[str, ...]:
        """Where a method departs from its paper, and on which datasets it is not ranked."""
        cells = [self.selection.cells(line.methods, line.loss, name) for name in datasets]
        notes = method_notes(tuple(cell for found in cells for cell in found))
        for name in datasets:
            notes += not_ranked(self.of(line, name), self.measured[name], name)
        return self.notes.mark(*notes)

    def means(self, row: int, dataset: str, *, spread: bool = False) -> list[TableCell]:
        """The means of a row on a dataset; dashes with the reason where there are none."""
        measurement = self.of(self.lines[row], dataset)
        if measurement.scores is None:
            marks = self.notes.mark(*absence(measurement, dataset, self.config))
            return dashes(len(self.metrics), marks)
        wanted = _most(self.selection, dataset)
        marks = self.notes.mark(*cell_notes(measurement, wanted, self.seeds))
        own = [self.standing[dataset, metric][row] for metric in self.metrics]
        return mean_cells(measurement, self.metrics, own, self.notes, marks, spread=spread)

    def skills(self, row: int, dataset: str) -> list[TableCell]:
        """The gains of a row over the null."""
        line = self.lines[row]
        measurement = self.of(line, dataset)
        if measurement.scores is None:
            marks = self.notes.mark(*absence(measurement, dataset, self.config))
            return dashes(len(self.gains), marks)
        if line.methods == (NULL,):
            return dashes(len(self.gains), self.notes.mark("the null itself."))
        null = self.selection.scores((NULL,), NONE, dataset)
        return gain_cells(measurement, null, self.gains, dataset, self.notes)


def _paper_form(selection: Selection, name: str, title: str, lines: Sequence[Line]) -> Table:
    """Methods down, datasets and the paper's three metrics across."""
    metrics = _chosen(selection, PAPER_METRICS)
    making = _Making(selection, lines, metrics, f"table{name}")
    columns = _columns(making)
    rows = []
    for i, line in enumerate(lines):
        if not line.methods:
            rows.append(TableRow(line.label, rule=line.rule))
            continue
        marks = making.label_marks(line, making.datasets)
        cells = [cell for dataset in making.datasets for cell in making.means(i, dataset)]
        rows.append(TableRow(line.label, tuple(cells), marks, line.rule))
    words = caption(selection, title, making.measured)
    notes = making.notes.listed(ties=making.ties)
    return Table(name, words, "Method", columns, tuple(rows), notes)


def _extended(selection: Selection, lines: Sequence[Line]) -> Table:
    """A block of rows a dataset; means with half their 95 % interval, and the skill."""
    metrics = _chosen(selection, SHOWN)
    making = _Making(selection, lines, metrics, "table4")
    notes = making.notes
    rows: list[TableRow] = []
    for dataset in making.datasets:
        marks = notes.mark(*dataset_notes(selection, dataset))
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        for i, line in enumerate(lines):
            marks = making.label_marks(line, [dataset])
            cells = [*making.means(i, dataset, spread=True), *making.skills(i, dataset)]
            rows.append(TableRow(line.label, tuple(cells), marks))
        rows += calibration_rows(selection, dataset, metrics, notes)
    columns = [Column(METRICS[metric].title) for metric in metrics]
    columns += [Column(METRICS[metric].title, f"Gain over `{NULL}`") for metric in making.gains]
    words = caption(
        selection,
        "Methods and losses",
        making.measured,
        "A number behind ± is half the 95 % interval over columns of tiles and blocks of slices.",
        *(["Sharpness is best at 1."] if "sharpness" in metrics else []),
        *(["A gain is paired over the same triplets."] if making.gains else []),
    )
    listed = notes.listed(ties=making.ties)
    return Table("4_extended", words, "Method", tuple(columns), tuple(rows), listed)


def _chosen(selection: Selection, usual: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics of pixels among the columns that are asked for, or else the usual ones."""
    return tuple(name for name in selection.shown.columns if name in METRICS) or usual


def _columns(making: _Making) -> tuple[Column, ...]:
    marks = {
        name: making.notes.mark(
            *beside_paper(making.selection, name), *dataset_notes(making.selection, name)
        )
        for name in making.datasets
    }
    return tuple(
        Column(METRICS[metric].title, name, marks[name])
        for name in making.datasets
        for metric in making.metrics
    )


def _blocks(lines: Sequence[Line]) -> list[list[int]]:
    blocks: list[list[int]] = [[]]
    for i, line in enumerate(lines):
        if line.methods:
            blocks[-1].append(i)
        else:
            blocks.append([])
    return blocks


def _most(selection: Selection, dataset: str) -> int:
    """How many test triplets the fullest cells of a dataset have."""
    pairs = {(e.cell.method, e.cell.loss) for e in selection.entries if e.cell.dataset == dataset}
    return max(selection.scores((method,), loss, dataset).count for method, loss in pairs)
