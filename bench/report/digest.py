"""Tables as one page shows them: without what has nothing to say, and nothing said twice.

The Markdown and CSV files of the single tables keep the layout of the paper's, with a dash for
every number that is not there. A page of one's own small volume would be dashes for the most part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.report.table import Notes, Table, TableRow, letters
from bench.scores.standings import TIE

_LONG = 160  # characters: a footnote that is a paragraph


@dataclass(frozen=True)
class Digest:
    """What a page shows of some tables.

    Attributes:
        tables: those that hold a number, without rows and columns that hold none.
        notes: the long footnotes that several of them have, by mark.
        empty: the tables in which nothing was measured.
    """

    tables: tuple[Table, ...]
    notes: tuple[tuple[str, str], ...]
    empty: tuple[Table, ...]


def digest(tables: Sequence[Table]) -> Digest:
    """Leave out what was not measured, naming it below its table; say long footnotes once."""
    short = [_in_full(table) for table in tables if not table.empty]
    shared = _shared(short)
    return Digest(
        tuple(_marked_anew(table, shared) for table in short),
        tuple((mark, sentence) for sentence, mark in shared.items()),
        tuple(table for table in tables if table.empty),
    )


def without_bare(table: Table) -> Table:
    """A table without the rows and columns that hold no number; its remarks name them."""
    rows = _rows(table)
    columns = [i for i in range(len(table.columns)) if table.prose or _any_number(rows, i)]
    remarks = [*_named_rows(table), *_named_columns(table, rows, columns)]
    if not remarks:
        return table
    shown = replace(
        table,
        columns=tuple(table.columns[i] for i in columns),
        rows=tuple(
            replace(row, cells=tuple(row.cells[i] for i in columns)) if row.cells else row
            for row in rows
        ),
        remarks=(*table.remarks, *remarks),
    )
    return _marked_anew(shown, {})


def _in_full(table: Table) -> Table:
    """The table without what holds no number, and a word on where everything is."""
    shown = without_bare(table)
    if shown is table:
        return table
    return replace(shown, remarks=(*shown.remarks, f"In full: `{table.stem}.md`."))


def _rows(table: Table) -> list[TableRow]:
    """The rows that hold something, and the headings over them or over none at all."""
    kept: list[TableRow] = []
    for heading, rows in _blocks(table):
        held = _held(table, rows)
        if heading is not None and (held or not rows):
            kept.append(heading)
        kept += held
    return kept


def _held(table: Table, rows: Sequence[TableRow]) -> list[TableRow]:
    """The rows that hold something; the line above one that does not is drawn above the next."""
    kept, rule = list[TableRow](), False
    for row in rows:
        rule |= row.rule
        if not table.bare(row):
            kept.append(replace(row, rule=rule and bool(kept)))
            rule = False
    return kept


def _blocks(table: Table) -> list[tuple[TableRow | None, list[TableRow]]]:
    """The rows under each heading; the first may have none."""
    blocks: list[tuple[TableRow | None, list[TableRow]]] = [(None, [])]
    for row in table.rows:
        if row.cells:
            blocks[-1][1].append(row)
        else:
            blocks.append((row, []))
    return blocks


def _any_number(rows: Sequence[TableRow], column: int) -> bool:
    return any(row.cells[column].value is not None for row in rows if row.cells)


def _named_rows(table: Table) -> list[str]:
    """The rows without a number, in a sentence for each reason they have."""
    labels = [row.label for row in table.rows if row.cells]
    repeated = len(set(labels)) < len(labels)
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for heading, rows in _blocks(table):
        place = heading.label if heading is not None and repeated else ""
        for row in filter(table.bare, rows):
            marks = dict.fromkeys(mark for cell in row.cells for mark in cell.marks)
            groups.setdefault((place, _sentences(table, marks)), []).append(row.label)
    return [_named(names, reasons, place) for (place, reasons), names in groups.items()]


def _named_columns(table: Table, rows: Sequence[TableRow], kept: Sequence[int]) -> list[str]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for i, column in enumerate(table.columns):
        if i in kept:
            continue
        marks = dict.fromkeys(mark for row in rows if row.cells for mark in row.cells[i].marks)
        name = f"{column.group} {column.title}".strip()
        groups.setdefault(_sentences(table, marks), []).append(name)
    return [_named(names, reasons) for reasons, names in groups.items()]


def _sentences(table: Table, marks: Mapping[str, None]) -> tuple[str, ...]:
    notes = dict(table.notes)
    return tuple(notes[mark] for mark in marks)


def _named(names: Sequence[str], reasons: Sequence[str], place: str = "") -> str:
    where = f" ({place})" if place else ""
    why = [reason[:1].upper() + reason[1:] for reason in reasons]
    return " ".join([f"Not measured{where}: {'; '.join(names)}.", *why])


def _shared(tables: Sequence[Table]) -> dict[str, str]:
    """The mark, in capitals, of every long footnote of several tables."""
    said = Counter(sentence for table in tables for mark, sentence in table.notes if mark != TIE)
    several = [text for text, count in said.items() if count > 1 and len(text) > _LONG]
    return {sentence: letters(i).upper() for i, sentence in enumerate(several)}


def _marked_anew(table: Table, shared: Mapping[str, str]) -> Table:
    """The table with the footnotes that it still has, but for those that are said elsewhere."""
    said, notes = dict(table.notes), Notes()

    def again(marks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(shared.get(said[mark]) or notes.mark(said[mark])[0] for mark in marks)

    columns = tuple(replace(column, marks=again(column.marks)) for column in table.columns)
    rows = tuple(_row_anew(row, again) for row in table.rows)
    ties = any(cell.tie for row in rows for cell in row.cells)
    return replace(table, columns=columns, rows=rows, notes=notes.listed(ties=ties))


def _row_anew(row: TableRow, again: Callable[[tuple[str, ...]], tuple[str, ...]]) -> TableRow:
    marks = again(row.marks)
    cells = tuple(replace(cell, marks=again(cell.marks)) for cell in row.cells)
    return replace(row, marks=marks, cells=cells)
