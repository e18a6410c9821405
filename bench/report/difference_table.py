"""Every method less another one, paired over the test triplets: by how much, and is it shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.absence import cell_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import dataset_notes
from bench.report.score_cells import ends, spread_text
from bench.report.selection import OVER_LEFT_OUT, Over, Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow
from bench.report.titles import loss_title, row_title
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, contenders
from bench.scores.measurement import every_seed, most_triplets
from bench.scores.standings import LEVEL
from bench.scores.statistics import holm

_COLUMNS = ("carried", "adapted_rand_error", "voi", "dice", "frc_10", "psnr")
_MEANS = (
    "Each row less {over}, on the same test triplets, with half the 95 % interval of the "
    "difference. Bold: shown to differ (p < 0.05, Holm over the rows of a column)."
)


@dataclass(frozen=True, eq=False)
class _Pair:
    """A row, and what it is set beside."""

    own: Contender
    base: Contender


def differences(selection: Selection) -> list[Table]:
    """A block of rows for each dataset that has both; no table where none was asked for."""
    over = selection.shown.over
    blocks = {name: _pairs(selection, over, name) for name in selection.datasets} if over else {}
    blocks = {name: pairs for name, pairs in blocks.items() if pairs}
    if over is None or not blocks:
        return []
    columns = [name for name in selection.shown.columns if name != OVER_LEFT_OUT] or _COLUMNS
    columns = [name for name in columns if any(_measured(own, name) for own in blocks.values())]
    measured = {name: [pair.own.measured("psnr") for pair in own] for name, own in blocks.items()}
    seeds = every_seed(each for own in measured.values() for each in own)
    notes, rows = Notes(), list[TableRow]()
    for dataset, pairs in blocks.items():
        marks = notes.mark(*dataset_notes(selection, dataset))
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        rows += _block(pairs, columns, notes, seeds)
    base = next(iter(blocks.values()))[0].base
    title = row_title(base.entries[0], base.method, base.loss) if over.method else _under(over)
    words = caption(
        selection, f"Every method less {title}", measured, _MEANS.format(over=title), ranked=False
    )
    heads = tuple(Column(EVERY[name].title) for name in columns)
    return [Table("differences", words, "Method", heads, tuple(rows), notes.listed())]


def _under(over: Over) -> str:
    return f"the same under {loss_title(over.loss)}"


def _pairs(selection: Selection, over: Over, dataset: str) -> list[_Pair]:
    every = contenders(entry for entry in selection.every if entry.cell.dataset == dataset)
    pairs = (
        _Pair(own, base)
        for own in untrained_first(every)
        if selection.shown.row(own.method, own.loss)
        for base in every
        if base is not own and over.is_base(base.method, base.loss, own.method)
    )
    return list(pairs)


def _measured(pairs: Sequence[_Pair], metric: str) -> bool:
    return any(pair.own.mean(metric) and pair.base.mean(metric) for pair in pairs)


def _block(
    pairs: Sequence[_Pair], columns: Sequence[str], notes: Notes, seeds: tuple[int, ...]
) -> list[TableRow]:
    shown = {name: _shown(pairs, name) for name in columns}
    most = most_triplets(pair.own.measured("psnr") for pair in pairs)
    rows = []
    for i, pair in enumerate(pairs):
        own = pair.own
        cells = tuple(_cell(pair, name, bold=shown[name][i]) for name in columns)
        marks = notes.mark(*cell_notes(own.measured("psnr"), most, seeds))
        rule = own.trained and bool(i) and not pairs[i - 1].own.trained
        label = row_title(own.entries[0], own.method, own.loss)
        rows.append(TableRow(label, cells, marks, rule=rule))
    return rows


def _shown(pairs: Sequence[_Pair], metric: str) -> list[bool]:
    """Whether each difference is shown to be one."""
    p_values = [
        pair.own.measured(metric).p_value(pair.base.measured(metric), metric) for pair in pairs
    ]
    return [p < LEVEL for p in holm(p_values)]


def _cell(pair: _Pair, metric: str, *, bold: bool) -> TableCell:
    gain = pair.own.measured(metric).gain(pair.base.measured(metric), metric)
    if gain is None:
        return TableCell(DASH)
    text = spread_text(gain, EVERY[metric].digits, signed=True)
    return TableCell(text, gain.mean, *ends(gain), "best" if bold else "")
