"""Which stages a run computes again: those that are missing, and those that read what they made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from bench.base.progress import PlainDisplay
from bench.run.resume import MissingError, Resume
from bench.stages.keys import Keys
from bench.stages.pipeline import stages
from bench.stages.stage import Context
from bench.store.records import Record, StageRecord, Store, now

STAGES = ["train", "predict", "score", "segment"]
FILES = {name: stage.leaves for name, stage in stages().items()}


def resume_of(folder: Path, applies: list[str]) -> Resume:
    """Of a cell that nothing but its folder is looked at of, and its segmenter's digest."""
    nothing: Any = None
    segmenters: Any = SimpleNamespace(digest=lambda _: "segmenter")
    context = Context(
        cell=nothing,
        dataset=nothing,
        config=nothing,
        keys=Keys("cell", {stage: f"{stage} key" for stage in applies}, {}),
        folder=folder,
        device=torch.device("cpu"),
        room=nothing,
        features=None,
        segmenters=segmenters,
        seconds=None,
        teachers=nothing,
        store=Store(folder),
        display=PlainDisplay(print),
    )
    return Resume(context)


def pending(resume: Resume, record: Record, asked: list[str], *, rerun: bool = False) -> list[str]:
    return [stage.name for stage in resume.pending(record, asked, rerun=rerun)]


@pytest.fixture
def resume(tmp_path: Path) -> Resume:
    """Of a folder that holds the file of every stage."""
    for name in FILES.values():
        (tmp_path / name).write_bytes(b"")
    return resume_of(tmp_path, STAGES)


def whole() -> Record:
    stages = {
        stage: StageRecord(
            key=f"{stage} key", revision=1, file=FILES[stage], seconds=1.0,
            facts={"segmenter": "segmenter"},
        )
        for stage in STAGES
    }  # fmt: skip
    cell = {"method": "m", "loss": "-", "dataset": "d", "fold": 0, "seed": 0, "preset": "-"}
    return Record(status="done", cell=cell, key="cell", config={}, stages=stages, started=now())


@pytest.mark.parametrize(
    ("lost", "again"),
    [
        ("train", STAGES),
        ("predict", ["predict", "score", "segment"]),
        ("score", ["score"]),
        ("segment", ["segment"]),
    ],
)
def test_a_lost_file_costs_its_stage_and_what_read_it(
    resume: Resume, tmp_path: Path, lost: str, again: list[str]
) -> None:
    (tmp_path / FILES[lost]).unlink()
    record = whole()
    assert pending(resume, record, STAGES) == again
    assert list(record.stages) == [stage for stage in STAGES if stage not in again]


def test_nothing_is_computed_twice_but_on_demand(resume: Resume) -> None:
    assert pending(resume, whole(), STAGES) == []
    assert pending(resume, whole(), STAGES, rerun=True) == STAGES


def test_what_is_stale_is_forgotten_though_it_was_not_asked_for(resume: Resume) -> None:
    record = whole()
    record.stages["predict"].key = "another"
    assert pending(resume, record, ["train", "predict"]) == ["predict"]
    assert list(record.stages) == ["train"]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (["segment"], {"psnr": 20.0, "sharpness": None}),
        (["score"], {"dice": 0.5, "voi_merge": 1.0}),
        (["predict", "score"], {}),
    ],
)
def test_what_a_stage_put_into_the_record_goes_with_it(
    resume: Resume, asked: list[str], left: dict[str, float | None]
) -> None:
    """Whatever comes of the stage now: it may fail."""
    record = whole()
    record.triplets = 7
    record.means = {"psnr": 20.0, "sharpness": None, "dice": 0.5, "voi_merge": 1.0}
    resume.pending(record, asked, rerun=True)
    assert record.means == left
    assert record.triplets == (7 if "psnr" in left else 0)


@pytest.mark.parametrize(
    ("lost", "wanted", "blocked", "named"),
    [
        (["predict"], ["score"], "score", "train,predict,score"),
        (["predict", "score", "segment"], ["segment"], "segment", "train,predict,segment"),
        (["predict", "score"], ["train", "score"], "score", "train,predict,score"),
        (["train"], ["train", "segment"], "segment", "train,predict,segment"),
        (["train", "predict"], ["score"], "score", "train,predict,score"),
        (["train"], ["predict"], "predict", "train,predict"),
    ],
)
@pytest.mark.parametrize("rerun", [True, False])
def test_a_stage_is_not_computed_from_what_another_version_made(
    resume: Resume,
    lost: list[str],
    wanted: list[str],
    blocked: str,
    named: str,
    rerun: bool,
) -> None:
    record = whole()
    for stage in lost:
        record.stages[stage].key = "another"
    record.stages.pop(blocked)
    known = record.model_copy(deep=True)
    remedy = f"--stages {named}{' and without --rerun' if rerun else ''}.$"
    with pytest.raises(MissingError, match=remedy) as caught:
        resume.pending(record, wanted, rerun=rerun)
    assert caught.value.stage == blocked
    assert record == known


def test_frames_are_enough_to_score_again(resume: Resume, tmp_path: Path) -> None:
    (tmp_path / FILES["train"]).unlink()
    assert pending(resume, whole(), ["score"], rerun=True) == ["score"]


def test_what_learns_nothing_waits_for_no_training(tmp_path: Path) -> None:
    record = whole()
    record.stages.clear()
    classical = resume_of(tmp_path, ["predict", "score"])
    assert pending(classical, record, ["train", "predict", "score"]) == ["predict", "score"]


def test_another_key_or_segmenter_is_not_done(resume: Resume) -> None:
    record = whole()
    record.stages["score"].key = "another"
    record.stages["segment"].facts["segmenter"] = "another"
    assert pending(resume, record, STAGES) == ["score", "segment"]
