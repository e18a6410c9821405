"""`bench check` from the command line: what it says, writes and exits with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import Result
from test_gate import entry, install_theirs, same, theirs
from typer.testing import CliRunner

from bench.base.errors import UserError
from bench.check.baseline import accept, save_baseline
from bench.check.findings import markdown, sentence, write_junit
from bench.check.gate import Finding
from bench.commands.main import app
from bench.scores.statistics import Interval
from bench.store.records import Failure, Store
from bench.triplets.file import TripletFile


def brighter(frame: np.ndarray) -> np.ndarray:
    return frame + 4


def shifted(frame: np.ndarray) -> np.ndarray:
    return np.roll(frame, 1, axis=1)


@pytest.fixture
def baseline(tmp_path: Path, texture: TripletFile) -> Path:
    path = tmp_path / "accepted.json"
    save_baseline(accept([entry(tmp_path / "accepted", texture, same)], "first"), path)
    return path


def store(out: Path, file: TripletFile, change) -> None:  # type: ignore[no-untyped-def]
    folder = out / "runs" / "texture" / "average"
    Store(out).save(entry(folder, file, change).record, folder)


def check(baseline: Path, out: Path, *words: str):  # type: ignore[no-untyped-def]
    command = ["check", "--baseline", str(baseline), "--out", str(out), *words]
    return CliRunner().invoke(app, command)


def test_a_repeat_passes(tmp_path: Path, texture: TripletFile, baseline: Path) -> None:
    store(tmp_path / "results", texture, same)
    answer = check(baseline, tmp_path / "results")
    assert answer.exit_code == 0
    assert answer.stdout == "All 6 comparisons pass.\n"


def test_what_is_worse_exits_1_and_is_told_to_people_and_machines(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    store(tmp_path / "results", texture, shifted)
    junit, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    answer = check(
        baseline, tmp_path / "results", "--json", "--junit", str(junit), "--summary", str(summary)
    )
    assert answer.exit_code == 1
    document = json.loads(answer.stdout)
    worse = {f["metric"]: f for f in document["findings"] if f["outcome"] == "worse"}
    assert document["passed"] is False
    assert {"psnr", "ssim", "ie", "frc_10"} <= set(worse)
    psnr = worse["psnr"]
    assert psnr["measured"] - psnr["accepted"] == pytest.approx(psnr["change"])
    suite = ET.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("6", str(len(worse)))
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == set(worse)
    assert "| Average on texture | PSNR (dB) |" in summary.read_text()


def test_new_figures_are_accepted_with_a_reason_only(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    store(tmp_path / "results", texture, shifted)
    before = baseline.read_bytes()
    refused = check(baseline, tmp_path / "results", "--accept")
    assert "--reason" in str(refused.exception)
    assert baseline.read_bytes() == before
    words = ("--accept", "--reason", "a shift is wanted here")
    assert check(baseline, tmp_path / "results", *words).exit_code == 0
    assert check(baseline, tmp_path / "results").exit_code == 0
    assert json.loads(baseline.read_text())["reason"] == "a shift is wanted here"


def test_a_cell_that_is_not_there_is_named(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    folder = tmp_path / "results/runs/texture/other"
    other = entry(folder, texture, same, method="before")
    Store(tmp_path / "results").save(other.record, folder)
    answer = check(baseline, tmp_path / "results")
    assert answer.exit_code == 1
    assert "Average on texture" in answer.stdout
    assert "missing: there is no record of it" in answer.stdout


def test_a_baseline_that_names_a_configuration_runs_it(tmp_path: Path, data_folder: Path) -> None:
    config, path = tmp_path / "gate.toml", tmp_path / "baselines/gate.json"
    config.write_text('methods = "average"\ndataset = "texture"\nstages = "train,predict,score"\n')
    words = ["check", "--baseline", str(path), "--data", str(data_folder)]
    first = [*words, "--config", str(config), "--accept", "--reason", "first"]
    assert CliRunner().invoke(app, first).exit_code == 0
    assert json.loads(path.read_text())["config"] == "../gate.toml"
    again = CliRunner().invoke(app, words)
    assert (again.exit_code, again.stdout) == (0, "All 12 comparisons pass.\n")
    config.write_text(config.read_text().replace("average", "before"))
    changed = CliRunner().invoke(app, words)
    assert changed.exit_code == 1
    assert "1 of 7 comparisons do not pass." in changed.stdout


class ConfiguredGate:
    """A gate whose run is a file of settings; the first figures are accepted."""

    def __init__(self, folder: Path, data: Path, method: str) -> None:
        self.config, self.out = folder / "gate.toml", folder / "results"
        self.config.write_text(
            f'methods = "{method}"\ndataset = "texture"\nstages = "train,predict,score"\n'
        )
        self._words = ["check", "--baseline", str(folder / "gate.json"), "--data", str(data)]
        self._words += ["--config", str(self.config), "--out", str(self.out)]
        assert self.check("--accept", "--reason", "first").exit_code == 0

    def reword(self, old: str, new: str, more: str = "") -> None:
        self.config.write_text(self.config.read_text().replace(old, new) + more)

    def check(self, *words: str) -> Result:
        return CliRunner().invoke(app, [*self._words, *words])


def test_what_a_run_refuses_does_not_pass_by_its_older_figures(
    tmp_path: Path, data_folder: Path
) -> None:
    gate = ConfiguredGate(tmp_path, data_folder, "linear")
    for frames in gate.out.rglob("frames.h5"):
        frames.unlink()
    gate.reword("train,predict,score", "score")
    answer = gate.check()
    assert answer.exit_code == 1
    assert "failed: The stage score reads what the stage predict leaves" in " ".join(
        answer.stdout.split()
    )


def test_what_a_run_refuses_does_not_pass_by_figures_of_other_settings(
    tmp_path: Path, data_folder: Path
) -> None:
    gate = ConfiguredGate(tmp_path, data_folder, "linear")
    gate.reword("train,predict,score", "score", more="predict_tile = 128\n")
    answer = gate.check()
    assert answer.exit_code == 1
    assert "failed: The stage score reads what the stage predict" in " ".join(answer.stdout.split())


def test_what_a_run_does_not_name_does_not_pass_by_older_figures(
    tmp_path: Path, data_folder: Path
) -> None:
    gate = ConfiguredGate(tmp_path, data_folder, "before")
    gate.reword("before", "after")
    answer = gate.check()
    assert answer.exit_code == 1
    assert "missing: there is no record of it" in " ".join(answer.stdout.split())
    assert "nothing of it: After on texture." in answer.stderr


def test_a_cell_without_accepted_figures_is_named(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    out = tmp_path / "results"
    store(out, texture, same)
    folder = out / "runs" / "texture" / "new"
    new = entry(folder, texture, shifted, method="new").record
    Store(out).save(new.model_copy(update={"method": {"title": "New"}}), folder)
    answer = check(baseline, out)
    assert (answer.exit_code, answer.stdout) == (0, "All 6 comparisons pass.\n")
    assert "Not compared, as the accepted figures have nothing of it: New on texture." in (
        answer.stderr
    )


def test_words_that_would_be_ignored_are_refused(tmp_path: Path, baseline: Path) -> None:
    for words in (["--reason", "x"], ["--accept", "--reason", "x", "--json"]):
        answer = check(baseline, tmp_path / "results", *words)
        assert isinstance(answer.exception, UserError), words
        assert "--accept" in str(answer.exception)


def test_what_cannot_be_written_is_refused_before_anything_is_computed(
    tmp_path: Path, baseline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.check.figures.Figures.compare", lambda _: pytest.fail("computed"))
    (tmp_path / "file").write_bytes(b"")
    answer = check(baseline, tmp_path / "results", "--junit", str(tmp_path / "file/gate.xml"))
    assert isinstance(answer.exception, UserError)
    assert "cannot be written to" in str(answer.exception)


def test_a_reason_with_control_characters_and_bars_is_still_read_by_others(
    tmp_path: Path,
) -> None:
    finding = Finding("Theirs on texture", "", "failed", words="a \x1b[31mred\x00 | b")
    junit = tmp_path / "gate.xml"
    write_junit([finding], junit)
    (case,) = ET.parse(junit).getroot()
    failure = case.find("failure")
    assert failure is not None
    assert "red" in (failure.get("message") or "")
    row = markdown([finding]).splitlines()[-1]
    assert len(row.replace(r"\|", "").split("|")) == 9


def test_figures_of_older_code_do_not_pass_in_any_form(
    tmp_path: Path, texture: TripletFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, baseline = install_theirs(tmp_path, monkeypatch), tmp_path / "accepted.json"
    cell = entry(tmp_path / "results/runs/texture/theirs", texture, same)
    save_baseline(accept([theirs(cell, now)], "first"), baseline)
    Store(tmp_path / "results").save(theirs(cell, "0" * 64).record, cell.folder)
    junit, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    answer = check(
        baseline, tmp_path / "results", "--json", "--junit", str(junit), "--summary", str(summary)
    )
    assert answer.exit_code == 1
    (finding,) = json.loads(answer.stdout)["findings"]
    assert (finding["outcome"], finding["metric"]) == ("stale", None)
    (case,) = ET.parse(junit).getroot()
    failure = case.find("failure")
    assert failure is not None
    for text in (finding["reason"], failure.get("message") or "", summary.read_text()):
        assert "raise its info.revision if its outputs changed, or run it with --rerun" in text


def test_worse_within_noise_is_said_to_fail() -> None:
    finding = Finding("a", "psnr", "worse", 20.0, 19.9, Interval(-0.1, -0.3, 0.1, 8), 0.05)
    assert finding.trips
    assert sentence(finding).endswith("within noise, yet beyond the limit: it fails)")
    better = replace(finding, outcome="better", change=Interval(0.1, -0.1, 0.3, 8))
    assert sentence(better).endswith(", within noise)")


def test_better_figures_ask_to_be_accepted(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    store(tmp_path / "worse", texture, brighter)
    words = ("--accept", "--reason", "worse on purpose")
    assert check(baseline, tmp_path / "worse", *words).exit_code == 0
    store(tmp_path / "results", texture, same)
    answer = check(baseline, tmp_path / "results")
    assert answer.exit_code == 0
    assert "are better: accept them? `bench check --accept" in answer.stdout


def add(out: Path, file: TripletFile, name: str, **changes: object) -> None:
    """A cell of the baseline's words in a folder of its own, as another content key has one."""
    folder = out / "runs" / "texture" / name
    shutil.rmtree(folder, ignore_errors=True)
    Store(out).save(entry(folder, file, same).record.model_copy(update=changes), folder)


@pytest.mark.parametrize(
    ("newer", "word"),
    [
        (
            {"status": "failed", "failure": Failure(stage="predict", reason="no", traceback="")},
            "no",
        ),
        ({"status": "interrupted", "stages": {}}, "interrupted and has no scores"),
        ({"config": {"max_triplets": 2}}, "--max-triplets 2"),
        ({"dataset": {"fingerprint": "rebuilt"}}, "its dataset is not the one"),
    ],
)
def test_the_newest_record_counts_though_an_older_one_is_whole(
    tmp_path: Path, texture: TripletFile, baseline: Path, newer: dict[str, object], word: str
) -> None:
    out, days = tmp_path / "results", [f"2026-01-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    add(out, texture, "older", finished=days[1])
    assert check(baseline, out).exit_code == 0
    add(out, texture, "newer", **newer, finished=days[2])
    answer = check(baseline, out)
    assert answer.exit_code == 1
    assert word in answer.stdout
    # And not where the older one is what was run last.
    add(out, texture, "newer", **newer, finished=days[0])
    assert check(baseline, out).exit_code == 0


def test_a_record_that_cannot_be_read_may_be_the_newest(
    tmp_path: Path, texture: TripletFile, baseline: Path
) -> None:
    store(tmp_path / "results", texture, same)
    add(tmp_path / "results", texture, "newer")
    (tmp_path / "results/runs/texture/newer/record.json").write_text("{")
    answer = check(baseline, tmp_path / "results")
    assert isinstance(answer.exception, UserError)
    assert "newer/record.json is damaged" in str(answer.exception)
