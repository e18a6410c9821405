"""Tables as a piece of an HTML page."""

from __future__ import annotations

from html import escape

from bench.report.table import Column, Table, TableCell, TableRow, spans

_EMPHASIS = {"": "{}", "best": "<strong>{}</strong>", "second": "<u>{}</u>"}


def html(table: Table) -> str:
    """A section with heading, table, caption and footnotes; a page styles it."""
    return "\n".join(
        [
            f'<section class="table" id="table-{escape(table.name)}">',
            f"<h3>{_text(table.title)}</h3>",
            f'<p class="caption">{" ".join(map(_text, table.caption[1:]))}</p>',
            '<div class="scroll"><table>',
            f"<thead>{_head(table)}</thead>",
            "<tbody>",
            *(_row(row, table.columns) for row in table.rows),
            "</tbody>",
            "</table></div>",
            *_notes(table),
            "</section>",
            "",
        ]
    )


def _head(table: Table) -> str:
    titles = "".join(f'<th scope="col">{_text(column.title)}</th>' for column in table.columns)
    stub = _text(table.stub)
    if not table.grouped:
        return f'<tr><th scope="col">{stub}</th>{titles}</tr>'
    groups = "".join(
        f'<th scope="colgroup" colspan="{count}">{_text(column.group)}{_marks(column.marks)}</th>'
        for column, count in table.groups
    )
    return f'<tr><th scope="col" rowspan="2">{stub}</th>{groups}</tr><tr>{titles}</tr>'


def _row(row: TableRow, columns: tuple[Column, ...]) -> str:
    rule = ' class="rule"' if row.rule else ""
    label = f"{_text(row.label)}{_marks(row.marks)}"
    if not row.cells:
        span = f'colspan="{len(columns) + 1}"'
        return f'<tr{rule}><th scope="rowgroup" {span}>{label}</th></tr>'
    cells = "".join(
        f"<td>{_cell(cell)}</td>" if column.width else f'<td class="number">{_cell(cell)}</td>'
        for column, cell in zip(columns, row.cells, strict=True)
    )
    return f'<tr{rule}><th scope="row">{label}</th>{cells}</tr>'


def _cell(cell: TableCell) -> str:
    return _EMPHASIS[cell.emphasis].format(_text(cell.text)) + _marks(cell.every_mark)


def _notes(table: Table) -> list[str]:
    if not table.notes:
        return []
    lines = [
        f"<li><sup>{escape(mark)}</sup> {_text(sentence)}</li>" for mark, sentence in table.notes
    ]
    return ['<ul class="notes">', *lines, "</ul>"]


def _text(text: str) -> str:
    wraps = {"plain": "{}", "code": "<code>{}</code>", "loss": "<i>L</i><sub>{}</sub>"}
    return "".join(wraps[style].format(escape(part)) for style, part in spans(text))


def _marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{escape(' '.join(marks))}</sup>" if marks else ""
