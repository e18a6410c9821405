"""The study of the phantom's dials: which datasets belong to it, its numbers, its figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_store
from PIL import Image

from bench.cells.cell import plan
from bench.cells.config import load_config
from bench.report.figures import draw_figures
from bench.report.figures.dial_series import curves, dials_of, middles
from bench.report.figures.subject import subject_of
from bench.scores.results import Results, load_results
from bench.scores.statistics import paired_gain
from bench.store.records import NONE, Store

SETTINGS = {
    "phantom": 0.0, "phantom[noise=0,trained_on=phantom]": 0.3,
    "phantom[noise=20,trained_on=phantom]": -0.5,
    "phantom[align=no,trained_on=phantom]": -0.1,
    "phantom[align=no,drift=4,trained_on=phantom]": -1.0,
    # Not of the study: it learned by itself; two dials at once; learned from something else.
    "phantom[noise=40]": 5.0, "phantom[blur=1,noise=40,trained_on=phantom]": 5.0,
    "phantom[noise=30,trained_on=phantom_small]": 5.0,
}  # fmt: skip
REJECTED = 3  # triplets


def _scores(name: str, mean: float) -> pd.DataFrame:
    table = report_store.scores(name, mean)
    return table.assign(reason=["blur"] * REJECTED + [""] * (len(table) - REJECTED))


def _store(out: Path) -> Results:
    for dataset, gain in SETTINGS.items():
        for method, loss, own in (("linear", NONE, 0), ("flow", NONE, -0.2), ("ssan", "l1", gain)):
            report_store.add(
                out, method, loss, dataset=dataset, table=_scores(method + dataset, 19 + own),
                segmented=report_store.membranes(0.6 + own / 20), title=method.title(),
                about={"title": "Phantom", "triplets": {"test": 27}},
            )  # fmt: skip
        ceiling = Store(out).root / dataset / "segmenter-1"
        ceiling.mkdir()
        report_store.membranes(0.8).to_parquet(ceiling / "ceiling.parquet", index=False)
    return load_results(out, out / "data", pytest.fail)


def test_a_study_is_of_one_dial_at_a_time_and_of_what_the_middle_taught() -> None:
    assert middles(list(SETTINGS)) == ["phantom"]
    noise, drift = dials_of(list(SETTINGS), "phantom")
    assert (noise.name, noise.among, noise.middle) == ("noise", (), 4.2)
    assert list(noise.settings.items()) == [
        (0.0, "phantom[noise=0,trained_on=phantom]"), (4.2, "phantom"),
        (20.0, "phantom[noise=20,trained_on=phantom]"),
    ]  # fmt: skip
    # Its middle is the one that is built likewise.
    assert (drift.name, drift.among) == ("drift", ("align=no",))
    assert drift.settings[0.8] == "phantom[align=no,trained_on=phantom]"


def test_curves_are_paired_gains_with_the_rejected_triplets(tmp_path: Path) -> None:
    results = _store(tmp_path)
    noise = dials_of(results.datasets, "phantom")[0]
    table = curves(results, subject_of(results, "phantom"), noise)
    name = "phantom[noise=20,trained_on=phantom]"
    own, null = (_scores(method + name, mean) for method, mean in (("ssan", 18.5), ("linear", 19)))
    for score in ("psnr", "frc_10"):
        expected = paired_gain(own[score], null[score], own)
        row = table[(table["value"] == 20) & (table["score"] == score)].set_index("method")
        found = row.loc["Ssan-L1", ["mean", "low", "high", "clusters"]]
        assert found.tolist() == pytest.approx(list(expected[:4]))
        assert row.loc["Ssan-L1", "triplets"] == report_store.COUNT
    gaps = table[(table["score"] == "gap") & (table["method"] == "Ssan-L1")]
    assert gaps["mean"].tolist() == pytest.approx([0.185, 0.2, 0.225])
    ceiling = table[table["score"] == "ceiling"]
    assert ceiling["mean"].tolist() == pytest.approx([0.8] * 3)


def test_the_figure_is_drawn_once_and_always_the_same(tmp_path: Path) -> None:
    results = _store(tmp_path)
    told: list[str] = []
    paths = draw_figures(results, ["dials"], tmp_path / "one", told.append).files
    assert told == []
    assert [path.name for path in paths] == [
        "dials-phantom.pdf", "dials-phantom.png", "dials-phantom.csv", "figures.md",
    ]  # fmt: skip
    with Image.open(paths[1]) as picture:
        grey = np.asarray(picture.convert("L"))
    assert grey.shape[1] == pytest.approx(1596, abs=2)  # both columns of a page
    assert 0.02 < (grey < 250).mean() < 0.5
    numbers = pd.read_csv(paths[2])
    assert set(numbers["dial"]) == {"noise", "drift"}
    assert set(numbers["built"].dropna()) == {"align=no"}
    assert len(numbers) == 5 * (3 * 3 + 1)
    words = paths[3].read_text(encoding="utf-8")
    for part in (
        "noise 4.2 grey levels",
        "3 of whichever",
        "All 30 test triplets",
        "`phantom`",
    ):
        assert part in words
    script = (
        "import sys; from pathlib import Path\n"
        "from bench.scores.results import load_results\n"
        "from bench.report.figures import draw_figures\n"
        "out, to = map(Path, sys.argv[1:])\n"
        "draw_figures(load_results(out, out / 'data', print), ['dials'], to, print)\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    again = tmp_path / "again"
    subprocess.run([sys.executable, "-c", script, tmp_path, again], check=True, env=environment)
    assert [p.name for p in paths if p.read_bytes() != (again / p.name).read_bytes()] == []


def test_a_store_without_settings_says_what_makes_them(tmp_path: Path) -> None:
    report_store.add(tmp_path, "linear", table=report_store.scores("linear", 19), dataset="phantom")
    told: list[str] = []
    results = load_results(tmp_path, tmp_path / "data", pytest.fail)
    draw_figures(results, ["dials"], tmp_path / "figures", told.append)
    assert len(told) == 1
    assert "configs/dials.toml" in told[0]


def test_the_configuration_turns_five_dials_around_one_middle() -> None:
    config = load_config(Path("configs/dials.toml"), {})
    names = [cell.dataset for cell in plan(config) if cell.is_null]
    assert len(names) == len(config.dataset) == 22
    (middle,) = middles(names)
    assert middle == "phantom_small[trained_on=phantom]"
    found = {dial.name: dial for dial in dials_of(names, middle)}
    assert list(found) == ["deformation", "noise", "blur", "thickness", "drift"]
    for dial in found.values():
        assert len(dial.settings) == 5
        assert dial.middle in dial.settings
