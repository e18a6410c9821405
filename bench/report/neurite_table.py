"""What a filled slice is worth to whoever follows neurites, then its pixels: ours, and first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.report.absence import absence, cell_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import membrane_notes, method_notes
from bench.report.score_cells import dashes, ends, score_cell, spread_text
from bench.report.selection import Selection
from bench.report.table import DASH, Aside, Column, Notes, Table, TableCell, TableRow
from bench.report.titles import row_title
from bench.scores.answer_words import headline
from bench.scores.ceiling import KINDS, LEFT_OUT, LEFT_OUT_FLOW, REAL, TRUE_SEGMENTS
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender, contenders
from bench.scores.measurement import Measurement, every_seed, most_triplets
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.standings import Standing, not_ranked, standings_of

_CARRIED = "carried"
_GAIN = "Over left out"
_METRICS = (
    _CARRIED, "adapted_rand_error", "voi", "dice", "own_carried", "frc_10", "psnr",
)  # fmt: skip
_MEANS = (
    "Carried: the share of neurites of the slice before that end on their own id in the slice "
    "after, through the segments of the synthesised slice; retuned: with thresholds chosen for "
    "the method on its validation frames. Over left out: less what is carried without a slice, by "
    "overlap alone, on the same triplets. A number behind ± is half the 95 % interval."
)


def neurites(selection: Selection) -> list[Table]:
    """A block of rows for each dataset that was segmented, its references around the methods."""
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
        _MEANS,
    )
    columns = [Column(EVERY[name].title) for name in _METRICS]
    columns.insert(1, Column(_GAIN))
    return [
        Table("neurites", words, "Method", tuple(columns), tuple(rows), notes.listed(ties=ties))
    ]


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
        self._places = {name: standings_of(rivals, name) for name in _METRICS}
        segmented = (each.measured("adapted_rand_error") for each in rivals)
        self._fullest = max(segmented, key=lambda each: each.count)

    @property
    def ties(self) -> bool:
        """Whether any mean cannot be told apart from the best."""
        return any(place.tie for column in self._places.values() for place in column)

    def rows(self) -> list[TableRow]:
        """What is carried without a slice, the methods, what is carried by the real slice."""
        return [
            *self._references(LEFT_OUT, LEFT_OUT_FLOW),
            *(self._method(number) for number in range(len(self._rivals))),
            self._beside(REAL, self._selection.ceiling(self._dataset)),
            *self._references(TRUE_SEGMENTS),
        ]

    def _references(self, *kinds: str) -> Iterator[TableRow]:
        for kind in kinds:
            found = self._selection.reference(kind, self._dataset)
            if found.mean(_CARRIED) is not None:
                yield self._beside(KINDS[kind], found, gain=kind != LEFT_OUT)

    def _beside(self, title: str, measured: Measurement, *, gain: bool = True) -> TableRow:
        """A row that no method competes with, over the triplets of the fullest."""
        own = measured.on(self._fullest)
        cells = [
            score_cell(own, name, Standing(), spread=name == _CARRIED)
            if name in MEMBRANE_METRICS
            else TableCell(DASH)
            for name in _METRICS
        ]
        over = self._gain(own) if gain else TableCell(DASH)
        return TableRow(title.capitalize(), (cells[0], over, *cells[1:]))

    def _method(self, row: int) -> TableRow:
        rival = self._rivals[row]
        scores, carried = rival.measured("psnr"), rival.measured(_CARRIED)
        trained = rival.trained and not (row and self._rivals[row - 1].trained)
        notes = [*method_notes(rival.entries), *self._not_ranked(rival)]
        label = row_title(rival.entries[0], rival.method, rival.loss)
        if scores.scores is None:
            marks = self._notes.mark(*absence(scores, self._dataset, "table5"))
            cells = dashes(len(_METRICS) + 1, marks)
        else:
            found = [
                score_cell(rival.measured(m), m, self._places[m][row], spread=m == _CARRIED)
                for m in _METRICS
            ]
            cells = [found[0], self._gain(carried), *found[1:]]
            wanted = most_triplets(each.measured("psnr") for each in self._rivals)
            notes += cell_notes(scores, wanted, self._seeds)
        return TableRow(label, tuple(cells), self._notes.mark(*notes), rule=trained)

    def _not_ranked(self, rival: Contender) -> list[str]:
        own = rival.measured("psnr")
        return not_ranked(own, [each.measured("psnr") for each in self._rivals], self._dataset)

    def _gain(self, carried: Measurement) -> TableCell:
        """What is carried less what is carried without a slice."""
        left = self._selection.reference(LEFT_OUT, self._dataset)
        gain = carried.gain(left, _CARRIED)
        if gain is None:
            return TableCell(DASH)
        digits = EVERY[_CARRIED].digits
        return TableCell(spread_text(gain, digits, signed=True), gain.mean, *ends(gain))
