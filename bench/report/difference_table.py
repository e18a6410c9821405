"""Every method less another one, paired over the test triplets: by how much, and is it shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.absence import cell_notes, segmented_counts, segmented_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import dataset_notes
from bench.report.score_cells import ends, spread_text
from bench.report.selection import OVER_LEFT_OUT, Over, Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow
from bench.report.titles import loss_title, row_title
from bench.scores.cautions import interval_caution
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, contenders
from bench.scores.measurement import every_seed, fullest
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.standings import LEVEL
from bench.scores.statistics import Interval, holm

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
    sides = {name: _sides(own) for name, own in blocks.items()}
    measured = {name: [each.measured("psnr") for each in own] for name, own in sides.items()}
    seeds = every_seed(each for own in measured.values() for each in own)
    notes, rows = Notes(), list[TableRow]()
    for dataset, pairs in blocks.items():
        marks = notes.mark(*dataset_notes(selection, dataset))
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        rows += _block(pairs, columns, notes, seeds)
    base = next(iter(blocks.values()))[0].base
    title = _title(base) if over.method else _under(over)
    counted = segmented_counts(sides) if MEMBRANE_METRICS.keys() & columns else []
    words = caption(
        selection, f"Every method less {title}", measured, *counted, _MEANS.format(over=title),
        ranked=False,
    )  # fmt: skip
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


def _sides(pairs: Sequence[_Pair]) -> list[Contender]:
    """Every row, and what they are set beside: figures of both are in the table."""
    return list(dict.fromkeys(each for pair in pairs for each in (pair.own, pair.base)))


def _measured(pairs: Sequence[_Pair], metric: str) -> bool:
    return any(pair.own.mean(metric) and pair.base.mean(metric) for pair in pairs)


def _block(
    pairs: Sequence[_Pair], columns: Sequence[str], notes: Notes, seeds: tuple[int, ...]
) -> list[TableRow]:
    shown = {name: _shown(pairs, name) for name in columns}
    sides, rows = _sides(pairs), list[TableRow]()
    for i, pair in enumerate(pairs):
        own = pair.own
        gains = {name: own.measured(name).gain(pair.base.measured(name), name) for name in columns}
        cells = tuple(_cell(gain, name, bold=shown[name][i]) for name, gain in gains.items())
        why = interval_caution(gain for gain in gains.values() if gain is not None)
        said = [*_said(pair, sides, columns, seeds), *filter(None, [why])]
        rule = own.trained and bool(i) and not pairs[i - 1].own.trained
        rows.append(TableRow(_title(own), cells, notes.mark(*said), rule=rule))
    return rows


def _title(row: Contender) -> str:
    return row_title(row.entries[0], row.method, row.loss)


def _said(
    pair: _Pair, sides: Sequence[Contender], columns: Sequence[str], seeds: tuple[int, ...]
) -> list[str]:
    """What has to be known of a difference: of either side, and of the triplets that both have."""
    membranes = bool(MEMBRANE_METRICS.keys() & columns)
    own, base = (
        [
            *cell_notes(side.measured("psnr"), 0, seeds),
            *(segmented_notes(side, [side]) if membranes else []),
        ]
        for side in (pair.own, pair.base)
    )
    beside = f"{_title(pair.base)}, which it is set beside: "
    notes = [*own, *(f"{beside}{note}" for note in base if note not in own)]
    pixels = _shared(pair, sides, "psnr")
    segmented = _shared(pair, sides, "dice") if membranes else ""
    notes += [f"Over {pixels}."] if pixels else []
    return notes + ([f"Membranes: over {segmented}."] if segmented not in ("", pixels) else [])


def _shared(pair: _Pair, sides: Sequence[Contender], metric: str) -> str:
    """How many triplets both have; empty where that is all, or one of them has none."""
    own, base = pair.own.measured(metric), pair.base.measured(metric)
    most = fullest(side.measured(metric) for side in sides).count
    both = own.on(base).count
    if not own.count or not base.count or both == most:
        return ""
    return f"{both or 'none'} of {most} test triplets, those that both have"


def _shown(pairs: Sequence[_Pair], metric: str) -> list[bool]:
    """Whether each difference is shown to be one."""
    p_values = [
        pair.own.measured(metric).p_value(pair.base.measured(metric), metric) for pair in pairs
    ]
    return [p < LEVEL for p in holm(p_values)]


def _cell(gain: Interval | None, metric: str, *, bold: bool) -> TableCell:
    if gain is None:
        return TableCell(DASH)
    text = spread_text(gain, EVERY[metric].digits, signed=True)
    return TableCell(text, gain.mean, *ends(gain), "best" if bold else "")
