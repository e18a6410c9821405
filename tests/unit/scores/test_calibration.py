"""The calibration frames: what they are, what they are chosen on, and that the store keeps them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from command import bench
from scipy import ndimage

from bench.base.files import content_digest
from bench.scores.calibration import KINDS, best_blur, calibration_frames
from bench.scores.metrics import METRICS, psnr, score_frame
from bench.scores.triplet_table import KEYS
from bench.stages import predict, score
from bench.store.records import StageRecord, Store
from bench.triplets.file import TripletFile
from methods.classical import Average

CALIBRATION = "calibration.parquet"
NOTHING = {"average_blur": 0.0, "truth_blur": 0.0, "noise": 0.0}


def noisy_triplets(count: int = 3, side: int = 96) -> list[np.ndarray]:
    """One smooth picture a triplet, three times, each with noise of its own: uint8 3HW."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        picture = ndimage.gaussian_filter(random.normal(size=(side, side)), 6)
        picture = picture / picture.std() * 30 + 128
        noisy = picture + random.normal(scale=25, size=(3, side, side))
        found.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return found


def test_without_blur_and_noise_they_are_the_average_and_the_truth() -> None:
    triplet = noisy_triplets(1)[0]
    frames = calibration_frames(triplet, 7, **NOTHING)
    average = predict.predict_frame(Average().eval(), triplet, "cpu")  # type: ignore[arg-type]
    assert np.array_equal(frames["average_blurred"], average)
    assert np.array_equal(frames["truth_blurred"], triplet[1])
    assert np.array_equal(frames["truth_noisy"], triplet[1])


@pytest.mark.parametrize("time", [0.25, 1 / 3, 2 / 3])
def test_the_average_is_that_of_the_time(time: float) -> None:
    triplet = noisy_triplets(1)[0]
    made = calibration_frames(triplet, 7, time=time, **NOTHING)["average_blurred"]
    expected = predict.predict_frame(Average().eval(), triplet, torch.device("cpu"), None, time)
    assert np.array_equal(made, expected)


def test_the_blur_is_chosen_on_averages_of_their_times() -> None:
    """The slice at 1/4 is three parts before and one after, exactly: any blur is too much."""
    before, _, after = noisy_triplets(1)[0] // 4 * 4
    triplet = np.stack([before, before // 4 * 3 + after // 4, after])
    assert best_blur([(triplet, 0.25)]) == (0, 0)
    assert best_blur([(triplet, 0.5)])[1] > 1


def test_blur_is_a_convolution_with_a_gaussian() -> None:
    triplet = noisy_triplets(1)[0]
    offsets = np.arange(-6, 7)
    line = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = np.outer(line, line) / line.sum() ** 2
    frames = calibration_frames(triplet, 7, average_blur=1.5, truth_blur=1.5, noise=0.0)
    average = (triplet[0].astype(float) + triplet[2]) / 2
    for kind, grey in (("average_blurred", average), ("truth_blurred", triplet[1].astype(float))):
        expected = ndimage.convolve(grey, window, mode="reflect")
        assert np.abs(frames[kind] - expected).max() <= 0.5 + 1e-2


def test_noise_has_the_stated_size_and_is_the_triplets_own() -> None:
    triplet = np.full((3, 200, 200), 128, np.uint8)
    settings = NOTHING | {"noise": 12.5}
    first, again, other = (
        calibration_frames(triplet, index, **settings)["truth_noisy"].astype(float) - 128
        for index in (7, 7, 8)
    )
    assert first.std() == pytest.approx(12.5, rel=0.02)
    assert first.mean() == pytest.approx(0, abs=0.3)
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.02


def test_the_blur_is_the_best_of_all_and_the_error_its_own() -> None:
    triplets = noisy_triplets()
    sigma, error = best_blur([(each, 0.5) for each in triplets])
    reached = {
        blur: np.mean([
            np.mean((frames["average_blurred"].astype(float) - triplet[1]) ** 2)
            for triplet in triplets
            for frames in [calibration_frames(triplet, 0, **NOTHING | {"average_blur": blur})]
        ])
        for blur in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
    }  # fmt: skip
    assert sigma == min(reached, key=lambda blur: reached[blur])
    assert 0 < sigma < 4
    assert error == pytest.approx(np.sqrt(reached[sigma]))


def test_noise_and_blur_of_one_psnr_are_told_apart_by_the_other_metrics() -> None:
    triplets = noisy_triplets()
    sigma, error = best_blur([(each, 0.5) for each in triplets])
    settings = {"average_blur": sigma, "truth_blur": 1.0, "noise": error}
    for triplet in triplets:
        frames = calibration_frames(triplet, 0, **settings)
        blurred, noisy = frames["average_blurred"], frames["truth_noisy"]
        assert psnr(noisy, triplet[1]) == pytest.approx(psnr(blurred, triplet[1]), abs=0.3)
        one, other = score_frame(blurred, triplet[1]), score_frame(noisy, triplet[1])
        assert one["sharpness"] < 0.5 < 1.5 < other["sharpness"]
        assert other["frc_10"] > one["frc_10"]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    tmp_path: Path,
    one_thread: None,
):  # type: ignore[no-untyped-def]
    def call(*words: object) -> tuple[int, str, str]:
        return bench(
            capsys, "run", "--methods", "average", "--dataset", "texture",
            "--data", data_folder, "--out", tmp_path / "results", *words,
        )  # fmt: skip

    return call


def null_folder(out: Path) -> Path:
    (folder,) = out.glob("runs/*/linear-*")
    return folder


def stamps(out: Path) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in out.glob("runs/*/*/*.*") if p.name != ".lock"}


def test_they_lie_beside_the_nulls_scores_and_can_be_computed_again(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, texture: TripletFile
) -> None:
    _, out, _ = run("--json")
    assert [row["method"] for row in json.loads(out)["rows"]] == ["linear", "average"]
    assert len(list((tmp_path / "results").rglob(CALIBRATION))) == 1
    folder = null_folder(tmp_path / "results")
    record = Store(tmp_path / "results").load(folder)
    assert record is not None
    facts = record.stages["score"].facts
    table, scores = pd.read_parquet(folder / CALIBRATION), pd.read_parquet(folder / score.SCORES)
    for kind in KINDS:
        own = table[table["kind"] == kind].reset_index(drop=True)
        keys = ["triplet", *KEYS]
        pd.testing.assert_frame_equal(own[keys], scores[keys])
    settings = {name: facts[name] for name in NOTHING}
    for row in table.iloc[::5].to_dict("records"):
        triplet = texture.frames(row["triplet"])
        frames = calibration_frames(triplet, row["triplet"], **settings)
        assert score_frame(frames[row["kind"]], triplet[1]) == {name: row[name] for name in METRICS}


def test_a_store_from_before_has_the_nulls_scores_computed_again_and_nothing_else(  # type: ignore[no-untyped-def]
    run, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    _, first, _ = run("--json")
    folder, store = null_folder(out), Store(out)
    record = store.load(folder)
    assert record is not None
    done = record.stages["score"]
    done.key = content_digest([record.stages["predict"].key, score.REVISION])
    for name in ("calibration", *NOTHING):
        del done.facts[name]
    (folder / CALIBRATION).unlink()
    # Membranes do not depend on the scores: they stay, and so do their means.
    facts = {"segmenter": "s", "ceiling": "segmenter-s"}
    record.stages["segment"] = StageRecord(key="k", revision=1, seconds=1.0, facts=facts)
    record.means["dice"] = 0.5
    store.save(record, folder)

    before = stamps(out)
    _, second, _ = run("--json")
    after = stamps(out)
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {folder / "record.json", folder / "scores.parquet"}
    assert set(after) - set(before) == {folder / CALIBRATION}
    record = store.load(folder)
    assert record is not None
    assert (record.means["dice"], record.stages["segment"].key) == (0.5, "k")
    assert json.loads(first)["rows"] == json.loads(second)["rows"]


def test_damage_is_found_and_mended(  # type: ignore[no-untyped-def]
    run, capsys: pytest.CaptureFixture[str], tmp_path: Path, data_folder: Path
) -> None:
    out = tmp_path / "results"
    run("--json")
    path = null_folder(out) / CALIBRATION
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    verify = ("verify", "--out", out, "--data", data_folder, "--json")
    code, said, _ = bench(capsys, *verify)
    assert (code, [p["file"] for p in json.loads(said)["problems"]]) == (1, [str(path)])
    before = stamps(out)
    _, _, told = run("--json")
    assert f"{path} is damaged: the stage score has to be computed again" in told
    changed = {p.name for p in before if p.exists() and p.stat().st_mtime_ns != before[p]}
    assert changed == {"record.json", "scores.parquet", CALIBRATION}
    assert path.read_bytes() == whole
    assert bench(capsys, *verify)[0] == 0
