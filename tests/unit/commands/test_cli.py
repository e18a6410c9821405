import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import tifffile
from command import bench
from conftest import moving_texture, neurites

from bench.base.files import file_digest
from bench.cells.outcome import Outcome
from bench.cells.presets import PRESETS
from bench.cells.registry import METHODS
from bench.run.job import Job
from bench.stages import predict
from bench.stages.score import SCORES
from bench.store.records import Store
from bench.triplets.file import TripletFile
from bench.volumes.cards import CARDS


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    tmp_path: Path,
    tiny_bench: None,
    request: pytest.FixtureRequest,
):  # type: ignore[no-untyped-def]
    def call(
        *words: object, methods: str = "average,tiny", picture: bool = False
    ) -> tuple[int, str, str]:
        if not picture:
            request.getfixturevalue("without_picture")
        return bench(
            capsys, "run", "--methods", methods, "--dataset", "texture", "--losses", "l1",
            "--data", data_folder, "--out", tmp_path / "results", *words,
        )  # fmt: skip

    return call


def test_a_run_ends_with_rows_and_a_picture(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("--json", picture=True)
    document = json.loads(out)
    assert code == 0
    rows = {row["method"]: row for row in document["rows"]}
    assert list(rows) == ["linear", "average", "tiny"]
    assert all(row["status"] == "done" for row in rows.values())
    assert rows["average"]["loss"] == "-"
    assert rows["tiny"]["metrics"]["psnr"]["mean"] > rows["average"]["metrics"]["psnr"]["mean"]
    gain = rows["average"]["metrics"]["psnr"]["mean"] - rows["linear"]["metrics"]["psnr"]["mean"]
    assert rows["average"]["skill"]["psnr"]["mean"] == pytest.approx(gain)
    assert Path(document["pictures"][0]).read_bytes().startswith(b"\x89PNG")


def test_the_user_s_own_settings_of_matplotlib_do_not_change_the_picture(run) -> None:  # type: ignore[no-untyped-def]
    pictures = []
    for settings in ({}, {"text.usetex": True, "savefig.dpi": 30, "figure.facecolor": "red"}):
        with mpl.rc_context(settings):
            _, out, _ = run("--json", methods="average", picture=True)
        pictures.append(Path(json.loads(out)["pictures"][0]).read_bytes())
    assert pictures[0] == pictures[1]


def test_a_finished_run_is_not_computed_twice(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("--json")
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "results/runs").rglob("[!.]*.*")}
    _, first, _ = run("--json")
    _, second, _ = run("--json", methods="tiny,average")
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "results/runs").rglob("[!.]*.*")}
    changed = [p for p in files if files[p] != after[p] and not p.name.startswith("comparison")]
    assert changed == []
    key = lambda row: row["method"]  # noqa: E731
    assert sorted(json.loads(first)["rows"], key=key) == sorted(json.loads(second)["rows"], key=key)


def test_a_training_in_parts_is_told_apart_under_the_table(run) -> None:  # type: ignore[no-untyped-def]
    words = "trained 1 crop at a time (--micro-batch)"
    _, whole, _ = run("--json", "--samples", 10, methods="tiny")
    _, parts, _ = run("--json", "--samples", 10, "--micro-batch", 1, methods="tiny")
    told = [json.loads(out)["rows"][-1]["warnings"] for out in (whole, parts)]
    assert [words in warnings for warnings in told] == [False, True]


@pytest.mark.parametrize(("own", "told"), [(11, [" only"]), (10, []), (9, [""])])
def test_crops_other_than_those_of_the_preset_are_told(
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    own: int,
    told: list[str],
) -> None:
    monkeypatch.setitem(PRESETS, "quick", dataclasses.replace(PRESETS["quick"], samples=own))
    _, out, _ = run("--json", "--samples", 10, methods="tiny")
    warnings = json.loads(out)["rows"][-1]["warnings"]
    crops = [line for line in warnings if "crops" in line]
    assert crops == [f"trained on 10 crops{word}" for word in told]


def test_a_network_trained_elsewhere_scores_what_it_scored_there(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, first, _ = run("--json", "--samples", 10, methods="tiny")
    [weights] = (tmp_path / "results").rglob("tiny*/weights.safetensors")
    code, second, _ = run("--json", methods=f"tiny[weights={weights}]")
    [trained], [given] = (
        [row for row in json.loads(out)["rows"] if row["method"] != "linear"]
        for out in (first, second)
    )
    assert code == 0
    assert (given["method"], given["loss"]) == ("tiny[weights=weights]", "-")
    assert given["metrics"] == trained["metrics"]
    assert "trained on 10 crops only" in trained["warnings"]
    assert (
        "not trained by this run: the weights are those of weights.safetensors" in given["warnings"]
    )


def test_a_failed_cell_leaves_its_reason_and_the_others_go_on(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("--json", methods="tiny[fail=train],tiny[fail=nan],average")
    rows = {row["method"]: row for row in json.loads(out)["rows"]}
    assert code == 1
    assert rows["average"]["status"] == "done"
    assert rows["tiny[fail=train]"]["failure"] == "out of luck\nsecond line"
    assert "diverged" in rows["tiny[fail=nan]"]["failure"]


def test_a_damaged_file_is_computed_again(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, first, _ = run("--json")
    for path in (tmp_path / "results/runs").rglob("frames.h5"):
        path.write_bytes(path.read_bytes()[:-100])
    code, second, _ = run("--json")
    assert code == 0
    assert json.loads(first)["rows"] == json.loads(second)["rows"]


def test_a_run_killed_before_its_last_word_is_done(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("--json")
    store = Store(tmp_path / "results")
    for folder, record in store.records():
        record.status = "running"
        store.save(record, folder)
    code, out, _ = run("--json")
    assert code == 0
    assert {row["status"] for row in json.loads(out)["rows"]} == {"done"}


def test_what_another_run_repeats_meanwhile_is_not_taken_for_damage(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Job.run

    def meanwhile(job: Job) -> Outcome:
        outcome = alone(job)
        if job.context.cell.variant.text == "average":  # and the null before it was finished
            store = Store(tmp_path / "results")
            [null] = [folder for folder in store.folders() if folder.name.startswith("linear")]
            record = store.load(null)
            assert record is not None
            pd.read_parquet(null / SCORES).to_parquet(null / SCORES, compression=None)
            record.stages["score"].digest = file_digest(null / SCORES)
            store.save(record, null)
        return outcome

    monkeypatch.setattr(Job, "run", meanwhile)
    code, out, error = run("--json", "--stages", "train,predict,score", methods="average")
    assert (code, error.count("damaged")) == (0, 0)
    assert json.loads(out)["rows"][1]["skill"]["psnr"]["mean"] is not None


def test_scoring_again_keeps_the_training(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, first, _ = run("--json")
    trained = {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("weights.safetensors")}
    code, second, _ = run("--json", "--stages", "score", "--rerun")
    assert code == 0
    assert json.loads(first)["rows"] == json.loads(second)["rows"]
    run("--json")
    assert trained == {p: p.stat().st_mtime_ns for p in trained}


def test_scores_are_not_made_of_frames_of_an_earlier_version(  # type: ignore[no-untyped-def]
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = ("--stages", "train,predict,score")
    run("--json", *stages, methods="average")
    records = {path: path.read_bytes() for path in (tmp_path / "results").rglob("record.json")}
    monkeypatch.setattr(predict, "REVISION", 1000)
    monkeypatch.setattr(predict, "STAGE", dataclasses.replace(predict.STAGE, revision=1000))
    code, out, err = run("--json", "--stages", "score", methods="average")
    rows = json.loads(out)["rows"]
    assert code == 1
    assert {row["status"] for row in rows} == {"failed"}
    assert all("--stages train,predict,score." in row["failure"] for row in rows)
    assert err.count("--stages train,predict,score.") == len(rows)
    assert records == {path: path.read_bytes() for path in records}  # their figures stay
    code, out, _ = run("--json", "--stages", "predict,score", methods="average")
    assert code == 0
    assert {row["status"] for row in json.loads(out)["rows"]} == {"done"}
    found = [
        record.stages["predict"].revision for _, record in Store(tmp_path / "results").records()
    ]
    assert found == [1000, 1000]


def test_the_stages_that_a_refused_cell_names_are_enough_for_every_cell(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("--json", "--stages", "score,train")
    refused = {row["method"]: row["failure"] for row in json.loads(out)["rows"]}
    assert (code, list(refused)) == (1, ["linear", "average", "tiny"])
    [named] = {failure.partition("--stages ")[2].rstrip(".") for failure in refused.values()}
    code, out, _ = run("--json", "--stages", named)
    assert code == 0
    assert {row["status"] for row in json.loads(out)["rows"]} == {"done"}


def test_what_follows_a_lost_file_is_computed_again(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, first, _ = run("--json")
    for path in (tmp_path / "results").rglob("tiny*/weights.safetensors"):
        path.unlink()
    frames = {p: p.stat().st_mtime_ns for p in (tmp_path / "results").rglob("tiny*/frames.h5")}
    _, second, _ = run("--json")
    assert json.loads(first)["rows"] == json.loads(second)["rows"]
    assert all(p.stat().st_mtime_ns > before for p, before in frames.items())


def test_ctrl_c_is_exit_130_and_the_record_says_so(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.stages.predict.to_frame", press)
        code, out, err = run("--json")
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "bench: interrupted; the same command goes on from here."
    store = Store(tmp_path / "results")
    assert [record.status for _, record in store.records()] == ["interrupted"]
    assert run("--json")[0] == 0


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["data", "build", "phantom_small"], "bench.triplets.build.survey"),
        (["report"], "bench.report.write.write_report"),
    ],
)
def test_what_cannot_go_on_says_that_it_begins_anew(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    where: str,
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, press)
    code, _, err = bench(capsys, *words, "--data", tmp_path)
    assert code == 130
    assert err.splitlines()[-1] == "bench: interrupted; the same command begins anew."
    assert list(tmp_path.rglob("*.h5")) == []


def test_a_training_that_goes_on_says_from_where(run) -> None:  # type: ignore[no-untyped-def]
    validations = []

    def second(*given: object) -> tuple[float, float]:
        validations.append(given)
        if len(validations) == 2:
            raise KeyboardInterrupt
        return 0.1, 20.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.stages.training.validate", second)
        code, _, err = run("--json", methods="tiny")
    assert (code, "goes on after" in err) == (130, False)
    code, _, err = run("--json", methods="tiny")
    assert code == 0
    assert "  tiny l1: the training goes on after step 10 of 30.\n" in err
    _, _, err = run("--json", "--rerun", methods="tiny")
    assert "goes on after" not in err


def test_single_stages_end_as_partial(run) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run("--json", "--stages", "train")
    status = {row["method"]: row["status"] for row in json.loads(out)["rows"]}
    assert status == {"linear": "partial", "average": "partial", "tiny": "partial"}
    _, out, _ = run("--json", "--stages", "score,predict")
    assert {row["status"] for row in json.loads(out)["rows"]} == {"done"}


def test_another_source_does_not_pass_for_the_one_it_was_built_from(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tifffile.imwrite(tmp_path / "same.tif", moving_texture())
    tifffile.imwrite(tmp_path / "other.tif", moving_texture(seed=1))
    assert run("--source", tmp_path / "same.tif")[0] == 0
    code, _, err = run("--source", tmp_path / "other.tif")
    assert code == 2
    assert "--replace" in err


def test_what_is_said_of_a_volume_is_kept_and_not_contradicted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    grey, ids = neurites(side=96)
    ids[:, 1:][ids[:, 1:] != ids[:, :-1]] = 0
    ids[:, :, 1:][ids[:, :, 1:] != ids[:, :, :-1]] = 0
    tifffile.imwrite(tmp_path / "grey.tif", grey)
    tifffile.imwrite(tmp_path / "ids.tif", ids.astype(np.uint16))
    words = ["mine", "--source", tmp_path / "grey.tif", "--labels", tmp_path / "ids.tif",
             "--data", tmp_path, "--tile", 48, "--stride", 48, "--search", 4]  # fmt: skip
    code, _, err = bench(capsys, "data", "build", *words)
    assert (code, err.count("--label-zero membrane")) == (0, 1)
    said = ["--label-zero", "membrane", "--voxel-size", "30,6,6"]
    code, _, err = bench(capsys, "data", "build", *words, *said, "--replace")
    assert (code, "--label-zero" in err) == (0, False)
    _, out, _ = bench(capsys, "data", "info", "mine", "--data", tmp_path, "--json")
    rows = json.loads(out)
    assert (rows["labels"], rows["voxel size"]) == ("ids, 0 = membrane", "30 x 6 x 6 nm (z, y, x)")
    run = ["run", "--methods", "average", "--dataset", "mine",
           "--data", tmp_path, "--out", tmp_path / "results"]  # fmt: skip
    code, _, err = bench(capsys, *run, *said, "--stages", "train,predict")
    assert (code, "Building" in err) == (0, False)
    for other in (["--label-zero", "ignore"], ["--voxel-size", "30,5,5"]):
        code, _, err = bench(capsys, *run, *other)
        assert code == 2
        assert f"was built with another {other[0]}" in err
        assert f"with --replace, {' '.join(other)} and every other option as before" in err


def test_a_rebuild_that_drops_labels_says_so_and_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    grey, ids = neurites(side=96)
    tifffile.imwrite(tmp_path / "grey.tif", grey)
    tifffile.imwrite(tmp_path / "ids.tif", ids.astype(np.uint16))
    words = ["mine", "--source", tmp_path / "grey.tif", "--data", tmp_path,
             "--tile", 48, "--stride", 48, "--search", 4, "--replace"]  # fmt: skip
    labels = ["--labels", tmp_path / "ids.tif"]
    told = []
    for more in (labels, labels, [], []):
        code, _, err = bench(capsys, "data", "build", *words, *more)
        assert code == 0
        told.append("has labels, and what takes its place will have none" in err)
    assert told == [False, False, True, False]


def test_tiles_below_the_presets_crops_are_trained_on_with_crop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "phantom_small[depth=25,height=160,width=160,tile=96,stride=96]"

    def run(*words: object) -> tuple[int, str, str]:
        folders = ("--data", tmp_path / "data", "--out", tmp_path / "results")
        cells = ("--methods", "ssan", "--losses", "l1", "--stages", "train", "--samples", 2)
        return bench(capsys, "run", "--dataset", name, *cells, *folders, *words)

    code, _, error = run()
    assert code == 2
    assert (
        "96 pixels wide, but the training crops 128; train on smaller ones with --crop 96" in error
    )
    code, _, error = run("--crop", 96)
    assert code == 0, error


def test_a_run_that_builds_tells_how_little_the_tiles_cover(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "phantom_small[depth=25,height=160,width=160,tile=144,stride=144]"
    words = ["run", "--methods", "average", "--dataset", name, "--stages", "train"]
    _, _, err = bench(capsys, *words, "--data", tmp_path, "--out", tmp_path / "results")
    assert "The tiles cover 81 % of each slice of 160 x 160, by 1 tile of 144 x 144." in err


def test_few_triplets_are_kept_ones(run) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = run("--json", "--max-triplets", 5)
    assert [row["n"] for row in json.loads(out)["rows"]] == [5, 5, 5]


def test_prediction_settings_reuse_the_training(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run("--json")
    run("--json", "--predict-tile", 128)
    trained = list((tmp_path / "results/runs").rglob("tiny*/weights.safetensors"))
    logs = list((tmp_path / "results/runs").rglob("tiny*/training.csv"))
    assert (len(trained), len(logs)) == (2, 2)
    assert logs[0].read_bytes() == logs[1].read_bytes()
    assert trained[0].read_bytes() == trained[1].read_bytes()


def test_the_table_is_printed_for_people(  # type: ignore[no-untyped-def]
    run, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(picture=True)
    assert code == 0
    assert "texture: test split" in out
    assert "gain over linear" in out
    assert "picture: " in out
    *_, last = out.splitlines()
    assert last.startswith("next: bench report --data ")
    assert bench(capsys, *shlex.split(last)[2:], "--tables", "4")[0] == 0  # it can be copied
    assert (
        "Where the training is not that of Wang et al. 2021: a low-pass term beside the pixel term;"
        in out
    )
    assert "[3/3] tiny l1 on texture" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--methods", "sann", "--dataset", "phantom"], "did you mean 'ssan'"),
        (["run", "--methods", "SSAN", "--dataset", "phantom"], "did you mean 'ssan'"),
        (["run", "--methods", "average", "flow", "--dataset", "phantom"], "average,flow"),
        (["run", "--methods", "ssan", "--dataset", "phantm"], "did you mean 'phantom'"),
        (["run", "--methods", "ssan", "--dataset", "mouse_triplet"], "bench data build"),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--losses", "l4"], "no loss 'l4'"),
        (["run", "--methos", "ssan"], "--methods"),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--threads", "many"], "--threads"),
        (["list", "method"], "did you mean 'methods'"),
        (["list"], "Missing argument 'what': methods, datasets, losses or presets."),
        (["data", "info", "nothing"], "bench data build nothing"),
        (["data", "info", "phantim"], "did you mean 'phantom'"),
        (["data", "info"], "none is built in data yet"),
        (
            ["data", "info", "phantom[noise=20]", "--fold", "1"],
            "`bench data build 'phantom[noise=20]' --fold 1` builds it",
        ),
        (["run", "--methods", "linear[window=4]", "--dataset", "phantom"], "must be odd"),
        (
            ["run", "--methods", "ssan", "--dataset", "phantom", "--seeds=-1"],
            "The value '-1' of --seeds is not valid: it has to be at least 0.",
        ),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--seeds", "a"], "a whole number."),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--jobs", "0"], "at least 1."),
        (
            [
                "run",
                "--methods",
                "ssan",
                "--dataset",
                "phantom",
                "--jobs",
                "2",
                "--scheduler",
                "tcp://a:1",
            ],
            "give one of the three.",
        ),
        *(
            (
                ["run", "--methods", "ssan", "--dataset", "phantom", "--scheduler", address],
                "tcp://HOST:PORT.",
            )
            for address in ("", "nonsense", "http://127.0.0.1:8787")
        ),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--fold", "5"], "at most 4."),
        (["run", "--methods", ",", "--dataset", "phantom"], "it names nothing."),
        (
            ["run", "--methods", "ssan", "--dataset", "phantom", "--grey-range", "5"],
            "HIGH or auto.",
        ),
        (["run", "--methods", "ssan", "--dataset", "phantom", "--predict-tile", "64"], "128"),
        (
            ["run", "--methods", "ssan", "--dataset", "phantom", "--losses", "ls[styl=plain]"],
            "did you mean 'style'",
        ),
        (["data", "build", "mine"], "--source"),
        (["data", "build", "phantom_small", "--rule", "blr=2"], "did you mean 'blur'?"),
        (["data", "build", "phantom_small", "--rule", "blur"], "--rule takes NAME=NUMBER"),
        (["data", "build", "phantom_small", "--rule", "blur=inf"], "--rule blur is not valid"),
        (["data", "build", "mine", "--source", "absent.tif"], "absent.tif"),
        (["data", "build", "mine", "--label-zero", "membranes"], "did you mean 'membrane'"),
        (["data", "build", "mine", "--voxel-size", "6"], "give Z,Y,X in nm"),
        (
            ["data", "build", "m", "--label-kind", "membrane_mask", "--label-zero", "membrane"],
            "invert one",
        ),
        (["data", "build", "phantom", "--label-zero", "membrane"], "says label_zero is ignore"),
        (
            ["run", "--methods", "flow", "--dataset", "phantom", "--voxel-size", "30,4,4"],
            "says voxel_size is 30,6,6, not 30,4,4",
        ),
        (["runn"], "run"),
        (["verify", "--out", "."], "There are no results in runs"),
        (["verify", "--out", "/"], "There are no results in /runs"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_exit_2(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bench(capsys, *words)
    assert code == 2
    assert out == ""
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_a_store_without_records_is_not_called_sound(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lost = tmp_path / "runs/texture/average"
    lost.mkdir(parents=True)
    (lost / "scores.parquet").write_bytes(b"whatever")
    code, out, err = bench(capsys, "verify", "--out", tmp_path)
    assert (code, out) == (2, "")
    assert "there is nothing to check it by" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
def test_an_output_that_finds_no_room_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-m", "bench", "list", "losses"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (told.returncode, len(told.stderr.splitlines())) == (2, 1)
    assert "is full; make room" in told.stderr


@pytest.mark.parametrize("words", [[], ["data"]])
def test_without_a_command_the_help_is_printed_as_it_is_for_help(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    _, asked, _ = bench(capsys, *words, "--help")
    code, out, err = bench(capsys, *words)
    assert (code, out) == (2, "")
    assert err == asked
    assert len(asked.splitlines()) > 5


def test_the_version_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(capsys, "--version")
    assert (code, out.strip()) == (0, f"interslice {metadata.version('interslice')}")


def test_a_program_that_calls_it_keeps_its_own_way_to_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    for words in (["list", "methods"], ["list", "nothing"]):
        bench(capsys, *words)
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("words", "found"), [("bench ch", ["check", "check-method"]), ("bench data v", ["verify"])]
)
def test_the_shell_completes_commands(words: str, found: list[str]) -> None:
    asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": words,
             "COMP_CWORD": str(len(words.split()) - 1)}  # fmt: skip
    code = "import sys; sys.argv = ['bench']; from bench.commands.main import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert answer.stdout.split() == found


def test_cuda_asked_for_and_absent(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, _, err = run("--device", "cuda")
    assert code == 2
    assert "--device cpu" in err


def test_crops_larger_than_the_tiles(run) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run("--preset", "paper")
    assert code == 2
    assert "80 pixels" in err
    assert "512" in err


def test_lists_say_what_has_to_be_known_before_a_run(
    capsys: pytest.CaptureFixture[str],
    data_folder: Path,
    cells: TripletFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, out, _ = bench(capsys, "list", "datasets", "--data", data_folder, "--json")
    listed = json.loads(out)
    assert "; neuron ids" in listed["mouse_triplet"]
    assert "; membranes, no neuron ids" in listed["vnc_triplet"]
    assert listed["fib25_triplet"].endswith("; neuron ids; one of 4 slices is taken (every=4)")
    assert listed["texture"].endswith("; no labels")
    assert listed["cells"].endswith("; neuron ids")

    needs = "needs `pip install '.[bspline]'`: "
    for module, there in (("json", "installed)"), ("no_such_module", "not installed)")):
        bspline = dataclasses.replace(METHODS["bspline"], module=module)
        monkeypatch.setattr("bench.cells.registry.METHODS", {**METHODS, "bspline": bspline})
        _, out, _ = bench(capsys, "list", "methods", "--json")
        assert json.loads(out)["bspline"].endswith(needs + there)
        assert sum("needs" in words for words in json.loads(out).values()) == 1


def test_ones_own_datasets_are_named_wherever_names_are_and_only_what_is_whole(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for path in ("mine/fold1/triplets.h5", "phantom/fold0/triplets.h5", "failed/fold0/.lock"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    (tmp_path / "volumes").mkdir()
    data = ["--data", tmp_path]

    _, out, _ = bench(capsys, "list", "datasets", *data, "--json")
    listed = json.loads(out)
    assert [name for name in listed if name not in CARDS] == ["mine"]
    assert listed["mine"] == f"built, in {tmp_path / 'mine'}"  # an empty file says no more

    code, _, err = bench(capsys, "data", "info", "zzzz", *data)
    named = err.partition("choose from ")[2].partition(" (")[0].split(", ")
    assert (code, named) == (2, list(listed))
    _, _, err = bench(capsys, "run", "--methods", "average", "--dataset", "mien", *data)
    assert "did you mean 'mine'" in err
    _, _, err = bench(capsys, "run", "--methods", "average", "--dataset", "failed", *data)
    assert "There is no dataset 'failed'" in err

    for command in ("info", "verify"):
        code, out, err = bench(capsys, "data", command, *data)
        assert (code, out) == (2, "")
        assert f"these are built in {tmp_path}: mine, phantom." in err


_RUN = ["run", "--methods", "average", "--dataset", "phantom"]


@pytest.mark.parametrize(
    "words",
    [
        ["list", "methods"],
        [*_RUN, "--methods", "sann"],
        [*_RUN, "--dataset", "phantm"],
        [*_RUN, "--dataset", "mouse_triplet"],
        [*_RUN, "--losses", "l4"],
        [*_RUN, "--jobs", "0"],
        ["data", "info", "phantm"],
    ],
    ids=" ".join,
)
def test_what_is_answered_at_once_imports_no_heavy_packages(
    words: list[str], tmp_path: Path
) -> None:
    program = (
        f"import sys\nfrom bench.commands import main as cli\nsys.argv = ['bench', *{words!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('torch', 'pandas', 'matplotlib', 'tensorstore', 'nibabel', 'nrrd', 'mrcfile', "
        "'rsciio', 'dask')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert answer.stdout.splitlines()[-1] == "[]"
