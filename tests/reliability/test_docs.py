"""Figures that the documents print are those that the code gives."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from command import bench

from bench.store.records import CALIBRATION

METRICS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"
COLUMNS = ("psnr", "ssim", "ie", "frc_10", "sharpness")
KINDS = {
    "average, blurred": "average_blurred",
    "real slice, blurred": "truth_blurred",
    "real slice with noise": "truth_noisy",
}


def printed() -> dict[str, list[str]]:
    """The rows of the table of the calibration, by what they are of."""
    section = METRICS.read_text(encoding="utf-8").partition("On `phantom_small` (")[2]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.partition("What to read")[0].splitlines()
        if line.startswith("|")
    ]
    return {row[0]: row[1:] for row in rows[2:]}


def test_the_calibration_of_phantom_small_is_as_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = bench(
        capsys, "run", "--methods", "average", "--dataset", "phantom_small", "--json",
        "--stages", "train,predict,score", "--data", tmp_path / "data", "--out", tmp_path,
    )  # fmt: skip
    assert code == 0
    rows = {row["method"]: row for row in json.loads(out)["rows"]}
    [path] = tmp_path.rglob(CALIBRATION)
    means = pd.read_parquet(path).groupby("kind")[list(COLUMNS)].mean()
    found = {
        name: [row["metrics"][column]["mean"] for column in COLUMNS] for name, row in rows.items()
    } | {name: means.loc[kind].tolist() for name, kind in KINDS.items()}
    assert printed().keys() == found.keys()
    for name, texts in printed().items():
        for column, text, value in zip(COLUMNS, texts, found[name], strict=True):
            step = 10.0 ** -len(text.partition(".")[2])  # of the last digit
            assert float(text) == pytest.approx(value, abs=step), (name, column)
