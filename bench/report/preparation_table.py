"""What the preparation hides: scores with the triplets that were rejected, and without alignment.

Rejection and alignment look at the middle slice, which is what a user lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report.absence import absence, cell_notes
from bench.report.caption import caption
from bench.report.registry_order import registry_order
from bench.report.remarks import dataset_notes
from bench.report.score_cells import dashes, mean_cells
from bench.report.selection import Selection
from bench.report.table import Column, Notes, Table, TableCell, TableRow
from bench.report.titles import row_title
from bench.scores.measurement import every_seed
from bench.scores.metrics import METRICS
from bench.scores.skill import SKILLS
from bench.scores.standings import Standing
from bench.triplets.dataset_variant import parse_dataset

_GROUPS = ("aligned, kept", "aligned, all", "not aligned, kept", "not aligned, all")


def preparation(selection: Selection) -> list[Table]:
    """A block of rows a dataset: PSNR and FRC, with and without each part of the preparation."""
    notes = Notes()
    columns = tuple(Column(METRICS[metric].title, group) for group in _GROUPS for metric in SKILLS)
    rows: list[TableRow] = []
    pairs = {
        name: _pairs(selection, name)
        for name in selection.datasets
        if parse_dataset(name).trained_on == name
    }
    measured = {
        name: [selection.scores((method,), loss, name) for method, loss in own]
        for name, own in pairs.items()
    }
    seeds = every_seed(each for found in measured.values() for each in found)
    for dataset, own in pairs.items():
        marks = notes.mark(*dataset_notes(selection, dataset))
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        rows += [_row(selection, dataset, pair, seeds, notes) for pair in own]
    words = caption(
        selection,
        "What the preparation hides",
        measured,
        "All: with the test triplets that were rejected. Not aligned: the neighbours are taken as "
        "they lie in the volume; what was learned was learned from aligned ones. A number behind "
        "± is half the 95 % interval over columns of tiles and blocks of slices.",
        ranked=False,
    )
    return [Table("preparation", words, "Method", columns, tuple(rows), notes.listed())]


def twin_of(selection: Selection, dataset: str) -> str | None:
    """The dataset that differs by having no alignment, and was scored with what this one taught."""
    for name in selection.datasets:
        variant = parse_dataset(name)
        if variant.trained_on != dataset or name == dataset or set(variant.options) - {"align"}:
            continue
        entries = selection.results.select(dataset=name)
        if all(entry.dataset.align is False for entry in entries):
            return name
    return None


def _pairs(selection: Selection, dataset: str) -> list[tuple[str, str]]:
    """Methods and losses of a dataset."""
    return registry_order(
        (entry.cell.method, entry.cell.loss)
        for entry in selection.entries
        if entry.cell.dataset == dataset
    )


def _row(
    selection: Selection, dataset: str, pair: tuple[str, str], seeds: Sequence[int], notes: Notes
) -> TableRow:
    method, loss = pair
    entries = selection.cells((method,), loss, dataset)
    cells = [
        cell
        for name in (dataset, twin_of(selection, dataset))
        for cell in _cells(selection, dataset, name, pair, seeds, notes)
    ]
    return TableRow(row_title(entries[0] if entries else None, method, loss), tuple(cells))


def _not_run(dataset: str) -> str:
    apart = f"{dataset}[align=no]"
    return (
        f"not run; build '{apart}' as '{dataset}' was built (`bench data build`), then run the "
        f"same methods with `--dataset '{dataset}[align=no,trained_on={dataset}]'`."
    )


def _cells(
    selection: Selection,
    dataset: str,
    name: str | None,
    pair: tuple[str, str],
    seeds: Sequence[int],
    notes: Notes,
) -> Iterator[TableCell]:
    """The kept triplets of a dataset, then all of them."""
    method, loss = pair
    if name is None:
        yield from dashes(2 * len(SKILLS), notes.mark(_not_run(dataset)))
        return
    kept = selection.scores((method,), loss, name)
    if kept.scores is None:
        marks = notes.mark(*absence(kept, name, "table4"))
        yield from dashes(2 * len(SKILLS), marks)
        return
    every = selection.unfiltered((method,), loss, name)
    counts = f"{kept.count} of {every.count} test triplets of {name} were kept."
    for measurement, marks in (
        (kept, notes.mark(*cell_notes(kept, kept.count, seeds), counts)), (every, ())
    ):  # fmt: skip
        places = [Standing()] * len(SKILLS)
        yield from mean_cells(measurement, SKILLS, places, notes, marks, spread=True)
