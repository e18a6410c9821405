"""The loss `lm` from end to end: its teacher is made once, and never judges what it has taught."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.store.records import Store

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


def test_who_has_taught_is_refused_as_judge(train, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train("--stages", "train,predict")
    teacher = weights_of(tmp_path, "teacher")
    code, out, _ = train("--segmenter", teacher)
    assert code == 1
    assert "cannot judge it" in out
    code, _, err = train("--segmenter", teacher, "--teacher", teacher)
    assert code == 2
    assert "what a loss has looked through cannot judge" in err.splitlines()[-1]
    code, _, err = train("--segmenter", teacher, losses="l1")  # which it has not taught
    assert code == 0, err


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
