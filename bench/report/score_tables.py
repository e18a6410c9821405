"""Tables 1, 3 and 4: image scores of methods on datasets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.cells.cell import NULL
from bench.cells.registry import METHODS
from bench.report.absence import absence, cell_notes
from bench.report.calibration_rows import calibration_rows
from bench.report.caption import caption
from bench.report.remarks import dataset_notes, method_notes
from bench.report.score_cells import dashes, gain_cells, mean_cells
from bench.report.selection import Selection
from bench.report.table import Column, Notes, Table, TableCell, TableRow
from bench.report.titles import loss_title, row_title
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement, every_seed
from bench.scores.metrics import METRICS
from bench.scores.skill import SKILLS
from bench.scores.standings import Standing, comparable, not_ranked, standings
from bench.store.records import NONE

PAPER_METRICS = ("psnr", "ssim", "ie")
_EXTENDED = (*PAPER_METRICS, "frc_10", "frc_25", "sharpness")
_LOSSES = ("l1", "lf", "ls")

# Each row with every spelling of its variant.
EXTRACTORS = {
    "U-Net": ("ssan[extractor=unet]",),
    "SU-Net": ("ssan[extractor=sunet]",),
    "RDN": ("ssan[extractor=rdn]",),
    "SRDN": ("ssan", "ssan[extractor=srdn]"),
}
AGGREGATIONS = {
    "KEL": ("ssan[aggregation=kel]",),
    "SSA": ("ssan[aggregation=ssa]",),
    "AAL": ("ssan", "ssan[aggregation=aal]"),
}
_COMPARED = [
    *(("sepconv", loss) for loss in ("l1", "lf", "ls")),
    *(("dain", loss) for loss in ("l1", "ls")),
    *(("ssan", loss) for loss in ("l1", "lf", "ls")),
]


@dataclass(frozen=True)
class Line:
    """A row before it is measured.

    Attributes:
        label: what stands in front.
        methods: the spellings of its variant; none for a heading.
        loss: it was trained under.
        rule: whether a line is drawn above.
    """

    label: str
    methods: tuple[str, ...] = ()
    loss: str = NONE
    rule: bool = False


def extractors(selection: Selection) -> list[Table]:
    """Table 1: U-Net, SU-Net, RDN and SRDN in front of the same attention."""
    lines = _ablation(selection, EXTRACTORS)
    return [_paper_form(selection, "1", "Feature extractors of SSAN", lines)]


def aggregations(selection: Selection) -> list[Table]:
    """Table 3: kernel estimation, one-level and two-level attention behind the same features."""
    lines = _ablation(selection, AGGREGATIONS)
    return [_paper_form(selection, "3", "What SSAN gathers pixels with", lines)]


def methods(selection: Selection) -> list[Table]:
    """Table 4, as in the paper and extended by what blur cannot win."""
    lines = _all_methods(selection)
    return [_paper_form(selection, "4", "Methods and losses", lines), _extended(selection, lines)]


def _ablation(selection: Selection, variants: dict[str, tuple[str, ...]]) -> list[Line]:
    """The rows under every loss that one of the variants (not SSAN itself) was trained under."""
    own = {name for spellings in variants.values() for name in spellings} - {"ssan"}
    found = {entry.cell.loss for entry in selection.entries if entry.cell.method in own}
    losses = [loss for loss in _LOSSES if loss in found] or ["ls"]
    lines = []
    for loss in losses:
        lines.append(Line(f"Under {loss_title(loss)}", rule=loss != losses[0]))
        lines += [Line(label, spellings, loss) for label, spellings in variants.items()]
    return lines


def _all_methods(selection: Selection) -> list[Line]:
    """The untrained methods, the paper's rows, and what else the store holds."""
    untrained = [name for name, method in METHODS.items() if method.kind != "trained"]
    pairs = [(name, NONE) for name in untrained]
    shown = {*pairs, *_COMPARED}
    ablations = {
        name for group in (EXTRACTORS, AGGREGATIONS) for names in group.values() for name in names
    }
    others = {(entry.cell.method, entry.cell.loss) for entry in selection.entries}
    rest = sorted(pair for pair in others - shown if pair[0] not in ablations)
    lines = [_line(selection, *pair) for pair in pairs]
    for group in (_COMPARED, rest):
        lines += [_line(selection, *pair, rule=pair == group[0]) for pair in group]
    return lines


def _line(selection: Selection, method: str, loss: str, *, rule: bool = False) -> Line:
    cells = [cell for name in selection.datasets for cell in selection.cells((method,), loss, name)]
    label = row_title(cells[0] if cells else None, method, loss)
    return Line(label, (method,), loss, rule)


def _paper_form(selection: Selection, number_: str, title: str, lines: list[Line]) -> Table:
    """Methods down, datasets and the paper's three metrics across."""
    notes = Notes()
    datasets = _with_cells(selection, lines)
    columns = _columns(selection, datasets, notes)
    measured = _measurements(selection, lines, datasets)
    seeds = every_seed(each for found in measured.values() for each in found)
    standing = _standing(selection, lines, datasets, PAPER_METRICS)
    rows = []
    for i, line in enumerate(lines):
        if not line.methods:
            rows.append(TableRow(line.label, rule=line.rule))
            continue
        marks = notes.mark(*_row_notes(selection, line, measured))
        cells = [
            cell
            for dataset in datasets
            for cell in _means(
                selection, line, dataset, f"table{number_}", notes, seeds,
                [standing[dataset, metric][i] for metric in PAPER_METRICS],
            )
        ]  # fmt: skip
        rows.append(TableRow(line.label, tuple(cells), marks, line.rule))
    words = caption(selection, title, measured)
    ties = any(s.tie for column in standing.values() for s in column)
    return Table(number_, words, "Method", columns, tuple(rows), notes.listed(ties=ties))


def _extended(selection: Selection, lines: list[Line]) -> Table:
    """A block of rows a dataset; means with half their 95 % interval, and the skill."""
    notes = Notes()
    datasets = _with_cells(selection, lines)
    measured = _measurements(selection, lines, datasets)
    seeds = every_seed(each for found in measured.values() for each in found)
    standing = _standing(selection, lines, datasets, _EXTENDED)
    rows: list[TableRow] = []
    for dataset in datasets:
        marks = notes.mark(*dataset_notes(selection, dataset))
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        for i, line in enumerate(lines):
            own = [standing[dataset, metric][i] for metric in _EXTENDED]
            label_marks = notes.mark(*_row_notes(selection, line, {dataset: measured[dataset]}))
            cells = [
                *_means(
                    selection, line, dataset, "table4", notes, seeds, own, _EXTENDED, spread=True
                ),
                *_skills(selection, line, dataset, notes),
            ]
            rows.append(TableRow(line.label, tuple(cells), label_marks))
        rows += calibration_rows(selection, dataset, _EXTENDED, notes)
    columns = [Column(METRICS[metric].title) for metric in _EXTENDED]
    columns += [Column(METRICS[metric].title, f"Gain over `{NULL}`") for metric in SKILLS]
    words = caption(
        selection, "Methods and losses", measured,
        "A number behind ± is half the 95 % interval over columns of tiles and blocks of slices. "
        "Sharpness is best at 1. A gain is paired over the same triplets.",
    )  # fmt: skip
    ties = any(s.tie for column in standing.values() for s in column)
    return Table(
        "4_extended", words, "Method", tuple(columns), tuple(rows), notes.listed(ties=ties)
    )


def _row_notes(
    selection: Selection, line: Line, measured: Mapping[str, Sequence[Measurement]]
) -> list[str]:
    """Where a method departs from its paper, and on which datasets it is not ranked."""
    notes = method_notes(_cells(selection, line, tuple(measured)))
    for dataset, every in measured.items():
        own = selection.scores(line.methods, line.loss, dataset)
        notes += not_ranked(own, every, dataset)
    return notes


def _means(
    selection: Selection, line: Line, dataset: str, config: str, notes: Notes,
    seeds: Sequence[int], standing: Sequence[Standing], metrics: Sequence[str] = PAPER_METRICS,
    *, spread: bool = False,
) -> list[TableCell]:  # fmt: skip
    measurement = selection.scores(line.methods, line.loss, dataset)
    if measurement.scores is None:
        marks = notes.mark(*absence(measurement, dataset, config))
        return dashes(len(metrics), marks)
    marks = notes.mark(*cell_notes(measurement, _most(selection, dataset), seeds))
    return mean_cells(measurement, metrics, standing, notes, marks, spread=spread)


def _skills(selection: Selection, line: Line, dataset: str, notes: Notes) -> list[TableCell]:
    measurement = selection.scores(line.methods, line.loss, dataset)
    if measurement.scores is None:
        marks = notes.mark(*absence(measurement, dataset, "table4"))
        return dashes(len(SKILLS), marks)
    if line.methods == (NULL,):
        return dashes(len(SKILLS), notes.mark("the null itself."))
    return gain_cells(measurement, selection.scores((NULL,), NONE, dataset), dataset, notes)


def _columns(selection: Selection, datasets: Sequence[str], notes: Notes) -> tuple[Column, ...]:
    marks = {name: notes.mark(*dataset_notes(selection, name)) for name in datasets}
    return tuple(
        Column(METRICS[metric].title, name, marks[name])
        for name in datasets
        for metric in PAPER_METRICS
    )


def _standing(
    selection: Selection, lines: list[Line], datasets: Sequence[str], metrics: Sequence[str]
) -> dict[tuple[str, str], list[Standing]]:
    """Places in every column; rows under different headings are not set against each other."""
    blocks = _blocks(lines)
    places = {}
    for dataset in datasets:
        rows = comparable([selection.scores(line.methods, line.loss, dataset) for line in lines])
        for metric in metrics:
            column: list[Standing] = [Standing()] * len(lines)
            for block in blocks:
                found = standings([rows[i] for i in block], metric, METRICS[metric].better)
                for i, place in zip(block, found, strict=True):
                    column[i] = place
            places[dataset, metric] = column
    return places


def _blocks(lines: list[Line]) -> list[list[int]]:
    blocks: list[list[int]] = [[]]
    for i, line in enumerate(lines):
        if line.methods:
            blocks[-1].append(i)
        else:
            blocks.append([])
    return blocks


def _cells(selection: Selection, line: Line, datasets: Sequence[str]) -> tuple[Entry, ...]:
    return tuple(
        cell for name in datasets for cell in selection.cells(line.methods, line.loss, name)
    )


def _measurements(
    selection: Selection, lines: list[Line], datasets: Sequence[str]
) -> dict[str, list[Measurement]]:
    return {
        name: [selection.scores(line.methods, line.loss, name) for line in lines if line.methods]
        for name in datasets
    }


def _with_cells(selection: Selection, lines: list[Line]) -> tuple[str, ...]:
    """The datasets that any row was run on; all of them if there is none."""
    found = tuple(name for name in selection.datasets if _any(selection, lines, name))
    return found or selection.datasets


def _any(selection: Selection, lines: list[Line], dataset: str) -> bool:
    return any(selection.cells(line.methods, line.loss, dataset) for line in lines if line.methods)


def _most(selection: Selection, dataset: str) -> int:
    """How many test triplets the fullest cells of a dataset have."""
    pairs = {(e.cell.method, e.cell.loss) for e in selection.entries if e.cell.dataset == dataset}
    return max(selection.scores((method,), loss, dataset).count for method, loss in pairs)
