"""The tables that are committed are what `bench report` makes of the records beside them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.report.write import wanted, write_report

REFERENCE = Path(__file__).resolve().parents[3] / "results" / "reference"
VOLUMES = ("mouse_triplet", "vnc_triplet")


def nothing_is_wrong(said: str) -> None:
    """Trainings of several lengths are no fault of a store."""
    if "--samples shows another length" not in said:
        pytest.fail(said)


@pytest.mark.parametrize(
    ("study", "tables", "datasets", "names"),
    [
        (
            "quick",
            "1,2,3,4,5,differences",
            VOLUMES,
            (
                *("table1", "table2", "table3", "table4", "table4_extended", "table5"),
                *("differences", "claims", "comparisons"),
            ),
        ),
        ("quick", "preparation", (), ("preparation",)),
        ("preparation", "preparation", (), ("preparation",)),
        ("seeds", "4", VOLUMES, ("table4", "table4_extended")),
        (
            "neurons",
            "neurites,4,5,differences",
            (),
            ("neurites", "table4_extended", "table5", "differences"),
        ),
        (
            "neurons/overnight",
            "neurites,4,differences",
            VOLUMES,
            ("neurites", "table4_extended", "differences"),
        ),
        ("phantom", "neurites,differences", (), ("neurites", "differences")),
        ("gaps", "gaps", (), ("gaps",)),
        ("gaps/overnight", "gaps", (), ("gaps",)),
    ],
)
def test_the_committed_tables_come_from_the_committed_records(
    study: str, tables: str, datasets: tuple[str, ...], names: tuple[str, ...], tmp_path: Path
) -> None:
    study, _, preset = study.partition("/")
    committed = REFERENCE / study
    for part in ("runs", "profile"):
        if (committed / part).exists():
            shutil.copytree(committed / part, tmp_path / part)
    wishes = wanted(tables, None, "markdown", over="l1" if "differences" in tables else None)
    if preset == "overnight":
        wishes = replace(wishes, crops=16_000)
    wishes = replace(wishes, whole="claims" in names)
    write_report(tmp_path, tmp_path / "data", wishes, datasets, preset or "quick", nothing_is_wrong)
    report = committed / (f"report-{preset}" if preset else "report")
    for name in names:
        made = (tmp_path / "report" / f"{name}.md").read_text(encoding="utf-8")
        assert made == (report / f"{name}.md").read_text(encoding="utf-8"), name


@pytest.mark.parametrize(
    ("report", "table", "over"),
    [
        ("neurons/report-64000", "neurites", None),
        ("neurons/report-64000", "differences", "rife:lm"),
        ("replication/report", "neurites", None),
        ("replication/report", "differences", "before"),
    ],
)
def test_the_longest_training_beside_what_needs_none(
    report: str, table: str, over: str | None, tmp_path: Path
) -> None:
    study = (REFERENCE / report).parent
    for dataset in VOLUMES:
        shutil.copytree(study / "runs" / dataset, tmp_path / "runs" / dataset)
    wishes = wanted(table, None, "markdown", losses="lm", over=over)
    wishes = replace(wishes, crops=64_000)
    write_report(tmp_path, tmp_path / "data", wishes, (), "overnight", nothing_is_wrong)
    made = (tmp_path / "report" / f"{table}.md").read_text(encoding="utf-8")
    assert made == (REFERENCE / report / f"{table}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dataset", VOLUMES)
def test_the_committed_budgets_come_from_the_committed_records(
    dataset: str, tmp_path: Path
) -> None:
    name, study = f"budget-{dataset}.csv", REFERENCE / "neurons"
    shutil.copytree(study / "runs" / dataset, tmp_path / "runs" / dataset)
    write_report(
        tmp_path, tmp_path / "data", wanted(None, "budget", None), (), None, nothing_is_wrong
    )
    made = pd.read_csv(tmp_path / "report" / "figures" / name)
    pd.testing.assert_frame_equal(made, pd.read_csv(study / name), rtol=1e-4, atol=1e-6)


def test_the_committed_curves_come_from_the_committed_records(tmp_path: Path) -> None:
    shutil.copytree(REFERENCE / "dials" / "runs", tmp_path / "runs")
    write_report(tmp_path, tmp_path / "data", wanted(None, "dials", None), (), None, pytest.fail)
    name = "report/figures/dials-phantom_small[trained_on=phantom].csv"
    pd.testing.assert_frame_equal(
        pd.read_csv(tmp_path / name), pd.read_csv(REFERENCE / "dials" / name), rtol=1e-4, atol=1e-6
    )
