"""A table before it has a format: the one source of its LaTeX, Markdown, CSV and HTML.

Texts are plain but for two things: `code` stands between backticks, and ``L_1``, ``L_f``, ``L_s``
are the paper's losses, ``L_m`` is ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.scores.standings import TIE, Emphasis

Style = Literal["plain", "code", "loss"]

DASH = "–"
TIES = (
    "cannot be told apart from the best: paired over the test triplets, p >= 0.05 (Holm over the "
    "column), or there are too few columns of tiles or slices to tell."
)
_SPANS = re.compile(r"`(?P<code>[^`]+)`|(?<!\w)L_(?P<loss>[1fsm])(?!\w)")


class Aside(str):
    """A sentence of a caption that the caption of a paper has no room for.

    A page shows it above the table with the others, LaTeX above the footnotes.
    """


@dataclass(frozen=True)
class TableCell:
    """One cell.

    Attributes:
        text: what is printed.
        value: the number behind it, unrounded, if it is one; so ``low`` and ``high``, the
            ends of its 95 % interval.
        emphasis: whether it is the best or the second of those it is compared with.
        tie: whether it cannot be told apart from the best.
        marks: of its footnotes.
    """

    text: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    emphasis: Emphasis = ""
    tie: bool = False
    marks: tuple[str, ...] = ()

    @property
    def every_mark(self) -> tuple[str, ...]:
        """The mark of a tie, if it is one, and those of the footnotes."""
        return ((TIE,) if self.tie else ()) + self.marks


@dataclass(frozen=True)
class Column:
    """A column; those of one group (a dataset) stand together under its name.

    Attributes:
        title: for instance the metric.
        group: what stands over it and its neighbours; empty for nothing.
        marks: footnotes of the group.
        width: share of the line that running text is broken to; None for numbers.
    """

    title: str
    group: str = ""
    marks: tuple[str, ...] = ()
    width: float | None = None


@dataclass(frozen=True)
class TableRow:
    """A row; one without cells is a heading over the rows that follow.

    Attributes:
        label: what stands in front.
        cells: one for each column.
        marks: footnotes of the label.
        rule: whether a line is drawn above.
        unmeasured: of running text: whether it says that nothing was measured. A row of numbers
            shows it by having none.
    """

    label: str
    cells: tuple[TableCell, ...] = ()
    marks: tuple[str, ...] = ()
    rule: bool = False
    unmeasured: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: its part of a file's name: ``1``, ``4_extended``, ``claims``.
        caption: sentences; the first is the title.
        stub: title of the labels.
        columns: from left to right.
        rows: from top to bottom.
        notes: footnotes by mark.
        remarks: what is left out of it, in sentences: a page shows them below the table, LaTeX in
            comments above it.
    """

    name: str
    caption: tuple[str, ...]
    stub: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """The name of its files."""
        return f"table{self.name}" if self.name[0].isdigit() else self.name

    @property
    def title(self) -> str:
        """Its number in the paper, if it has one, and what it shows."""
        base, _, form = self.name.partition("_")
        lead = f"Table {base}{f' ({form})' if form else ''}: " if base.isdigit() else ""
        return lead + self.caption[0].rstrip(".")

    @property
    def prose(self) -> bool:
        """Whether its cells hold running text."""
        return any(column.width is not None for column in self.columns)

    @property
    def empty(self) -> bool:
        """Whether nothing in it was measured."""
        return all(self.bare(row) for row in self.rows if row.cells)

    @property
    def printable(self) -> bool:
        """Whether a paper can take it: it has a number, or says what the paper claims."""
        return self.prose or not self.empty

    def bare(self, row: TableRow) -> bool:
        """Whether nothing in one of its rows was measured; a heading is not bare."""
        if self.prose:
            return row.unmeasured
        return bool(row.cells) and all(cell.value is None for cell in row.cells)

    @property
    def groups(self) -> list[tuple[Column, int]]:
        """The first column of each group, and how many columns the group has."""
        groups: list[tuple[Column, int]] = []
        for column in self.columns:
            if groups and groups[-1][0].group == column.group:
                groups[-1] = (groups[-1][0], groups[-1][1] + 1)
            else:
                groups.append((column, 1))
        return groups

    @property
    def grouped(self) -> bool:
        """Whether anything stands over the columns."""
        return any(column.group for column in self.columns)


@dataclass
class Notes:
    """Footnotes while a table is built: a sentence said twice keeps one mark."""

    marks: dict[str, str] = field(default_factory=dict)

    def mark(self, *sentences: str) -> tuple[str, ...]:
        """The mark of each sentence."""
        for sentence in sentences:
            self.marks.setdefault(sentence, letters(len(self.marks)))
        return tuple(dict.fromkeys(self.marks[sentence] for sentence in sentences))

    def listed(self, *, ties: bool = False) -> tuple[tuple[str, str], ...]:
        """Every mark with its sentence; the sign of a tie explains itself where there is one."""
        legend = ((TIE, TIES),) if ties else ()
        return legend + tuple((mark, sentence) for sentence, mark in self.marks.items())


def ruled(rows: Sequence[TableRow]) -> list[TableRow]:
    """Rows with a line above the first."""
    return [replace(row, rule=row.rule or not i) for i, row in enumerate(rows)]


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """A number as tables print it."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", "−")


def spans(text: str) -> Iterator[tuple[Style, str]]:
    """The parts of a text, each with its style."""
    end = 0
    for match in _SPANS.finditer(text):
        if match.start() > end:
            yield "plain", text[end : match.start()]
        yield ("code", match["code"]) if match["code"] else ("loss", match["loss"])
        end = match.end()
    if end < len(text):
        yield "plain", text[end:]


def plain(text: str) -> str:
    """A text without any markup."""
    return "".join(f"L{part}" if style == "loss" else part for style, part in spans(text))


def letters(number: int) -> str:
    """A mark: a to z, then aa."""
    return ("" if number < 26 else letters(number // 26 - 1)) + chr(ord("a") + number % 26)
