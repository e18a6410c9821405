"""The stage `segment` from end to end, on small cells with and without labels."""

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from bench.base.files import file_digest
from bench.base.progress import LiveDisplay
from bench.cells.config import RunConfig
from bench.report.page.leaderboard import leaderboard
from bench.report.page.printing import print_board
from bench.scores.ceiling import SegmenterRecord
from bench.scores.membranes import RETUNED, label_truth
from bench.scores.results import load_results
from bench.stages import own_thresholds
from bench.stages import segmenter_cache as segmenters
from bench.stages.masks import read_masks
from bench.stages.segmenter import load_segmenter
from bench.stages.splits import spread
from bench.store.records import Store, load_document, save_document
from bench.store.weights import load_tensors, save_tensors
from bench.triplets.file import TripletFile
from methods.classical import Average
from segmentation.thresholds import THRESHOLDS
from segmentation.training import Budget, probability
from segmentation.unet import UNetOptions

pytestmark = pytest.mark.usefixtures("one_thread", "without_picture")


def segmenter_folder(tmp_path: Path, dataset: str = "cells") -> Path:
    (folder,) = (tmp_path / "results/runs" / dataset).glob("segmenter-*")
    return folder


def test_labels_give_scores_a_ceiling_and_a_gap(run, tmp_path: Path, cells: TripletFile) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("--json")
    assert code == 0, err
    rows = {row["method"]: row for row in json.loads(out)["rows"]}
    found = rows["average"]["membranes"]
    assert found["reference"] == "labels"
    gap = found["metrics"]["dice"]["mean"] - found["ceiling"]["dice"]["mean"]
    assert found["gap"]["dice"]["mean"] == pytest.approx(gap)
    assert found["ceiling"] == rows["linear"]["membranes"]["ceiling"]

    folder = segmenter_folder(tmp_path)
    record = json.loads((folder / "segmenter.json").read_text())
    assert record["means"]["dice"] == pytest.approx(found["ceiling"]["dice"]["mean"])
    assert record["files"]["weights.safetensors"] == found["segmenter"]
    assert list(pd.read_csv(folder / "training.csv")) == [
        "step", "seconds", "loss", "validation_dice",
    ]  # fmt: skip

    test = cells.indices("test", rejected=True)
    for _, cell in Store(tmp_path / "results").records():
        facts = cell.stages["segment"].facts
        assert cell.status == "done"
        assert (facts["ceiling"], facts["reference"]) == (folder.name, "labels")
        assert cell.means["dice"] is not None
        assert cell.means["psnr"] is not None
    cell_folder = Path(rows["average"]["folder"])
    for masks_path, table_path in (
        (cell_folder / "membranes.h5", cell_folder / "membranes.parquet"),
        (folder / "ceiling.h5", folder / "ceiling.parquet"),
    ):
        masks, triplets = read_masks(masks_path)
        table = pd.read_parquet(table_path)
        assert masks.dtype == np.bool_
        assert triplets.tolist() == table["triplet"].tolist() == test.tolist()
        predicted = table["true_positive"] + table["false_positive"]
        assert predicted.tolist() == masks.sum(axis=(1, 2)).tolist()


def test_a_judgement_stands_until_another_one_is_there(
    run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    """Who stops the training of another segmenter has lost no score of the one before."""
    assert run()[0] == 0
    store = Store(tmp_path / "results")
    before = dict(store.records())

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(segmenters, "train_segmenter", stopped)
    assert run("--segmenter-steps", "9")[0] == 130
    assert dict(store.records()) == before
    for folder, record in before.items():
        stage = record.stages["segment"]
        assert file_digest(folder / stage.file) == stage.digest


def test_neurites_are_followed_and_set_against_every_reference(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("--json")
    assert code == 0, err
    rows = {row["method"]: row for row in json.loads(out)["rows"]}
    (answer,) = json.loads(out)["answers"]
    found = rows["average"]["membranes"]
    # After a few steps the processor's last bits decide whether the segmenter is of any worth.
    kinds = ("left_out", "left_out_flow")
    rival = max(kinds, key=lambda kind: found["references"][kind]["carried"]["mean"])
    real, left_out = found["ceiling"]["carried"], found["references"][rival]["carried"]
    weak = answer["neurites"]["too_weak"]
    assert (weak is not None) == (real["mean"] < left_out["mean"])
    if weak is not None:
        assert (weak["real"], weak[rival]) == (real, left_out)
    carried = {name: row["membranes"]["metrics"]["carried"]["mean"] for name, row in rows.items()}
    best = {name for name, row in rows.items() if "carried" in row["best"]}
    assert best == {name for name, mean in carried.items() if mean == max(carried.values())}
    assert list(found["references"]) == ["left_out", "left_out_flow", "true_segments"]
    assert found["references"] == rows["linear"]["membranes"]["references"]
    for means in (found["metrics"], found["ceiling"], *found["references"].values()):
        shares = [means[name]["mean"] for name in ("carried", "wrong_neurite", "lost")]
        assert sum(shares) == pytest.approx(1.0)
        assert 0 < means["carried_area"]["mean"] <= 1
    left_out = found["references"]["left_out"]["carried"]["mean"]
    gain = found["metrics"]["carried"]["mean"] - left_out
    assert found["over_left_out"]["carried"]["mean"] == pytest.approx(gain)
    # The neurites that are asked for are the same, whatever they are followed through.
    folder = segmenter_folder(tmp_path)
    tables = [Path(rows[name]["folder"]) / "membranes.parquet" for name in rows]
    real = pd.read_parquet(folder / "ceiling.parquet").set_index("triplet")
    for table in (pd.read_parquet(path).set_index("triplet") for path in tables):
        pd.testing.assert_series_equal(table["neurites"], real["neurites"])
    beside = pd.read_parquet(folder / "references.parquet")
    for _, table in beside.groupby("kind"):
        assert table["neurites"].tolist() == real["neurites"].tolist()

    code, out, err = run()
    assert code == 0, err
    assert "what to take\nNeurites: " in out
    lead = [line.split("  ")[0].strip() for line in out.splitlines()]
    there = ["left out", "left out, with flow", "real slice", "true segments"]
    broken = " ".join(lead[lead.index(there[0]) :][:6])  # a name is, where 80 columns are too few
    assert broken.startswith(" ".join(there))
    tables = [line for line in out.splitlines() if re.match(r"method|[─]+$|.*\d$", line)]
    assert max(map(len, tables)) <= 80
    words = ("--data", tmp_path, "--out", tmp_path / "results")
    assert run.bench("report", "--tables", "5", "--format", "csv", *words)[0] == 0
    cells = pd.read_csv(tmp_path / "results/report/table5.csv").set_index(["column", "row"])
    values = cells["value"]["Carried"]
    assert values["Average"] == pytest.approx(found["metrics"]["carried"]["mean"])
    assert values["Left out"] == pytest.approx(left_out)
    assert [name.partition(" (")[0].lower() for name in values.index[-4:]] == there
    board = print_board(leaderboard(load_results(tmp_path / "results", tmp_path, print)))
    assert [row["title"] for row in board["beside"]] == [
        "Left out", "Left out, with flow", "Real slices", "True segments",
    ]  # fmt: skip
    carried = [column.name for column in board["columns"]].index("carried")
    assert board["beside"][0]["numbers"][carried]["text"] == f"{left_out:.4f}"


def test_a_ceiling_of_before_neurites_were_followed_is_made_anew_without_a_training(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    _, first, _ = run("--json")
    folder = segmenter_folder(tmp_path)
    record = load_document(folder / "segmenter.json", SegmenterRecord)
    weights = (folder / "weights.safetensors").stat().st_mtime_ns
    # As they were left for triplets of schema 1; the cells' own keys were others too.
    ceiling = pd.read_parquet(folder / "ceiling.parquet")
    old = ceiling[[name for name in ceiling if not name.startswith("neurite")]]
    old.to_parquet(folder / "ceiling.parquet", index=False)
    (folder / "references.parquet").unlink()
    del record.files["references.parquet"]
    record.files["ceiling.parquet"] = file_digest(folder / "ceiling.parquet")
    save_document(folder / "segmenter.json", record.model_dump(mode="json", exclude={"carried"}))
    for path, cell in Store(tmp_path / "results").records():
        cell.stages["segment"].key = "of before"
        Store(tmp_path / "results").save(cell, path)
    code, again, err = run("--json")
    assert code == 0, err
    assert "Training the segmenter" not in err
    assert (folder / "weights.safetensors").stat().st_mtime_ns == weights
    assert json.loads(again)["rows"] == json.loads(first)["rows"]


def test_who_is_stopped_at_the_ceiling_has_not_lost_the_training_of_the_segmenter(
    run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(segmenters.Segmenters, "_ceiling", stopped)
        assert run()[0] == 130
    trained = file_digest(segmenter_folder(tmp_path) / "weights.safetensors")
    monkeypatch.setattr("segmentation.training._step", stopped)
    code, _, errors = run()
    assert code == 0, errors
    folder = segmenter_folder(tmp_path)
    assert file_digest(folder / "weights.safetensors") == trained
    assert not (folder / "checkpoint.safetensors").exists()


def test_a_second_run_trains_nothing_and_a_lost_segmenter_is_made_again(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    _, first, _ = run("--json")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "results/runs").rglob("[!.]*.*")}
    _, second, err = run("--json")
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "results/runs").rglob("[!.]*.*")}
    assert [p for p in before if before[p] != after[p] and p.suffix != ".png"] == []
    assert "Training the segmenter" not in err
    weights = segmenter_folder(tmp_path) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    _, third, err = run("--json")
    assert "Training the segmenter" in err
    assert json.loads(first)["rows"] == json.loads(second)["rows"] == json.loads(third)["rows"]


def test_a_segmenter_that_stops_early_says_so(run, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def options(config: RunConfig) -> tuple[UNetOptions, Budget]:
        return UNetOptions(decoder=(8, 4, 4)), Budget(40, crop=48, batch=2, every=1, patience=3)

    monkeypatch.setattr(segmenters, "options_of", options)
    # As it never gets any better, the first validation is the best.
    monkeypatch.setattr("segmentation.training.validate", lambda *_: (0.5, 0.6))
    code, _, err = run("--json")
    assert code == 0, err
    told = "training stopped at step 4 of 40: its validation had stopped improving; kept are its "
    assert err.count(f"{told}weights of step 1.") == 1
    record = json.loads((segmenter_folder(tmp_path) / "segmenter.json").read_text())
    assert (record["training"]["steps"], record["training"]["best_step"]) == (4, 1)


def test_a_longer_training_is_another_segmenter_and_no_other_cell(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch
) -> None:
    # On a terminal, where training has a bar of its own amid the stage's.
    terminal = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("bench.base.progress.open_display", lambda: LiveDisplay(terminal))
    _, first, _ = run("--json")
    _, second, _ = run("--json", "--segmenter-steps", 700)
    assert len(list((tmp_path / "results/runs/cells").glob("segmenter-*"))) == 2
    one, other = (json.loads(out)["rows"] for out in (first, second))
    assert [row["folder"] for row in one] == [row["folder"] for row in other]
    assert [row["metrics"] for row in one] == [row["metrics"] for row in other]
    assert one[0]["membranes"]["segmenter"] != other[0]["membranes"]["segmenter"]


def test_a_segmenter_of_few_steps_is_told_below_its_scores(run) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run()
    assert code == 0, err
    assert out.count("cells: its segmenter was trained for at most 25 steps only.") == 1
    _, out, _ = run("--json")
    cautions = {row["membranes"]["caution"] for row in json.loads(out)["rows"]}
    assert cautions == {"its segmenter was trained for at most 25 steps only"}


def test_without_labels_the_stage_does_not_apply_and_says_so(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(dataset="texture")
    assert code == 0
    assert out.count("--segmenter FILE") == 1
    assert "gap to real slice" not in out
    assert {record.status for _, record in Store(tmp_path / "results").records()} == {"done"}


def test_a_segmenter_trained_elsewhere_gives_agreement(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("--json")
    weights = segmenter_folder(tmp_path) / "weights.safetensors"
    assert "No membrane scores" in run(dataset="texture")[1]
    code, out, err = run("--segmenter", weights, dataset="texture")
    assert code == 0, err
    assert not any(r.dataset.get("no_membranes") for _, r in Store(tmp_path / "results").records())
    assert "agreement with the real slice's segmentation" in out
    assert out.count("texture: no file says how wide a pixel is, and 5 nm a pixel are") == 1
    assert "real slice" in out
    _, out, _ = run("--json", "--segmenter", weights, dataset="texture")
    found = json.loads(out)["rows"][0]["membranes"]
    assert found["reference"] == "agreement"
    assert found["ceiling"]["dice"]["mean"] == 1.0
    assert found["metrics"]["dice"]["mean"] < 1.0


@pytest.mark.parametrize("content", [b"nothing", None])
def test_a_file_that_is_no_segmenter_is_one_sentence(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "weights.safetensors"
    if content is not None:
        file.write_bytes(content)
    code, out, err = run("--segmenter", file)
    assert (code, out) == (2, "")
    assert str(file) in err.splitlines()[-1]
    assert not list((tmp_path / "results/runs").rglob("record.json"))


def test_an_unknown_encoder_is_one_sentence(run) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run("--segmenter-encoder", "resnet19")
    assert code == 2
    assert "--segmenter-encoder" in err.splitlines()[-1]


def test_a_failed_training_is_each_cells_failure_and_is_tried_once(run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    tried = []

    def fail(*_: object) -> None:
        tried.append(1)
        raise ValueError("out of luck")

    monkeypatch.setattr("bench.stages.segmenter_cache.train_segmenter", fail)
    code, out, _ = run("--json")
    assert code == 1
    assert len(tried) == 1
    assert [row["failure"] for row in json.loads(out)["rows"]] == ["out of luck"] * 2


def test_a_segmenter_that_returns_no_numbers_fails_and_harms_no_finished_cell(
    run,
    tmp_path: Path,  # type: ignore[no-untyped-def]
) -> None:
    assert run()[0] == 0
    before = dict(Store(tmp_path / "results").records())
    tensors, facts = load_tensors(segmenter_folder(tmp_path) / "weights.safetensors")
    broken = tmp_path / "broken.safetensors"
    save_tensors(broken, {n: t * float("nan") for n, t in tensors.items()}, facts)
    code, out, _ = run("--segmenter", broken, "--json")
    assert code == 1
    assert all("returned NaN" in row["failure"] for row in json.loads(out)["rows"])
    assert dict(Store(tmp_path / "results").records()) == before


def test_retuned_scores_are_those_of_a_segmenter_with_the_method_s_own_thresholds(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    assert run()[0] == 0
    tensors, facts = load_tensors(segmenter_folder(tmp_path) / "weights.safetensors")

    def average(threshold: float, seeds: float) -> dict[str, Any]:
        weights = tmp_path / "given.safetensors"
        save_tensors(weights, tensors, facts | {"threshold": threshold, "seed_threshold": seeds})
        _, out, _ = run("--json", "--segmenter", weights)
        found: list[dict[str, Any]] = json.loads(out)["rows"]
        return next(row for row in found if row["method"] == "average")

    strict = average(0.95, 0.9)
    record = json.loads((Path(strict["folder"]) / "record.json").read_text())
    own = record["stages"]["segment"]["facts"]
    retuned = average(own["own_threshold"], own["own_seed_threshold"])
    found, expected = (row["membranes"]["metrics"] for row in (strict, retuned))
    for name in RETUNED:
        assert found[f"own_{name}"] == pytest.approx(expected[name]), name
    assert found["own_dice"]["mean"] > found["dice"]["mean"]


def test_thresholds_are_retuned_in_the_pixels_of_what_is_learned_from(
    cells: TripletFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is tested may have others, with ``trained_on``."""
    sizes: list[float] = []

    def best(_: object, most: float, size: float) -> float:
        sizes.append(size)
        return most

    monkeypatch.setattr(own_thresholds, "best_seed_threshold", best)
    monkeypatch.setattr(own_thresholds, "method_of", lambda _: Average())
    context: Any = SimpleNamespace(
        dataset=SimpleNamespace(training=cells), split=cells.indices,
        config=SimpleNamespace(predict_tile=None), device=torch.device("cpu"),
    )  # fmt: skip
    segmenter: Any = SimpleNamespace(
        pixel_size=60.0, probability=lambda frame: frame.astype(np.float32) / 255
    )
    own_thresholds.own_thresholds(context, segmenter)
    assert sizes == [6.0]


def test_own_thresholds_have_the_best_dice_on_the_method_s_validation_frames(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, cells: TripletFile
) -> None:
    _, out, _ = run("--json")
    row = next(row for row in json.loads(out)["rows"] if row["method"] == "average")
    facts = json.loads((Path(row["folder"]) / "record.json").read_text())["stages"]["segment"]
    model, _ = load_segmenter(segmenter_folder(tmp_path) / "weights.safetensors")
    model.eval()
    by_threshold = []
    for index in spread(cells.indices("validation"), 8):
        before, _, after = cells.frames(int(index)).astype(np.float64)
        frame = np.rint((before + after) / 2).astype(np.uint8)
        membrane = probability(model, frame, torch.device("cpu"))
        truth = label_truth(cells, int(index))
        assert truth is not None
        masks = [(membrane > t) & truth.valid for t in THRESHOLDS]
        by_threshold.append(
            [
                2 * (mask & truth.mask).sum() / max(mask.sum() + truth.mask.sum(), 1)
                for mask in masks
            ]
        )
    means = np.mean(by_threshold, axis=0)
    chosen = list(THRESHOLDS).index(facts["facts"]["own_threshold"])
    assert means[chosen] == pytest.approx(means.max(), abs=1e-3)  # halves round to either side
