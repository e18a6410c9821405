"""How methods do where several slices in a row are missing, by the position of a slice in its gap.

The table is made of datasets that differ in the option `gap` alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.absence import absence, cell_notes, segmented_counts, segmented_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import dataset_notes, method_notes
from bench.report.score_cells import dashes, score_cell
from bench.report.selection import Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow, ruled
from bench.report.titles import row_title
from bench.scores.ceiling import KINDS, LEFT_OUT, REAL
from bench.scores.columns import EVERY, ordered
from bench.scores.contenders import Contender, contenders
from bench.scores.measurement import Derive, Measurement, every_seed, fullest
from bench.scores.skill import SKILLS
from bench.scores.standings import Standing
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.gap import POSITION

_CARRIED = "carried"
_PIXELS = ordered(SKILLS)
_ORDINALS = ("1st", "2nd", "3rd")
_MEANS = (
    "Position: of a missing slice in its gap, counted from the slice before. Carried: the share of "
    "neurites of the slice before that end on their own id in the slice after, through the "
    "segments of every synthesised slice in turn. A number behind ± is half the 95 % interval."
)


def gaps(selection: Selection) -> list[Table]:
    """A block of rows for each width of a gap; no table where every gap is of one slice."""
    names = _datasets(selection)
    if not names:
        return []
    widest, notes, rows = max(map(_gap, names)), Notes(), list[TableRow]()
    rivals = {name: _rivals(selection, name) for name in names}
    measured = {name: [each.measured("psnr") for each in own] for name, own in rivals.items()}
    seeds = every_seed(each for found in measured.values() for each in found)
    for name, own in rivals.items():
        marks = notes.mark(*dataset_notes(selection, name))
        rows.append(TableRow(name, marks=marks, rule=bool(rows)))
        rows += _block(selection, name, own, widest, seeds, notes)
    columns = [Column(EVERY[_CARRIED].title)]
    for metric in _PIXELS:
        columns += [Column(nth, EVERY[metric].title) for nth in _ORDINALS[:widest]]
    title = "What wider gaps cost"
    words = caption(selection, title, measured, *segmented_counts(rivals), _MEANS, ranked=False)
    return [Table("gaps", words, "Method", tuple(columns), tuple(rows), notes.listed())]


def _datasets(selection: Selection) -> list[str]:
    """Datasets with a wider gap, behind those that they differ from by it."""
    measured = {entry.cell.dataset for entry in selection.entries}
    names = [name for name in selection.datasets if name in measured]
    wide = {_but_for_gap(name) for name in names if _gap(name) > 1}
    found = [name for name in names if _but_for_gap(name) in wide]
    order = [_but_for_gap(name) for name in found]
    return sorted(found, key=lambda name: (order.index(_but_for_gap(name)), _gap(name)))


def _gap(name: str) -> int:
    return int(parse_dataset(name).options.get("gap", "1"))


def _but_for_gap(name: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    variant = parse_dataset(name)
    return variant.base, tuple(sorted((k, v) for k, v in variant.options.items() if k != "gap"))


def _rivals(selection: Selection, name: str) -> list[Contender]:
    return untrained_first(
        contenders(entry for entry in selection.entries if entry.cell.dataset == name)
    )


def _block(
    selection: Selection,
    name: str,
    rivals: Sequence[Contender],
    widest: int,
    seeds: Sequence[int],
    notes: Notes,
) -> list[TableRow]:
    """What is carried without a slice, the methods, what is carried by the real slices."""
    pixels = len(_PIXELS) * widest
    followed = fullest(each.measured(_CARRIED) for each in rivals)

    def beside(title: str, found: Measurement) -> list[TableRow]:
        if found.mean(_CARRIED) is None:
            return []
        return [TableRow(title.capitalize(), (_carried(found.on(followed)), *dashes(pixels, ())))]

    opening, rows = beside(KINDS[LEFT_OUT], selection.reference(LEFT_OUT, name)), list[TableRow]()
    most = fullest(each.measured("psnr") for each in rivals).count
    for rival in rivals:
        scores = rival.measured("psnr")
        said = [*method_notes(rival.entries), *cell_notes(scores, most, seeds)]
        said += segmented_notes(rival, rivals)
        if scores.scores is None:
            cells = dashes(1 + pixels, notes.mark(*absence(scores, name, "table4")))
        else:
            cells = [_carried(rival.measured(_CARRIED)), *_by_position(scores, _gap(name), widest)]
        label = row_title(rival.entries[0], rival.method, rival.loss)
        rows.append(TableRow(label, tuple(cells), notes.mark(*said)))
    methods = ruled(rows) if opening else rows
    return [*opening, *methods, *ruled(beside(REAL, selection.ceiling(name)))]


def _carried(measured: Measurement) -> TableCell:
    return score_cell(measured, _CARRIED, Standing(), spread=True)


def _by_position(scores: Measurement, gap: int, widest: int) -> list[TableCell]:
    """Each metric of the slices at each position; dashes behind the last one of the gap."""
    positions = [scores if gap == 1 else scores.then(_at(i + 1)) for i in range(gap)]
    empty = [TableCell(DASH)] * (widest - gap)
    return [
        cell
        for metric in _PIXELS
        for cell in (
            *(score_cell(each, metric, Standing(), spread=True) for each in positions),
            *empty,
        )
    ]


def _at(position: int) -> Derive:
    return lambda table: table[table[POSITION] == position]
