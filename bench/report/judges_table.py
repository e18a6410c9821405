"""What two judges make of each method, and whether they order the methods alike."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.absence import cell_notes
from bench.report.caption import caption
from bench.report.registry_order import untrained_first
from bench.report.remarks import dataset_notes, method_notes
from bench.report.score_cells import score_cell
from bench.report.selection import Selection
from bench.report.table import Column, Notes, Table, TableRow
from bench.report.titles import row_title
from bench.scores.ceiling import REAL
from bench.scores.cell_scores import ceiling_scores
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender
from bench.scores.entry import Entry
from bench.scores.judge_words import judges_sentence
from bench.scores.judges import BY_EITHER, Judgement, judgements
from bench.scores.measurement import every_seed, fullest
from bench.scores.standings import Standing, standings_of

_MEANS = (
    "Second: by a network of another architecture, trained with another seed on the same slices; "
    "`bench run --judges 2` has both."
)


def judges(selection: Selection) -> list[Table]:
    """A block of rows for each dataset that was judged twice; no table where none was."""
    found = [
        each
        for name in selection.datasets
        for each in judgements([e for e in selection.entries if e.cell.dataset == name])
    ]
    if not found:
        return []
    notes, rows = Notes(), list[TableRow]()
    measured = {each.dataset: [own.measured("dice") for own in each.methods] for each in found}
    seeds = every_seed(each for own in measured.values() for each in own)
    for each in found:
        marks = notes.mark(*dataset_notes(selection, each.dataset))
        rows += [TableRow(each.dataset, marks=marks, rule=bool(rows)), *_block(each, notes, seeds)]
    words = caption(
        selection,
        "The methods before two judges",
        measured,
        *(f"{each.dataset}: {judges_sentence(each)}" for each in found),
        _MEANS,
    )
    ties = any(cell.tie for row in rows for cell in row.cells)
    columns = tuple(Column(EVERY[name].title) for name in BY_EITHER)
    return [Table("judges", words, "Method", columns, tuple(rows), notes.listed(ties=ties))]


def _block(judgement: Judgement, notes: Notes, seeds: tuple[int, ...]) -> list[TableRow]:
    """The methods of a dataset, what is not trained first, and the real slice."""
    methods = untrained_first(judgement.methods)
    places = {name: standings_of(methods, name) for name in BY_EITHER}
    most = fullest(each.measured("dice") for each in methods).count
    rows = []
    for i, each in enumerate(methods):
        said = [*method_notes(each.entries), *cell_notes(each.measured("dice"), most, seeds)]
        cells = tuple(score_cell(each.measured(name), name, places[name][i]) for name in BY_EITHER)
        label = row_title(each.entries[0], each.method, each.loss)
        rule = each.trained and not (i and methods[i - 1].trained)
        rows.append(TableRow(label, cells, notes.mark(*said), rule=rule))
    return [*rows, _real(methods)]


def _real(methods: Sequence[Contender]) -> TableRow:
    """The real slice under either judge, over the triplets of the methods."""
    of_fold: dict[int, Entry] = {}
    for entry in (entry for each in methods for entry in each.entries):
        of_fold.setdefault(entry.cell.fold, entry)
    real = ceiling_scores(of_fold.values()).on(methods[0].measured("dice"))
    cells = tuple(score_cell(real.known(name), name, Standing()) for name in BY_EITHER)
    return TableRow(REAL.capitalize(), cells, rule=True)
