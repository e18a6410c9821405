"""Tables as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.report.legend import explained
from bench.report.table import Table, TableCell, TableRow, spans

_SPECIAL = re.compile(r"([\\*_|<>\[\]~])")

_EMPHASIS = {"": "{}", "best": "**{}**", "second": "<u>{}</u>"}


def markdown(table: Table) -> str:
    """Title, table, caption and footnotes; a dataset's name stands before each metric's."""
    table = explained(table)
    columns = [_text(table.stub)]
    for column in table.columns:
        over = f"{_text(column.group)}{_marks(column.marks)} " if column.group else ""
        columns.append(f"{over}{_text(column.title)}")
    align = ["---", *("---" if column.width else "---:" for column in table.columns)]
    lines = [_line(columns), _line(align), *(_row(row, len(columns)) for row in table.rows)]
    blocks = [
        f"## {_text(table.title)}", " ".join(map(_text, table.caption[1:])), "\n".join(lines),
        " ".join(map(_text, table.remarks)), footnotes(table.notes),
    ]  # fmt: skip
    return "\n\n".join(block for block in blocks if block) + "\n"


def footnotes(notes: Iterable[tuple[str, str]]) -> str:
    """A list of footnotes by mark."""
    return "\n".join(f"- {_mark(mark)} {_text(sentence)}" for mark, sentence in notes)


def inert(text: str) -> str:
    """Text with words of others in it, none of which is taken for HTML."""
    return text.replace("<", "&lt;")


def _row(row: TableRow, width: int) -> str:
    label = f"{_text(row.label)}{_marks(row.marks)}"
    if not row.cells:
        return _line([f"*{label}*", *[""] * (width - 1)])
    return _line([label, *map(_cell, row.cells)])


def _cell(cell: TableCell) -> str:
    return _EMPHASIS[cell.emphasis].format(_text(cell.text)) + _marks(cell.every_mark)


def _line(words: list[str]) -> str:
    return f"| {' | '.join(words)} |"


def _text(text: str) -> str:
    parts = []
    for style, part in spans(text.replace("\n", " ")):
        if style == "code":
            parts.append(f"`{part}`".replace("|", "\\|"))
        else:
            parts.append(f"L{part}" if style == "loss" else _SPECIAL.sub(r"\\\1", part))
    return "".join(parts)


def _marks(marks: tuple[str, ...]) -> str:
    return _mark(" ".join(marks)) if marks else ""


def _mark(mark: str) -> str:
    return f"<sup>{mark}</sup>"
