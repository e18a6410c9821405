"""Tables as CSV, for other programs: one line a cell, nothing rounded."""

from __future__ import annotations

import csv
import io

from bench.report.table import Table, plain

_HEADER = ("heading", "row", "group", "column", "text", "value", "low", "high", "emphasis", "tie",
           "notes")  # fmt: skip


def csv_text(table: Table) -> str:
    """Every cell with its unrounded value, its 95 % interval and its footnotes in full."""
    notes = dict(table.notes)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_HEADER)
    heading = ""
    for row in table.rows:
        if not row.cells:
            heading = plain(row.label)
        for column, cell in zip(table.columns, row.cells, strict=bool(row.cells)):
            marks = dict.fromkeys((*column.marks, *row.marks, *cell.marks))
            writer.writerow(
                [
                    heading,
                    plain(row.label),
                    plain(column.group),
                    plain(column.title),
                    plain(cell.text),
                    _number(cell.value),
                    _number(cell.low),
                    _number(cell.high),
                    cell.emphasis,
                    "yes" if cell.tie else "",
                    " | ".join(plain(notes[mark]) for mark in marks),
                ]
            )
    return buffer.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
