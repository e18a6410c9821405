"""The loss `lm` from end to end: its teacher is made once, and never judges what it has taught."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay, Progress
from bench.cells.config import RunConfig
from bench.stages.segmenter import save_segmenter
from bench.stages.segmenter_cache import Judge, Segmenters
from bench.stages.teacher import Teachers
from bench.store.records import Store
from bench.store.weights import load_tensors, save_tensors
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from segmentation.networks import build
from segmentation.scores import Thresholds
from segmentation.training import Budget
from segmentation.unet import UNetOptions

pytestmark = pytest.mark.usefixtures("one_thread", "without_picture")


@pytest.fixture
def train(run: Any) -> Any:
    """``bench run`` of a small network under `lm`."""

    def call(*words: object, dataset: str = "cells", losses: str = "lm") -> tuple[int, str, str]:
        found: tuple[int, str, str] = run(
            "--losses", losses, *words, dataset=dataset, methods="tiny"
        )
        return found

    return call


def weights_of(tmp_path: Path, role: str) -> Path:
    (folder,) = (tmp_path / "results/runs/cells").glob(f"{role}-*")
    return folder / "weights.safetensors"


def training_keys(tmp_path: Path) -> set[str]:
    records = Store(tmp_path / "results").records()
    return {record.stages["train"].key for _, record in records if record.cell["loss"] == "lm"}


def test_the_teacher_is_made_once_and_is_not_the_judge(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = train("--json")
    assert code == 0, err
    assert err.count("Training the teacher of 'cells'") == 1
    teacher, judge = (weights_of(tmp_path, role) for role in ("teacher", "segmenter"))
    assert teacher.read_bytes() != judge.read_bytes()
    row = next(row for row in json.loads(out)["rows"] if row["loss"] == "lm")
    assert row["membranes"]["metrics"]["dice"]["mean"] is not None

    made = teacher.stat().st_mtime_ns
    _, _, err = train("--json", "--seeds", "1")
    assert "Training the teacher" not in err
    assert teacher.stat().st_mtime_ns == made
    assert len(training_keys(tmp_path)) == 2


def test_the_bar_is_that_of_the_training_once_the_teacher_is_made(  # type: ignore[no-untyped-def]
    train, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stage = list[str](), PlainDisplay.stage

    def noted(display: PlainDisplay, name: str) -> Progress:
        begun.append(name)
        return stage(display, name)

    monkeypatch.setattr(PlainDisplay, "stage", noted)
    assert train()[0] == 0
    assert begun[begun.index("teacher") :][1] == "train"


def records_of(tmp_path: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (tmp_path / "results").rglob("record.json")}


def saved_again(weights: Path, copy: Path) -> Path:
    """The same tensors in a file of other bytes."""
    tensors, facts = load_tensors(weights)
    save_tensors(copy, tensors, facts | {"note": "saved again"})
    assert copy.read_bytes() != weights.read_bytes()
    return copy


def test_the_judge_is_no_teacher_and_the_finished_cell_stays(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train()
    teacher, judge = (weights_of(tmp_path, role) for role in ("teacher", "segmenter"))
    before, apart = records_of(tmp_path), tmp_path / "apart.safetensors"
    for words, option, file in (
        (("--segmenter", teacher), "segmenter", teacher),
        (("--segmenter", saved_again(teacher, apart)), "segmenter", apart),
        (("--teacher", judge), "teacher", judge),
        (("--teacher", judge, "--rerun"), "teacher", judge),
    ):
        code, out, err = train(*words)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith(f"bench: --{option} {file} is the network that ")
        assert err.rstrip().endswith(f"give another --{option}, or leave --{option} out.")
        assert records_of(tmp_path) == before
    code, _, err = train("--segmenter", apart, "--teacher", teacher)
    assert code == 2
    assert "are the same network" in err.splitlines()[-1]
    code, _, err = train("--segmenter", teacher, losses="l1")  # which it has not taught
    assert code == 0, err


def test_weights_that_a_segmenter_has_taught_are_not_judged_by_it(  # type: ignore[no-untyped-def]
    run, train, tmp_path: Path
) -> None:
    """Wherever they lie, and though another training has gone on from them."""
    train("--stages", "train")
    teacher = weights_of(tmp_path, "teacher")
    taught = tmp_path / "taught.safetensors"
    [learned] = tmp_path.rglob("tiny-lm-*/weights.safetensors")
    taught.write_bytes(learned.read_bytes())
    judge = saved_again(teacher, tmp_path / "judge.safetensors")
    words = ("--losses", "l1", "--json", "--segmenter")
    methods = f"tiny[weights={taught}],tiny[init={taught}],tiny"
    code, out, err = run(*words, judge, methods=methods)
    assert code == 1, err
    failed = {row["method"]: row["failure"] for row in json.loads(out)["rows"] if row["failure"]}
    assert sorted(failed) == ["tiny[init=taught]", "tiny[weights=taught]"]
    assert all("took part in the loss of this cell" in why for why in failed.values())


@pytest.mark.parametrize("role", ["segmenter", "teacher"])
def test_a_file_that_changes_during_a_run_is_not_taken_for_what_it_was(
    role: str, cells: TripletFile, tmp_path: Path
) -> None:
    """The keys have the digest of what it was when the run began, maybe hours before."""
    options = UNetOptions(decoder=(8, 4, 4))
    path, model = tmp_path / "given.safetensors", build(options)
    save_segmenter(path, model, Thresholds(0.5, 0.5), {})
    shared = torch.device("cpu"), Store(tmp_path / "results"), PlainDisplay(print)
    judges = Segmenters(Judge(options, Budget(), "segmenter", given=path), *shared)
    config = RunConfig(methods=("average",), dataset=("cells",), teacher=path)
    teachers = Teachers(config, *shared)
    save_segmenter(path, model, Thresholds(0.4, 0.4), {})
    with pytest.raises(UserError, match="has changed since the run began; repeat the command"):
        judges.get(Dataset("cells", cells, cells)) if role == "segmenter" else teachers.get(cells)
    assert not list(tmp_path.rglob("weights.safetensors"))


def test_a_judge_that_would_come_out_as_the_teacher_is_refused_before_a_training(  # type: ignore[no-untyped-def]
    run, train, tmp_path: Path
) -> None:
    run()
    judge = saved_again(weights_of(tmp_path, "segmenter"), tmp_path / "judge.safetensors")
    other = tmp_path / "other"
    code, _, err = train("--teacher", judge, "--out", other)
    assert code == 2
    assert err.splitlines()[-1].startswith(f"bench: --teacher {judge} is the network that judges")
    assert not list(other.rglob("record.json"))


def test_a_refusal_leaves_a_finished_cell_as_it_was(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert train("--json")[0] == 0
    before = records_of(tmp_path)
    damaged = saved_again(weights_of(tmp_path, "segmenter"), tmp_path / "nan.safetensors")
    tensors, facts = load_tensors(damaged)
    save_tensors(damaged, {n: t * float("nan") for n, t in tensors.items()}, facts)
    code, out, _ = train("--json", "--segmenter", damaged)
    assert code == 1
    assert "returned NaN" in json.loads(out)["rows"][-1]["failure"]
    assert records_of(tmp_path).items() >= before.items()
    code, out, err = train("--json")
    assert code == 0, err
    assert json.loads(out)["rows"][-1]["membranes"]["metrics"]["dice"]["mean"] is not None


def test_a_teacher_that_no_loss_looks_through_is_refused(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train("--stages", "train")
    code, _, err = train("--teacher", weights_of(tmp_path, "teacher"), losses="l1,ls")
    assert code == 2
    assert "is used by the loss lm alone" in err.splitlines()[-1]


def test_a_teacher_from_elsewhere_is_another_training(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train("--stages", "train")
    own = training_keys(tmp_path)
    elsewhere = tmp_path / "elsewhere.safetensors"
    elsewhere.write_bytes(weights_of(tmp_path, "teacher").read_bytes())
    code, _, err = train("--teacher", elsewhere, dataset="texture")  # which has no labels
    assert code == 0, err
    assert len(training_keys(tmp_path) - own) == 1


def test_without_labels_the_loss_is_refused_before_any_work(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = train(dataset="texture")
    assert code == 2
    assert err.splitlines()[-1] == (
        "bench: The loss 'lm' looks for membranes, and 'texture' has no labels to learn membranes "
        "from; give a segmenter that was trained elsewhere with --teacher FILE, or leave the loss "
        "out."
    )
    assert not list((tmp_path / "results/runs").rglob("record.json"))


def test_damaged_weights_are_kept_and_made_again(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train("--stages", "train")
    weights = weights_of(tmp_path, "teacher")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-4] + b"abcd")
    code, _, err = train("--stages", "train", "--seeds", "1")
    assert code == 0, err
    assert "is damaged: it is made anew" in err
    assert weights.read_bytes() == whole
    (kept,) = set(weights.parent.glob("weights*")) - {weights}
    assert kept.read_bytes() == whole[:-4] + b"abcd"
