"""Table 5: what a frozen segmenter makes of the synthesised slices."""

from __future__ import annotations

import dataclasses

from bench.cells.cell import NULL
from bench.cells.registry import METHODS
from bench.report.absence import absence, cell_notes
from bench.report.caption import caption
from bench.report.remarks import beside_paper, membrane_notes, method_notes
from bench.report.score_cells import ends, spread_text
from bench.report.selection import Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow, number
from bench.report.titles import row_title
from bench.scores.ceiling import KINDS, TRUE_SEGMENTS
from bench.scores.measurement import Measurement, every_seed, fullest
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.standings import Standing, comparable, not_ranked, standings
from bench.store.records import NONE

_CARRIED = "carried"  # only of datasets where it is known
_METRICS = {"dice": "Dice", "boundary_f1": "F1"}
_DIGITS = 4
_CEILING = "Real slice (the ceiling)"
_CARRIED_IS = (
    "Carried: the share of neurites of the slice before that end on their own id in the slice "
    "after, through the segments of the synthesised slice. "
)
_Standings = dict[str, list[Standing]]  # by metric, a row each
_PAPER = [("sepconv", "ls"), ("dain", "ls"), ("ssan", "ls")]


def segmentation(selection: Selection) -> list[Table]:
    """Dice, boundary F1 and the gap in Dice to the real slice, for every segmented row."""
    notes = Notes()
    datasets = _with_membranes(selection)
    pairs = _pairs(selection)
    measured = {
        name: [selection.membranes((method,), loss, name) for method, loss in pairs]
        for name in datasets
    }
    marks = {
        name: notes.mark(*beside_paper(selection, name), *membrane_notes(selection, name))
        for name in datasets
    }
    columns = tuple(
        Column(title, name, marks[name])
        for name, rows in measured.items()
        for title in (*_front(rows).values(), "Gap in Dice", *_METRICS.values())
    )
    places = {name: _places(rows) for name, rows in measured.items()}
    rows = [_row(selection, measured, places, pairs, i, notes) for i in range(len(pairs))]
    rows += _compared_with(selection, measured, notes)
    words = caption(
        selection,
        "Membranes found in the synthesised slices",
        measured,
        (_CARRIED_IS if any(map(_front, measured.values())) else "")
        + "Dice: mean over slices. F1: boundary F1 of pooled counts. The gap is the Dice of the "
        "real slice less that of the synthesised one, by the same segmenter, ± half its 95 % "
        "interval.",
    )
    ties = any(cell.tie for row in rows for cell in row.cells)
    return [Table("5", words, "Method", columns, tuple(rows), notes.listed(ties=ties))]


def _front(rows: list[Measurement]) -> dict[str, str]:
    """The column that stands before the others on a dataset: its metric and title, or none."""
    known = any(each.mean(_CARRIED) is not None for each in rows)
    return {_CARRIED: MEMBRANE_METRICS[_CARRIED].title} if known else {}


def _places(rows: list[Measurement]) -> _Standings:
    """How each row stands among those of its dataset, by metric."""
    ranked = comparable(rows)
    return {name: standings(ranked, name, "higher") for name in (*_front(rows), *_METRICS)}


def _pairs(selection: Selection) -> list[tuple[str, str]]:
    """The untrained methods that were segmented, the paper's rows, then whatever else was.

    A cell whose membranes are left out keeps its row: the footnote says why.
    """
    found = {
        (entry.cell.method, entry.cell.loss)
        for entry in selection.entries
        if entry.membranes is not None or entry.outlier
    }
    untrained = [(name, NONE) for name, method in METHODS.items() if method.kind != "trained"]
    first = [pair for pair in untrained if pair in found or pair[0] == NULL]
    every = [*first, *_PAPER, *sorted(found - {*untrained, *_PAPER})]
    return [pair for pair in every if selection.shown.row(*pair)]


def _row(
    selection: Selection,
    measured: dict[str, list[Measurement]],
    places: dict[str, _Standings],
    pairs: list[tuple[str, str]],
    index: int,
    notes: Notes,
) -> TableRow:
    method, loss = pair = pairs[index]
    entries = tuple(e for rows in measured.values() for e in rows[index].entries)
    marks = notes.mark(*method_notes(entries), *_apart(measured, index))
    seeds = every_seed(each for rows in measured.values() for each in rows)
    cells: list[TableCell] = []
    for dataset, rows in measured.items():
        cells += _cells(selection, rows, places[dataset], index, dataset, seeds, notes)
    label = row_title(entries[0] if entries else None, method, loss)
    trained = [pair for pair in pairs if pair[1] != NONE]
    ruled = (*trained[:1], *_first_other(pairs))
    return TableRow(label, tuple(cells), marks, rule=index > 0 and pair in ruled)


def _first_other(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    untrained = [pair for pair in pairs if pair[1] == NONE]
    others = [pair for pair in pairs if pair not in (*untrained, *_PAPER)]
    return others[:1]


def _apart(measured: dict[str, list[Measurement]], index: int) -> list[str]:
    """On which datasets a row has fewer triplets than others, and what its gap is to."""
    notes = [
        note for name, rows in measured.items() for note in not_ranked(rows[index], rows, name)
    ]
    gap = "Its gap is to the real slice on its own triplets, not to the last row."
    return [*notes, gap] if notes else []


def _cells(
    selection: Selection,
    rows: list[Measurement],
    places: _Standings,
    index: int,
    dataset: str,
    seeds: tuple[int, ...],
    notes: Notes,
) -> list[TableCell]:
    measurement = rows[index]
    if measurement.scores is None:
        marks = notes.mark(*absence(measurement, dataset, "table5"))
        return [TableCell(DASH, marks=marks)] * (len(_front(rows)) + 1 + len(_METRICS))
    marks = notes.mark(*cell_notes(measurement, fullest(rows).count, seeds))
    placed = {metric: _mean(measurement, metric, found[index]) for metric, found in places.items()}
    gap = _gap(selection.ceiling(dataset), measurement, marks)
    return [*(placed[name] for name in _front(rows)), gap, *(placed[name] for name in _METRICS)]


def _gap(ceiling: Measurement, measurement: Measurement, marks: tuple[str, ...]) -> TableCell:
    gap = ceiling.gain(measurement, "dice")
    if gap is None:
        return TableCell(DASH, marks=marks)
    return TableCell(spread_text(gap, _DIGITS), gap.mean, *ends(gap), marks=marks)


def _mean(measurement: Measurement, metric: str, place: Standing) -> TableCell:
    mean = measurement.mean(metric)
    if mean is None:
        return TableCell(DASH)
    text = number(mean.mean, _DIGITS)
    return TableCell(text, mean.mean, *ends(mean), place.emphasis, place.tie)


def _compared_with(
    selection: Selection, measured: dict[str, list[Measurement]], notes: Notes
) -> list[TableRow]:
    """The real slices; around them, where neurites are known, what they are carried by else."""
    real = _ceiling(selection, measured, notes)
    if not any(map(_front, measured.values())):
        return [real]
    found = {kind: _reference(selection, measured, kind) for kind in KINDS}
    truth = found.pop(TRUE_SEGMENTS)
    rows = [*found.values(), dataclasses.replace(real, rule=False), truth]
    return [dataclasses.replace(rows[0], rule=True), *rows[1:]]


def _reference(selection: Selection, measured: dict[str, list[Measurement]], kind: str) -> TableRow:
    """Neurites without a synthesised slice, over the triplets of the fullest row."""
    cells: list[TableCell] = []
    for dataset, rows in measured.items():
        found = selection.reference(kind, dataset).on(fullest(rows))
        cells += [_mean(found, metric, Standing()) for metric in _front(rows)]
        cells += [TableCell(DASH)] * (1 + len(_METRICS))
    return TableRow(KINDS[kind].capitalize(), tuple(cells))


def _ceiling(
    selection: Selection, measured: dict[str, list[Measurement]], notes: Notes
) -> TableRow:
    """The real slices, over the triplets that the caption counts: those of the fullest row."""
    cells: list[TableCell] = []
    for dataset, rows in measured.items():
        ceiling = selection.ceiling(dataset).on(fullest(rows))
        if ceiling.scores is None:
            marks = notes.mark(f"no ceiling: {_no_ceiling(selection, dataset)}.")
            cells += [TableCell(DASH, marks=marks)] * (len(_front(rows)) + 1 + len(_METRICS))
            continue
        cells += [_mean(ceiling, metric, Standing()) for metric in _front(rows)]
        cells.append(TableCell(number(0.0, _DIGITS), 0.0))
        cells += [_mean(ceiling, metric, Standing()) for metric in _METRICS]
    return TableRow(_CEILING, tuple(cells), rule=True)


def _no_ceiling(selection: Selection, dataset: str) -> str:
    entries = [entry for entry in selection.entries if entry.cell.dataset == dataset]
    if any(entry.ceiling_damage for entry in entries):
        return f"its file on {dataset} is damaged; repeat the run"
    return f"the segmenter has not run on {dataset}"


def _with_membranes(selection: Selection) -> tuple[str, ...]:
    """Datasets that were segmented, and those whose labels do not serve: a footnote says why."""
    found = {
        e.cell.dataset
        for e in selection.entries
        if e.membranes is not None or (e.dataset.labels and e.dataset.no_membranes)
    }
    return tuple(name for name in selection.datasets if name in found) or selection.datasets
