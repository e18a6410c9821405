"""The tables that are committed are what `bench report` makes of the records beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from bench.report.write import wanted, write_report

REFERENCE = Path(__file__).resolve().parents[2] / "results" / "reference"
TABLES = ("table4.md", "table4_extended.md", "table5.md")


@pytest.mark.parametrize("preset", ["quick"])
def test_the_committed_tables_come_from_the_committed_records(preset: str, tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / preset / "runs", tmp_path / "runs")
    wishes = wanted("4,5", None, "markdown")
    write_report(tmp_path, tmp_path / "data", wishes, (), None, pytest.fail)
    for name in TABLES:
        made = (tmp_path / "report" / name).read_text(encoding="utf-8")
        assert made == (REFERENCE / preset / "report" / name).read_text(encoding="utf-8"), name


def test_the_committed_curves_come_from_the_committed_records(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "dials" / "runs", tmp_path / "runs")
    write_report(tmp_path, tmp_path / "data", wanted(None, "dials", None), (), None, pytest.fail)
    name = "report/figures/dials-phantom_small[trained_on=phantom].csv"
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / name), pd.read_csv(REFERENCE / "dials" / name), rtol=1e-4, atol=1e-6
    )
