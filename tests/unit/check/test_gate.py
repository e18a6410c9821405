"""The gate closes on what is worse, opens for what is not, and says which."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.cells.registry import installed_source
from bench.check.baseline import accept, load_baseline, save_baseline
from bench.check.gate import compare
from bench.check.watched import LIMITS
from bench.scores.columns import ordered
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS, score_frame
from bench.store.records import Failure, Record, StageRecord, now
from bench.triplets.file import TripletFile

Change = Callable[[np.ndarray], np.ndarray]


def entry(
    folder: Path, file: TripletFile, change: Change, config: dict[str, Any] | None = None,
    **words: object,
) -> Entry:  # fmt: skip
    """A cell that predicts the average, changed, and its scores on the test split."""
    rows = []
    for index in file.indices("test"):
        before, truth, after = file.frames(int(index)).astype(np.float64)
        frame = np.clip(np.rint(change((before + after) / 2)), 0, 255).astype(np.uint8)
        rows.append({"triplet": index} | score_frame(frame, truth.astype(np.uint8)))
    keys = file.keys.loc[file.indices("test"), ["volume", "z", "y", "x", "column", "reason"]]
    folder.mkdir(parents=True)
    path = folder / "scores.parquet"
    pd.concat([pd.DataFrame(rows), keys.reset_index(drop=True)], axis=1).to_parquet(path)
    cell = {"method": "average", "loss": "-", "dataset": file.name, "fold": 0, "seed": 0,
            "preset": "-"} | words  # fmt: skip
    done = StageRecord(key="k", revision=1, file=path.name, digest=file_digest(path), seconds=0.0)
    record = Record(
        status="done", cell=cell, key="k", config=config or {}, stages={"score": done},
        started=now(), method={"title": "Average"}, dataset=file.facts(),
    )  # fmt: skip
    return Entry(folder, record)


def same(frame: np.ndarray) -> np.ndarray:
    return frame


def trips(found: list) -> set[str]:
    return {finding.metric or finding.outcome for finding in found if finding.trips}


@pytest.fixture
def accepted(tmp_path: Path, texture: TripletFile) -> Entry:
    return entry(tmp_path / "accepted", texture, same)


def test_clean_repeats_pass(tmp_path: Path, texture: TripletFile, accepted: Entry) -> None:
    baseline = accept([accepted], "first")
    for repeat in range(5):
        again = entry(tmp_path / str(repeat), texture, same)
        found = compare(baseline, [again])
        assert [finding.metric for finding in found] == [m for m in ordered(LIMITS) if m in METRICS]
        assert trips(found) == set()
        assert {finding.change.mean for finding in found if finding.change} == {0.0}


def test_a_slight_blur_trips_though_it_raises_psnr(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    blurred = entry(tmp_path / "now", texture, lambda frame: ndimage.gaussian_filter(frame, 0.5))
    found = {f.metric: f for f in compare(accept([accepted], "first"), [blurred])}
    assert found["sharpness"].outcome == "worse"
    assert found["sharpness"].beyond_noise
    assert found["psnr"].measured > found["psnr"].accepted
    assert not found["psnr"].trips


def test_sharpness_is_better_nearer_to_1(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    def blurred(name: str, sigma: float) -> Entry:
        return entry(tmp_path / name, texture, lambda f: ndimage.gaussian_filter(f, sigma))

    more, less = blurred("more", 1.0), blurred("less", 0.7)
    for old, new, outcome in ((more, less, "better"), (less, more, "worse")):
        (found,) = [f for f in compare(accept([old], "x"), [new]) if f.metric == "sharpness"]
        assert max(found.accepted, found.measured) < 1
        assert found.outcome == outcome


def install_theirs(folder: Path, patch: pytest.MonkeyPatch) -> str:
    """What an installed package leaves on the path; the SHA-256 of its method's module."""
    package = folder / "theirs-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[interslice.methods]\ntheirs = tiny:Tiny\n")
    patch.syspath_prepend(str(folder))
    source = installed_source("theirs")
    assert source is not None
    return source


def theirs(cell: Entry, source: str) -> Entry:
    """The same figures, of the other package's method."""
    words = cell.record.cell | {"method": "theirs[width=2]"}
    update = {"cell": words, "method": {"title": "Theirs", "source": source}}
    return dataclasses.replace(cell, record=cell.record.model_copy(update=update))


def test_figures_of_other_code_than_is_installed_fail_and_are_not_accepted(
    accepted: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = install_theirs(tmp_path, monkeypatch)
    baseline = accept([theirs(accepted, now)], "x")
    assert trips(compare(baseline, [theirs(accepted, now)])) == set()
    assert trips(compare(baseline, [theirs(accepted, "0" * 64)])) == {"stale"}
    with pytest.raises(UserError, match="was computed by other code than is installed"):
        accept([theirs(accepted, "0" * 64)], "x")


def test_a_shift_by_one_pixel_trips(tmp_path: Path, texture: TripletFile, accepted: Entry) -> None:
    moved = entry(tmp_path / "now", texture, lambda frame: np.roll(frame, 1, axis=1))
    assert {"psnr", "ssim", "ie", "frc_10"} <= trips(compare(accept([accepted], "x"), [moved]))


def test_what_is_better_is_let_through_and_said(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    worse = entry(tmp_path / "old", texture, lambda frame: np.roll(frame, 3, axis=1))
    found = {f.metric: f.outcome for f in compare(accept([worse], "x"), [accepted])}
    assert found["psnr"] == found["frc_10"] == found["ie"] == "better"


def test_a_missing_cell_fails(accepted: Entry) -> None:
    assert trips(compare(accept([accepted], "x"), [])) == {"missing"}


def test_a_failed_cell_fails_with_its_reason(accepted: Entry) -> None:
    record = accepted.record.model_copy(
        update={
            "status": "failed",
            "failure": Failure(stage="train", reason="out of luck\nmore", traceback=""),
        }
    )
    [finding] = compare(accept([accepted], "x"), [dataclasses.replace(accepted, record=record)])
    assert (finding.outcome, finding.words) == ("failed", "out of luck")


def test_another_dataset_is_not_comparable(accepted: Entry) -> None:
    record = accepted.record.model_copy(update={"dataset": {"fingerprint": "other"}})
    found = compare(accept([accepted], "x"), [dataclasses.replace(accepted, record=record)])
    assert trips(found) == {"incomparable"}


def test_a_cell_trained_anew_has_wider_limits(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    def darker(frame: np.ndarray) -> np.ndarray:
        return frame - 1.5

    words = {"method": "tiny", "loss": "l1", "preset": "quick"}
    trained = entry(tmp_path / "a", texture, same, **words)
    drifted = entry(tmp_path / "b", texture, darker, **words)
    assert "psnr" not in trips(compare(accept([trained], "x"), [drifted]))
    now_darker = entry(tmp_path / "c", texture, darker)
    assert "psnr" in trips(compare(accept([accepted], "x"), [now_darker]))


def test_figures_survive_the_disk_and_damage_is_found(tmp_path: Path, accepted: Entry) -> None:
    path = tmp_path / "baseline.json"
    baseline = accept([accepted], "the first figures")
    save_baseline(baseline, path)
    assert load_baseline(path) == baseline
    content = json.loads(path.read_text())
    content["cells"][0]["scores"]["psnr"][0] -= 1
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="damaged"):
        load_baseline(path)
    with pytest.raises(UserError, match="--accept"):
        load_baseline(tmp_path / "none.json")


def test_no_reason_no_new_figures(accepted: Entry) -> None:
    with pytest.raises(UserError, match="--reason"):
        accept([accepted], "  ")


def with_membranes(found: Entry, dice: list[float], **further: list[float]) -> Entry:
    """The cell with that Dice for its first triplets; the others have no labels."""
    table = pd.read_parquet(found.folder / "scores.parquet")
    for name, values in {"dice": dice, **further}.items():
        table[name] = [*values, *[np.nan] * (len(table) - len(values))]
    table[["true_positive", "false_positive", "false_negative"]] = 5
    path = found.folder / "membranes.parquet"
    table.drop(columns=list(METRICS)).to_parquet(path)
    found.record.stages["segment"] = StageRecord(
        key="k", revision=1, file=path.name, digest=file_digest(path), seconds=0.0
    )
    return found


def test_triplets_without_labels_trip_nothing_and_hide_nothing(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    count = len(texture.indices("test"))
    dice = np.linspace(0.6, 0.7, count - 1).tolist()
    baseline = accept([with_membranes(accepted, dice)], "first")
    path = tmp_path / "baseline.json"
    save_baseline(baseline, path)
    baseline = load_baseline(path)
    (same_one,) = [f for f in compare(baseline, [accepted]) if f.metric == "dice"]
    assert (same_one.outcome, same_one.measured) == ("same", pytest.approx(np.mean(dice)))
    worse = with_membranes(entry(tmp_path / "now", texture, same), [d - 0.01 for d in dice])
    assert trips(compare(baseline, [worse])) == {"dice"}
    lost = with_membranes(entry(tmp_path / "lost", texture, same), dice[:-1])
    assert trips(compare(baseline, [lost])) == {"dice"}


def test_what_a_second_judge_finds_is_watched_too(
    tmp_path: Path, texture: TripletFile, accepted: Entry
) -> None:
    dice = np.linspace(0.6, 0.7, len(texture.indices("test"))).tolist()
    baseline = accept([with_membranes(accepted, dice, second_dice=dice)], "first")
    worse = [d - 0.01 for d in dice]
    found = with_membranes(entry(tmp_path / "now", texture, same), dice, second_dice=worse)
    assert trips(compare(baseline, [found])) == {"second_dice"}
    alone = with_membranes(entry(tmp_path / "alone", texture, same), dice)
    (lack,) = [finding for finding in compare(baseline, [alone]) if finding.trips]
    assert (lack.metric, lack.outcome) == ("second_dice", "missing")


def test_a_training_cut_short_is_not_compared_with_a_whole_one(
    tmp_path: Path, texture: TripletFile
) -> None:
    words = {"method": "tiny", "loss": "l1", "preset": "quick"}
    full = entry(tmp_path / "full", texture, same, {"samples": None}, **words)
    short = entry(tmp_path / "short", texture, same, {"samples": 80}, **words)
    for accepted, measured in ((full, short), (short, full)):
        [finding] = compare(accept([accepted], "x"), [measured])
        assert finding.trips
        assert "--samples 80" in finding.words
    assert trips(compare(accept([short], "x"), [short])) == set()
    untrained = [
        entry(tmp_path / f"average{n}", texture, same, {"samples": n}) for n in (None, 80)
    ]  # crops are nothing to a method that is not trained
    assert trips(compare(accept(untrained[:1], "x"), untrained[1:])) == set()


def with_scores(cell: Entry, name: str, **columns: float) -> Entry:
    """A cell with other values at its second triplet, in a file of that name."""
    table = cell.scores
    assert table is not None
    done = cell.record.stages["score"]
    table = pd.read_parquet(cell.folder / str(done.file))
    for column, value in columns.items():
        table.loc[1, column] = value
    path = cell.folder / name
    table.to_parquet(path)
    stage = done.model_copy(update={"file": name, "digest": file_digest(path)})
    record = cell.record.model_copy(update={"stages": cell.record.stages | {"score": stage}})
    return Entry(cell.folder, record)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_figures_that_are_not_finite_are_not_accepted(accepted: Entry, value: float) -> None:
    triplet = accepted.scores["triplet"][1]  # type: ignore[index]
    off = with_scores(accepted, "off.parquet", psnr=value)
    with pytest.raises(UserError, match=rf"PSNR .* is {value} at triplet {triplet}, which cannot"):
        accept([off], "x")
    assert "psnr" in trips(compare(accept([accepted], "x"), [off]))
