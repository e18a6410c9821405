"""A table for a terminal that may have no room for it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_NAME = 8  # characters of a method's name that stand in one line at least
_WIDEST = 1000  # characters that no table of ours has


class WideTable:
    """A table that is printed as several, one below the other, where its columns find no room.

    A terminal of 80 columns has room for ours. Only the method may be broken, and into parts that
    can be read: a number that is broken cannot be.
    """

    def __init__(self, title: str, several: bool, columns: Iterable[str]) -> None:
        self._title = title
        self._lead = ("method", "loss", "seed") if several else ("method", "loss")
        self._columns = [name.replace(" ", "\n", 1) for name in columns]
        self._rows: list[tuple[Text, ...]] = []

    def add_row(self, *cells: Text) -> None:
        """Add the lead and a cell for each column; what lacks at the end stays empty."""
        self._rows.append(cells)

    def print(self, console: Console) -> None:
        """Print it, as few tables as have room."""
        first, title = 0, self._title
        while first < len(self._columns):
            last = len(self._columns)
            while self._width(first, last, console) > console.width and last > first + 1:
                last -= 1
            console.print(self._part(title, first, last))
            first, title = last, ""

    def _width(self, first: int, last: int, console: Console) -> int:
        """Characters that a part needs at least."""
        part = self._part("", first, last)
        whole = Measurement.get(console, console.options.update(width=_WIDEST), part).maximum
        names = max((row[0].cell_len for row in self._rows), default=0)
        return whole - max(0, names - _NAME)

    def _part(self, title: str, first: int, last: int) -> Table:
        """The table of some of the columns."""
        table = Table(
            title=Text(title) if title else None,
            title_justify="left",
            box=SIMPLE,
            show_edge=False,
            padding=(0, 0, 0, 1),
            pad_edge=False,
        )
        table.add_column("method", overflow="fold")
        for name in self._lead[1:]:
            table.add_column(name, no_wrap=True)
        for name in self._columns[first:last]:
            # A column that has no room even alone is broken between its numbers.
            table.add_column(name, justify="right", no_wrap=last - first > 1, overflow="fold")
        lead = len(self._lead)
        for row in self._rows:
            table.add_row(*row[:lead], *row[lead + first : lead + last])
        return table
