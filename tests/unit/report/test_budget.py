"""The figure of budgets: which trainings it is made of, its numbers, and what says they lack."""

from pathlib import Path

import pandas as pd
import pytest
import report_store
from PIL import Image

from bench.report.figures import draw_figures
from bench.scores.budgets import budget_curves
from bench.scores.results import Results, load_results

# PSNR of each method at each number of crops.
TRAINED = {"ssan": {4_000: 19.0, 16_000: 19.5, 64_000: 19.8}, "dain": {4_000: 19.2, 16_000: 19.3}}


def store(out: Path, *, seeds: tuple[int, ...] = (0, 1)) -> Results:
    for method, budgets in TRAINED.items():
        for crops, mean in budgets.items():
            for seed in seeds:
                add(out, method, crops, mean + seed / 10, seed=seed)
    return load_results(out, out / "data", print)


def add(out: Path, method: str, crops: int, mean: float, **more: object) -> None:
    report_store.add(
        out,
        method,
        "l1",
        table=report_store.scores(f"{method}{crops}", mean),
        segmented=report_store.membranes(mean / 40),
        preset="overnight" if crops == 64_000 else "quick",
        key=f"{method}{crops}",
        config={"preset": {"samples": crops, "crop": 128, "validations": crops // 500}},
        title=method.upper(),
        **more,  # type: ignore[arg-type]
    )


def test_a_curve_is_one_training_at_all_of_its_budgets(tmp_path: Path) -> None:
    results = store(tmp_path)
    curves = {curve.entry.cell.method: curve for curve in budget_curves(results.every)}
    for method, budgets in TRAINED.items():
        assert list(curves[method].budgets) == list(budgets)
        assert all(len(cells) == 2 for cells in curves[method].budgets.values())


def test_what_differs_in_more_than_the_budget_is_no_point_of_a_curve(tmp_path: Path) -> None:
    add(tmp_path, "ssan", 4_000, 19.0)
    preset = {"samples": 16_000, "crop": 256, "validations": 32}
    for key, more in {
        "crop": {"config": {"preset": preset}},
        "cut": {"config": {"preset": preset | {"crop": 128}, "max_triplets": 2}},
    }.items():
        table = report_store.scores(key, 19.4)
        report_store.add(tmp_path, "ssan", "l1", table=table, key=key, **more)
    told: list[str] = []
    results = load_results(tmp_path, tmp_path / "data", told.append)
    assert budget_curves(results.every) == []
    assert sum("has others of this name" in sentence for sentence in told) == 1


def test_the_figure_has_the_mean_of_the_seeds_at_each_budget(tmp_path: Path) -> None:
    told: list[str] = []
    drawn = draw_figures(store(tmp_path), ["budget"], tmp_path / "figures", told.append)
    assert told == []
    names = [path.name for path in drawn.files]
    assert names[:3] == [f"budget-mouse_triplet.{kind}" for kind in ("pdf", "png", "csv")]
    with Image.open(drawn.files[1]) as picture:
        assert picture.width == pytest.approx(1596, abs=2)  # both columns of a page
    table = pd.read_csv(drawn.files[2])
    psnr = table[table["score"] == "psnr"].set_index(["method", "crops"])["mean"]
    for method, budgets in TRAINED.items():
        for crops, mean in budgets.items():
            assert psnr[f"{method.upper()}-L1", crops] == pytest.approx(mean + 0.05)
    assert list(table["method"].unique()) == ["DAIN-L1", "SSAN-L1"]  # as the registry has them
    assert set(table["seeds"]) == {2}
    gains = table[table["score"] == "psnr"].set_index(["method", "crops"])
    assert gains["gain"]["SSAN-L1", 64_000] == pytest.approx(0.8)
    assert gains["gain_low"]["SSAN-L1", 64_000] < 0.8 < gains["gain_high"]["SSAN-L1", 64_000]
    assert gains["gain"][:, 4_000].isna().all()
    words = drawn.pictures[0].words
    assert "2 seeds a point" in words
    assert "preset quick and overnight" in words
    assert "not shown" not in words


def test_a_store_of_one_budget_says_how_to_get_another(tmp_path: Path) -> None:
    add(tmp_path, "ssan", 4_000, 19.0)
    told: list[str] = []
    results = load_results(tmp_path, tmp_path / "data", print)
    draw_figures(results, ["budget"], tmp_path / "figures", told.append)
    assert len(told) == 1
    assert "--preset overnight" in told[0]
