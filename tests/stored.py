"""A store in every state a report can meet, made of real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from bench.base.files import file_digest
from bench.stages.score import score
from bench.store.records import NONE, Failure, Record, StageRecord, Status, Store
from bench.triplets.file import TripletFile

STARTED = "2026-01-02T03:04:05+00:00"
PROVENANCE = {
    "packages": {"interslice": "0.1.0"}, "python": "3.11", "commit": "c0ffee", "dirty": False,
    "system": "Linux", "processor": "A processor", "cores": 2, "device": "cpu", "threads": 1,
}  # fmt: skip


def add_cell(root: Path, file: TripletFile, method: str, blur: float | None, **given: Any) -> Path:
    """Put a cell into the store below ``root``.

    Args:
        root: of the results.
        file: the triplets it was computed on.
        method: the word on the command line.
        blur: standard deviation of the error of its frames; None for a cell without frames.
        given: fields of its record; ``loss`` and ``title`` too.
    """
    loss = given.pop("loss", NONE)
    words = {
        "method": method, "loss": loss, "dataset": file.name, "fold": 0, "seed": 0,
        "preset": NONE if loss == NONE else "quick",
    }  # fmt: skip
    facts = {
        "title": given.pop("title", method.title()), "reference": "", "deviations": ["is made up"],
        "kind": "classical" if loss == NONE else "trained",
    }  # fmt: skip
    store = Store(root)
    folder = store.folder(words, f"{method}{loss}".encode().hex()[-10:])
    folder.mkdir(parents=True)
    status: Status = given.pop("status", "done")
    record = Record(
        status=status, cell=words, key=folder.name, config={}, method=facts,
        dataset=file.facts(), started=STARTED, finished=STARTED, **given,
    )  # fmt: skip
    if blur is not None:
        _predict(folder, file, blur)
        table = score(folder / "frames.h5", file, folder / "scores.parquet", lambda *_: None)
        record.triplets = len(table)
        names = {"predict": "frames.h5", "score": "scores.parquet"}
        record.stages = {stage: _stage(folder, name) for stage, name in names.items()}
    store.save(record, folder)
    return folder


def add_unfinished(root: Path, file: TripletFile) -> None:
    """A cell that failed, one that was interrupted, one that was killed, one that is damaged."""
    failure = Failure(stage="train", reason="the loss is not a number", traceback="")
    add_cell(root, file, "sepconv", None, loss="l1", status="failed", failure=failure)
    add_cell(root, file, "dain", None, loss="l1", status="interrupted")
    add_cell(root, file, "ssan", None, loss="ls", status="running")
    folder = add_cell(root, file, "flow", 9.0)
    _flip(folder / "scores.parquet")
    folder = add_cell(root, file, "phase", None)
    _flip(folder / "record.json")


def _predict(folder: Path, file: TripletFile, blur: float) -> None:
    """The truth with an error that grows with the triplet, so that the worst one is known."""
    indices = file.indices("test")
    random = np.random.default_rng(0)
    frames = [
        file.frames(int(index))[1] + random.normal(scale=blur * (1 + i / 4), size=(file.tile,) * 2)
        for i, index in enumerate(indices)
    ]
    with h5py.File(folder / "frames.h5", "w") as out:
        out["frames"] = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
        out["triplets"] = indices.astype(np.int64)


def _stage(folder: Path, name: str) -> StageRecord:
    return StageRecord(
        key=name, revision=1, file=name, digest=file_digest(folder / name), seconds=1.5,
        facts={"seconds_a_frame": 0.25}, provenance=PROVENANCE,
    )  # fmt: skip


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
