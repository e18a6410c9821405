"""A stage that the harness does not know is one file and one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import toy_stage
from command import bench

from bench.cells import stage_names
from bench.stages.predict import stored_frames
from bench.store.records import Record, Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data_folder: Path,
    tmp_path: Path,
    without_picture: None,
) -> Run:
    """`bench` in a folder of its own; the one line is the second one here."""

    monkeypatch.setitem(stage_names.STAGES, "brighten", "toy_stage")  # type: ignore[arg-type]

    def call(command: str, *words: object) -> tuple[int, str, str]:
        where = ("--data", data_folder, "--out", tmp_path / "results")
        if command == "run":
            words = ("--methods", "average", "--dataset", "texture", *words)
        return bench(capsys, command, *where, *words)

    return call


def records(folder: Path) -> list[tuple[Path, Record]]:
    return list(Store(folder / "results").records())


def test_it_is_computed_for_every_cell_and_its_results_are_in_the_records(
    run: Run, tmp_path: Path
) -> None:
    code, out, err = run("run", "--json")
    assert code == 0, err
    assert {row["status"] for row in json.loads(out)["rows"]} == {"done"}
    for folder, record in records(tmp_path):
        means = [frame.mean() for frame in stored_frames(folder / "frames.h5")]
        assert json.loads((folder / "brightness.json").read_text()) == pytest.approx(means)
        assert record.stages["brighten"].facts == {"darkest": pytest.approx(min(means))}
        assert record.means["brightness"] == pytest.approx(np.mean(means))
        assert record.means["psnr"] is not None
        assert record.warnings == []


def test_it_is_found_done_and_computed_again_where_its_file_or_revision_is_another(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run")
    _, _, err = run("run")
    assert err.count("predict, score, brighten computed before, used as it is.") == 2
    (folder, _), *_ = records(tmp_path)
    (folder / "brightness.json").write_text("[0]")
    _, _, err = run("run")
    assert "the stage brighten has to be computed again" in err
    assert err.count("predict, score, brighten computed before") == 1
    monkeypatch.setattr(toy_stage, "REVISION", 2)
    _, _, err = run("run")
    assert err.count("predict, score computed before") == 2
    assert err.count("brighten computed before") == 0


def test_it_stands_and_falls_with_the_stage_that_it_reads(run: Run, tmp_path: Path) -> None:
    run("run")
    run("run", "--stages", "predict", "--rerun")
    for _, record in records(tmp_path):
        assert "brighten" not in record.stages
        assert "brightness" not in record.means
        assert record.warnings == ["its brightness is not known"]
    code, _, err = run("run", "--stages", "brighten")
    assert (code, err.count("brighten computed before")) == (0, 0)
    assert all("brighten" in record.stages for _, record in records(tmp_path))


def test_it_is_named_on_the_command_line_and_verified(run: Run, tmp_path: Path) -> None:
    code, _, err = run("run", "--stages", "brigten")
    assert (code, "brighten" in err) == (2, True)
    run("run")
    assert run("verify")[0] == 0
    (folder, _), *_ = records(tmp_path)
    (folder / "brightness.json").write_text("[0]")
    code, out, _ = run("verify")
    assert (code, "brightness.json is damaged" in out) == (1, True)
