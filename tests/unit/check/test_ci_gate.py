"""The repository's own gate, end to end: `configs/ci.toml` against `results/baselines/ci.json`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from bench.base.files import file_digest
from bench.cells.config import load_config
from bench.commands.main import app
from bench.run.compute import compute
from bench.stages.score import score
from bench.store.records import Failure, Store
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile

ROOT = Path(__file__).resolve().parents[3]
BASELINE, CONFIG = ROOT / "results/baselines/ci.json", ROOT / "configs/ci.toml"
NETWORKS = ("ssan", "sepconv", "dain")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration carried out, in `results` and `data` below a folder."""
    folder = tmp_path_factory.mktemp("gate")
    with chdir(ROOT):  # its weights are named from there
        compute(load_config(CONFIG, {"out": folder / "results", "data": folder / "data"}))
        yield folder


@pytest.fixture
def copied(measured: Path, tmp_path: Path) -> Path:
    shutil.copytree(measured, tmp_path / "copy")
    return tmp_path / "copy"


def check(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    words = ["--out", str(folder / "results"), "--data", str(folder / "data"), "--json"]
    answer = CliRunner().invoke(app, ["check", "--baseline", str(BASELINE), *words])
    return answer.exit_code, json.loads(answer.stdout)["findings"]


def change(folder: Path, how: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change every predicted frame, and score it again."""
    file = TripletFile(dataset_path(folder / "data", "phantom_small", 0))
    store = Store(folder / "results")
    for cell, record in store.records():
        with h5py.File(cell / "frames.h5", "r+") as frames:
            for i, frame in enumerate(frames["frames"][:]):
                changed = how(frame.astype(np.float64))
                frames["frames"][i] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
        score(cell / "frames.h5", file, cell / "scores.parquet", lambda *_: None)
        record.stages["score"].digest = file_digest(cell / "scores.parquet")
        store.save(record, cell)


def worse(findings: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The metrics that got worse, by cell."""
    cells = {finding["cell"] for finding in findings}
    return {
        cell.removesuffix(" on phantom_small"): {
            f["metric"] for f in findings if f["cell"] == cell and f["outcome"] == "worse"
        }
        for cell in cells
    }


def test_the_repository_passes_and_weights_give_the_same_figures(measured: Path) -> None:
    code, findings = check(measured)
    assert code == 0
    given = [f for f in findings if "weights=" in f["cell"] and f["metric"] == "psnr"]
    assert len(given) == len(NETWORKS)
    assert max(abs(finding["change"]) for finding in given) < 0.01


def test_five_clean_repeats_pass(copied: Path) -> None:
    config = load_config(
        CONFIG,
        {"out": copied / "results", "data": copied / "data", "stages": "predict,score",
         "rerun": True},
    )  # fmt: skip
    given = tuple(text for text in config.methods if "weights=" in text)
    for threads in (1, 1, 1, 1, 2):
        words = {"methods": ("average", *given), "threads": threads}
        outcomes, _ = compute(config.model_copy(update=words))
        assert {outcome.record.status for outcome in outcomes} == {"done"}
        code, findings = check(copied)
        assert code == 0, worse(findings)


def test_a_slight_blur_trips_every_network(copied: Path) -> None:
    change(copied, lambda frame: ndimage.gaussian_filter(frame, 0.5))
    code, findings = check(copied)
    assert code == 1
    found = worse(findings)
    assert found["Average"] == {"sharpness"}
    for network in ("SSAN[", "SepConv[", "DAIN-style["):
        assert any("sharpness" in found[cell] for cell in found if cell.startswith(network))


def test_a_shift_by_one_pixel_trips_every_cell_but_the_trained(copied: Path) -> None:
    change(copied, lambda frame: np.roll(frame, 1, axis=1))
    code, findings = check(copied)
    assert code == 1
    found = worse(findings)
    assert {cell for cell, metrics in found.items() if "psnr" not in metrics} <= {
        "SSAN[g0=32,growth=16]-L1"  # its limits are wide
    }


def test_a_missing_and_a_failed_cell_trip(copied: Path) -> None:
    store = Store(copied / "results")
    for folder, record in list(store.records()):
        if record.cell["method"] == "flow":
            shutil.rmtree(folder)
        if record.cell["method"] == "phase":
            record.status = "failed"
            record.failure = Failure(stage="predict", reason="out of luck", traceback="")
            store.save(record, folder)
    code, findings = check(copied)
    assert code == 1
    closed = {f["cell"].partition(" ")[0]: f["outcome"] for f in findings if not f["metric"]}
    assert sorted(closed.values()) == ["failed", "missing"]
