"""Tables as a piece of an HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.report.digest import Digest
from bench.report.legend import explained
from bench.report.table import Column, Table, TableCell, TableRow, spans

_EMPHASIS = {"": "{}", "best": "<strong>{}</strong>", "second": "<u>{}</u>"}


def html_tables(shown: Digest) -> str:
    """The tables of a page, the footnotes they share, and what was not measured at all."""
    parts = [html(table) for table in shown.tables]
    if shown.notes:
        parts.append("\n".join(["<h3>Footnotes of several tables</h3>", *_notes(shown.notes)]))
    if shown.empty:
        names = "; ".join(
            f"{prose(table.title)} (<code>{table.stem}.md</code>)" for table in shown.empty
        )
        parts.append(
            f'<p class="caption">Nothing measured: {names}. '
            "Their files say which command fills them.</p>"
        )
    return "\n".join(parts)


def prose(text: str) -> str:
    """Running text with its code and losses marked."""
    wraps = {"plain": "{}", "code": "<code>{}</code>", "loss": "<i>L</i><sub>{}</sub>"}
    return "".join(wraps[style].format(escape(part)) for style, part in spans(text))


def html(table: Table) -> str:
    """A section with heading, table, caption and footnotes; a page styles it."""
    table = explained(table)
    return "\n".join(
        [
            f'<section class="table" id="table-{escape(table.name)}">',
            f"<h3>{prose(table.title)}</h3>",
            f'<p class="caption">{" ".join(map(prose, table.caption[1:]))}</p>',
            '<div class="scroll"><table>',
            f"<thead>{_head(table)}</thead>",
            "<tbody>",
            *(_row(row, table.columns) for row in table.rows),
            "</tbody>",
            "</table></div>",
            *_remarks(table),
            *_notes(table.notes),
            "</section>",
            "",
        ]
    )


def _head(table: Table) -> str:
    titles = "".join(map(_title, table.columns))
    stub = prose(table.stub)
    if not table.grouped:
        return f'<tr><th scope="col">{stub}</th>{titles}</tr>'
    groups = "".join(
        f'<th scope="colgroup" colspan="{count}">{prose(column.group)}{_marks(column.marks)}</th>'
        for column, count in table.groups
    )
    return f'<tr><th scope="col" rowspan="2">{stub}</th>{groups}</tr><tr>{titles}</tr>'


def _title(column: Column) -> str:
    number = "" if column.width else ' class="number"'
    return f'<th scope="col"{number}>{prose(column.title)}</th>'


def _row(row: TableRow, columns: tuple[Column, ...]) -> str:
    rule = ' class="rule"' if row.rule else ""
    label = f"{prose(row.label)}{_marks(row.marks)}"
    if not row.cells:
        span = f'colspan="{len(columns) + 1}"'
        return f'<tr{rule}><th scope="rowgroup" {span}>{label}</th></tr>'
    cells = "".join(
        f"<td>{_cell(cell)}</td>" if column.width else f'<td class="number">{_cell(cell)}</td>'
        for column, cell in zip(columns, row.cells, strict=True)
    )
    return f'<tr{rule}><th scope="row">{label}</th>{cells}</tr>'


def _cell(cell: TableCell) -> str:
    return _EMPHASIS[cell.emphasis].format(prose(cell.text)) + _marks(cell.every_mark)


def _remarks(table: Table) -> list[str]:
    if not table.remarks:
        return []
    return [f'<p class="caption">{" ".join(map(prose, table.remarks))}</p>']


def _notes(notes: Sequence[tuple[str, str]]) -> list[str]:
    if not notes:
        return []
    lines = [
        f"<li{_target(mark)}><sup>{escape(mark)}</sup> {prose(sentence)}</li>"
        for mark, sentence in notes
    ]
    return ['<ul class="notes">', *lines, "</ul>"]


def _target(mark: str) -> str:
    return f' id="note-{mark}"' if mark.isupper() else ""


def _marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{' '.join(map(_mark, marks))}</sup>" if marks else ""


def _mark(mark: str) -> str:
    """A mark in capitals leads to a footnote that several tables share."""
    return f'<a href="#note-{mark}">{mark}</a>' if mark.isupper() else escape(mark)
