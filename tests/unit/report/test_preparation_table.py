"""What the preparation hides: kept and rejected, aligned and not, side by side."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import report_store
from test_tables import cell, notes, read

from bench.report.preparation_table import preparation
from bench.report.table import DASH
from bench.scores.statistics import mean_interval
from bench.store.records import NONE

TWIN = "mine_raw[trained_on=mine]"
REJECTED = 6  # triplets


def _scores(mean: float) -> pd.DataFrame:
    """Scores of which the rejected ones are 4 dB worse."""
    table = report_store.scores("any", mean)
    table["reason"] = ["blur"] * REJECTED + [""] * (len(table) - REJECTED)
    table.loc[:REJECTED, "psnr"] -= 4
    return table


def test_every_method_is_scored_four_times(tmp_path: Path) -> None:
    for method, loss, mean in (("linear", NONE, 19.0), ("ssan", "l1", 20.0)):
        for name, lost, align in (("mine", 0.0, True), (TWIN, 2.5, False)):
            report_store.add(
                tmp_path, method, loss, dataset=name, table=_scores(mean - lost),
                about={"align": align}, title=method,
            )  # fmt: skip
    # Not the twin: turned in something else too.
    report_store.add(
        tmp_path, "linear", dataset="mine[align=no,tile=64,trained_on=mine]",
        table=_scores(5), about={"align": False},
    )  # fmt: skip
    (table,) = preparation(read(tmp_path))
    assert [row.label for row in table.rows] == ["mine", "linear (the null)", "ssan-L_1"]
    for group, lost in (("aligned", 0.0), ("not aligned", 2.5)):
        every = _scores(20 - lost)
        kept = every[every["reason"] == ""]
        for which, counted in (("kept", kept), ("all", every)):
            expected = mean_interval(counted["psnr"], counted)
            found = cell(table, "ssan", "PSNR (dB)", f"{group}, {which}")
            assert (found.value, found.low) == pytest.approx(expected[:2])
    assert "24 of 30 test triplets of mine were kept" in notes(
        table, cell(table, "ssan", "FRC < 0.1", "aligned, kept")
    )


def test_without_a_twin_the_table_says_what_makes_one(tmp_path: Path) -> None:
    report_store.add(tmp_path, "linear", dataset="mine", table=_scores(19))
    (table,) = preparation(read(tmp_path))
    missing = cell(table, "Linear", "PSNR (dB)", "not aligned, all")
    assert missing.text == DASH
    assert "mine[align=no,trained_on=mine]" in notes(table, missing)
