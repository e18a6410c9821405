"""The table of two judges."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_store import COUNT, add, judged_twice, membranes, scores
from test_tables import read

from bench.report.judges_table import judges


def test_rows_hold_the_means_of_the_stored_tables(tmp_path: Path) -> None:
    for name, first, second in (("linear", 0.4, 0.5), ("average", 0.6, 0.3)):
        judged_twice(tmp_path, name, first, second)
    (table,) = judges(read(tmp_path))
    titles = [column.title for column in table.columns]
    row = next(row for row in table.rows if row.label == "Average")
    shown = dict(zip(titles, row.cells, strict=True))
    assert shown["Carried"].value == pytest.approx(0.6)
    assert shown["Carried, second"].value == pytest.approx(0.3)
    assert shown["Dice, second"].value == pytest.approx(0.5)
    assert (shown["Carried"].emphasis, shown["Carried, second"].emphasis) == ("best", "second")
    said = " ".join(table.caption)
    assert f"mouse_triplet {COUNT}" in said
    assert "in carried average and linear" in said


def test_where_nobody_was_judged_twice_there_is_no_table(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0), segmented=membranes(0.6))
    assert judges(read(tmp_path)) == []
