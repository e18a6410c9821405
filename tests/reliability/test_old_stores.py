"""A store of earlier code: it loads, goes on and is reported.

`stores/schema1` was left by three commands: `bench run` of `average` and `tiny` with all stages,
one of `tiny[width=6]` that was killed after its first validation, and that of `unbroken`, whose
weights are what the killed one comes to. The segmenter's own weights are left out: they are
large, and only who segments again needs them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from command import bench

from bench.store.records import Store
from bench.store.weights import load_tensors

OLD = Path(__file__).parent / "stores/schema1"
DATASET = "phantom[depth=16,height=64,search=4,stride=48,tile=48,width=64]"
# Of the same steps on another processor.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-4}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The old store, free to be written to."""
    shutil.copytree(OLD, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    store: Path,
    tiny_bench: None,
    one_thread: None,
    without_picture: None,
) -> Run:
    def call(methods: str) -> tuple[int, str, str]:
        return bench(
            capsys, "run", "--methods", methods, "--losses", "l1", "--dataset", DATASET,
            "--stages", "train,predict,score", "--device", "cpu", "--threads", 1,
            "--data", store / "data", "--out", store / "results", "--json",
        )  # fmt: skip

    return call


def contents(store: Path) -> dict[Path, tuple[bytes, int]]:
    """Every file of the store, and when it was written."""
    files = (path for path in store.rglob("*") if path.is_file() and path.name[0] != ".")
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_the_same_words_compute_nothing_and_have_its_figures(run: Run, store: Path) -> None:
    before = contents(store)
    code, out, err = run("average,tiny")
    assert code == 0, err
    assert err.count("computed before, used as it is.") == 3
    assert contents(store) == before
    records = dict(Store(store / "results").records())
    rows = json.loads(out)["rows"]
    assert [row["method"] for row in rows] == ["linear", "average", "tiny"]
    for row in rows:
        means = records[Path(row["folder"])].means
        assert row["metrics"]["psnr"]["mean"] == pytest.approx(means["psnr"])
        assert row["membranes"]["metrics"]["dice"]["mean"] == pytest.approx(means["dice"])


def test_one_method_more_adds_its_cell_alone(run: Run, store: Path) -> None:
    before = contents(store)
    code, _, err = run("average,tiny,before")
    assert code == 0, err
    assert err.count("computed before, used as it is.") == 3
    after = contents(store)
    assert {path: after[path] for path in before} == before
    added = {path.parent.name.partition("-fold0")[0] for path in set(after) - set(before)}
    assert added == {"before"}


def test_its_report_has_its_figures(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--tables", "4,5", "--figures", "5", "--format", "csv")
    code, _, err = bench(
        capsys, "report", *words, "--out", store / "results", "--data", store / "data"
    )
    assert code == 0, err
    records = {r.cell["method"]: r for _, r in Store(store / "results").records()}
    for table, column, metric in (("4", "PSNR (dB)", "psnr"), ("5", "Dice", "dice")):
        rows = pd.read_csv(store / f"results/report/table{table}.csv")
        rows = rows[rows["column"] == column].set_index("row")
        for title, method in (("Average", "average"), ("Linear filter (the null)", "linear")):
            assert rows["value"][title] == pytest.approx(records[method].means[metric])


def test_its_killed_training_goes_on_to_the_weights_of_an_unbroken_one(
    run: Run, store: Path
) -> None:
    code, _, err = run("tiny[width=6]")
    assert code == 0, err
    assert "tiny[width=6] l1: the training goes on after step 10 of 30." in err
    (folder,) = (store / "results/runs").glob("*/tiny*width=6*")
    found, facts = load_tensors(folder / "weights.safetensors")
    expected, known = load_tensors(OLD / "unbroken/weights.safetensors")
    torch.testing.assert_close(found, expected, **TOLERANCE)
    assert facts["best_step"] == known["best_step"]
    assert not (folder / "checkpoint.safetensors").exists()
