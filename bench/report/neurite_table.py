"""What a filled slice is worth to whoever follows neurites, then its pixels: ours, and first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.report.absence import absence, cell_notes, segmented_counts, segmented_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import membrane_notes, method_notes
from bench.report.score_cells import dashes, ends, score_cell, spread_text
from bench.report.selection import OVER_LEFT_OUT, Selection
from bench.report.table import DASH, Aside, Column, Notes, Table, TableCell, TableRow, ruled
from bench.report.titles import row_title
from bench.scores.answer_words import headline
from bench.scores.ceiling import KINDS, LEFT_OUT, LEFT_OUT_FLOW, REAL, TRUE_SEGMENTS
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, contenders
from bench.scores.measurement import Measurement, every_seed, fullest
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.standings import Standing, not_ranked, standings_of

_CARRIED, _RETUNED = "carried", "own_carried"
_COLUMNS = (
    _CARRIED, OVER_LEFT_OUT, "adapted_rand_error", "voi", "dice", _RETUNED, "frc_10", "psnr",
)  # fmt: skip
_CARRIED_IS = (
    "Carried: the share of neurites of the slice before that end on their own id in the slice "
    "after, through the segments of the synthesised slice"
)
_RETUNED_IS = "; retuned: with thresholds chosen for the method on its validation frames"
_OVER_IS = (
    "Over left out: less what is carried without a slice, by overlap alone, on the same triplets."
)
_SPREAD_IS = "A number behind ± is half the 95 % interval."


def neurites(selection: Selection) -> list[Table]:
    """A block of rows for each dataset that was segmented; no table where none was."""
    if not _segmented(selection):
        return []
    notes, rows, ties = Notes(), list[TableRow](), False
    blocks = {name: _rivals(selection, name) for name in _segmented(selection)}
    measured = {name: [each.measured("psnr") for each in own] for name, own in blocks.items()}
    seeds = every_seed(each for found in measured.values() for each in found)
    for dataset, rivals in blocks.items():
        marks = notes.mark(*membrane_notes(selection, dataset))
        block = _Block(selection, dataset, rivals, notes, seeds)
        rows.append(TableRow(dataset, marks=marks, rule=bool(rows)))
        rows += block.rows()
        ties |= block.ties
    found = [each for each in selection.answers if each.dataset in blocks]
    firsts = (Aside(f"{each.dataset}: {first}") for each in found if (first := headline(each)))
    words = caption(
        selection,
        "What a filled slice is worth to whoever follows neurites",
        measured,
        *firsts,
        *(segmented_counts(blocks) if _of_membranes(_columns(selection)) else []),
        _meanings(_columns(selection)),
    )
    columns = [Column(_title(name)) for name in _columns(selection)]
    return [
        Table("neurites", words, "Method", tuple(columns), tuple(rows), notes.listed(ties=ties))
    ]


def _columns(selection: Selection) -> tuple[str, ...]:
    return selection.shown.columns or _COLUMNS


def _of_membranes(columns: Iterable[str]) -> bool:
    return any(name == OVER_LEFT_OUT or name in MEMBRANE_METRICS for name in columns)


def _meanings(columns: Sequence[str]) -> str:
    """What the caption says of the columns that are there."""
    over = OVER_LEFT_OUT in columns
    said = []
    if over or {_CARRIED, _RETUNED} & set(columns):
        said.append(f"{_CARRIED_IS}{_RETUNED_IS if _RETUNED in columns else ''}.")
    if over:
        said.append(_OVER_IS)
    if over or _CARRIED in columns:
        said.append(_SPREAD_IS)
    return " ".join(said)


def _title(column: str) -> str:
    return "Over left out" if column == OVER_LEFT_OUT else EVERY[column].title


def _segmented(selection: Selection) -> list[str]:
    found = {entry.cell.dataset for entry in selection.entries if entry.membranes is not None}
    return [name for name in selection.datasets if name in found]


def _rivals(selection: Selection, dataset: str) -> list[Contender]:
    """The methods of a dataset: what is not trained, then the networks."""
    own = contenders(entry for entry in selection.entries if entry.cell.dataset == dataset)
    return untrained_first(own)


class _Block:
    """The rows of one dataset."""

    def __init__(
        self,
        selection: Selection,
        dataset: str,
        rivals: Sequence[Contender],
        notes: Notes,
        seeds: tuple[int, ...],
    ) -> None:
        self._selection, self._dataset = selection, dataset
        self._rivals, self._notes, self._seeds = rivals, notes, seeds
        self._columns = _columns(selection)
        metrics = [name for name in self._columns if name != OVER_LEFT_OUT]
        self._places = {name: standings_of(rivals, name) for name in metrics}
        self._fullest = fullest(each.measured("adapted_rand_error") for each in rivals)

    @property
    def ties(self) -> bool:
        """Whether any mean cannot be told apart from the best."""
        return any(place.tie for column in self._places.values() for place in column)

    def rows(self) -> list[TableRow]:
        """What is carried without a slice, the methods, what is carried by the real slice."""
        opening = list(self._references(LEFT_OUT, LEFT_OUT_FLOW))
        methods = [self._method(number) for number in range(len(self._rivals))]
        closing = [
            self._beside(REAL, self._selection.ceiling(self._dataset)),
            *self._references(TRUE_SEGMENTS),
        ]
        return [*opening, *(ruled(methods) if opening else methods), *ruled(closing)]

    def _references(self, *kinds: str) -> Iterator[TableRow]:
        for kind in kinds:
            found = self._selection.reference(kind, self._dataset)
            if found.mean(_CARRIED) is not None:
                yield self._beside(KINDS[kind], found, gain=kind != LEFT_OUT)

    def _beside(self, title: str, measured: Measurement, *, gain: bool = True) -> TableRow:
        """A row that no method competes with, over the triplets of the fullest."""
        own = measured.on(self._fullest)
        cells = dict.fromkeys(self._columns, TableCell(DASH))
        for name in filter(MEMBRANE_METRICS.__contains__, cells):
            cells[name] = score_cell(own, name, Standing(), spread=name == _CARRIED)
        if gain and OVER_LEFT_OUT in cells:
            cells[OVER_LEFT_OUT] = self._gain(own)
        return TableRow(title.capitalize(), tuple(cells.values()))

    def _method(self, row: int) -> TableRow:
        rival = self._rivals[row]
        scores = rival.measured("psnr")
        trained = rival.trained and not (row and self._rivals[row - 1].trained)
        notes = [*method_notes(rival.entries), *self._not_ranked(rival)]
        label = row_title(rival.entries[0], rival.method, rival.loss)
        if scores.scores is None:
            marks = self._notes.mark(*absence(scores, self._dataset, "table5"))
            cells = dashes(len(self._columns), marks)
        else:
            cells = [self._cell(row, name) for name in self._columns]
            wanted = fullest(each.measured("psnr") for each in self._rivals).count
            notes += cell_notes(scores, wanted, self._seeds)
            if _of_membranes(self._columns):
                notes += segmented_notes(rival, self._rivals)
        return TableRow(label, tuple(cells), self._notes.mark(*notes), rule=trained)

    def _cell(self, row: int, column: str) -> TableCell:
        rival = self._rivals[row]
        if column == OVER_LEFT_OUT:
            return self._gain(rival.measured(_CARRIED))
        place = self._places[column][row]
        return score_cell(rival.measured(column), column, place, spread=column == _CARRIED)

    def _not_ranked(self, rival: Contender) -> list[str]:
        """That it has no marks, or none in the columns of membranes; nothing where it has."""
        membranes = [("dice", "membranes ")] if _of_membranes(self._columns) else []
        for metric, what in (("psnr", ""), *membranes):
            rivals = [each.measured(metric) for each in self._rivals]
            if said := not_ranked(rival.measured(metric), rivals, self._dataset, what):
                return said
        return []

    def _gain(self, carried: Measurement) -> TableCell:
        """What is carried less what is carried without a slice."""
        left = self._selection.reference(LEFT_OUT, self._dataset)
        gain = carried.gain(left, _CARRIED)
        if gain is None:
            return TableCell(DASH)
        digits = EVERY[_CARRIED].digits
        return TableCell(spread_text(gain, digits, signed=True), gain.mean, *ends(gain))
