"""What a table says of the rows that were not asked for: the best may be among them."""

from __future__ import annotations

from dataclasses import replace

from bench.report.caption import EMPHASIS
from bench.report.digest import without_bare
from bench.report.table import Table

_AMONG = "Best bold, second underlined, among the rows shown and by unrounded values."


def beside_whole(table: Table, whole: Table) -> Table:
    """The table, with the names of the measured rows that it leaves out of the whole."""
    shown = {row.label for row in table.rows}
    labels = dict.fromkeys(row.label for row in without_bare(whole).rows if row.cells)
    absent = [label for label in labels if label not in shown]
    if not absent:
        return table
    words = tuple(_AMONG if sentence == EMPHASIS else sentence for sentence in table.caption)
    said = f"Left out by `--methods` or `--losses`: {'; '.join(absent)}."
    return replace(table, caption=words, remarks=(*table.remarks, said))
