"""A store with every kind of cell that a report can meet, made in a second."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy import ndimage

from bench.base.files import file_digest
from bench.stages import predict, score
from bench.store.records import LOG, NONE, Failure, Record, StageRecord, Store
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from segmentation.membranes import membranes

DATASET = "striped"
TITLES = {
    "linear": "Linear filter (the null)", "average": "Average", "flow": "Optical flow",
    "sepconv": "SepConv", "dain": "DAIN-style", "ssan": "SSAN",
}  # fmt: skip
BLUR = {"linear": 2.0, "average": 1.0, "flow": 0.8, "sepconv": 1.5, "dain": 1.2, "ssan": 0.6}
CELLS = (
    ("linear", NONE), ("average", NONE), ("flow", NONE), ("sepconv", "l1"), ("sepconv", "ls"),
    ("dain", "l1"), ("dain", "ls"), ("ssan", "l1"), ("ssan", "lf"), ("ssan", "ls"),
)  # fmt: skip


def build_striped(data: Path, raw: np.ndarray) -> TripletFile:
    """A dataset with labels, from a volume (uint8 ZYX)."""
    rows, columns = np.indices(raw.shape[1:]) // 20
    labels = np.broadcast_to(1 + 100 * rows + columns, raw.shape)
    target = dataset_path(data, DATASET, 0)
    volume = ArrayVolume(DATASET, raw, labels, (30.0, 6.0, 6.0))
    build(DATASET, [volume], load_card(DATASET), BuildOptions(tile=80, stride=80, search=4), target)
    return TripletFile(target)


def make_store(
    out: Path, file: TripletFile, cells: Sequence[tuple[str, str]] = CELLS, seeds: int = 1
) -> Store:
    """A finished cell for each method and loss: frames, scores, log and membranes."""
    store = Store(out)
    _write_masks(store.root / file.name / "segmenter-1" / "ceiling.h5", file, 0.0)
    for method, loss in cells:
        for seed in range(seeds if loss != NONE else 1):
            record = record_of(file, method, loss, seed)
            folder = store.folder(record.cell, record.key)
            _fill(folder, record, file, BLUR.get(method, 1.0) - 0.1 * "l1 lf ls".find(loss) / 3)
            store.save(record, folder)
    return store


def record_of(file: TripletFile, method: str, loss: str, seed: int = 0) -> Record:
    """The record of a cell before its first stage."""
    cell = {
        "method": method, "loss": loss, "dataset": file.name, "fold": 0, "seed": seed,
        "preset": NONE if loss == NONE else "quick",
    }  # fmt: skip
    kind = "trained" if loss != NONE else "classical"
    config: dict[str, Any] = {"max_triplets": None}
    if loss != NONE:
        config["preset"] = {"crop": 64, "batch": 2, "samples": 200, "epochs": None}
    method_facts = {"title": TITLES.get(method, method), "kind": kind}
    return Record(
        status="done", cell=cell, key=f"{method}{loss}{seed}".ljust(12, "0"),
        config=config, method=method_facts, dataset=file.facts(),
        warnings=["trained with random VGG features"] if loss == "ls" else [],
        started="2026-01-01T00:00:00+00:00", finished="2026-01-01T00:00:01+00:00",
    )  # fmt: skip


def fail(store: Store, folder: Path) -> None:
    """Make a cell one that failed before it had frames."""
    record = store.load(folder)
    assert record is not None
    record.status = "failed"
    record.stages = {}
    record.failure = Failure(stage="train", reason="out of luck\nsecond line", traceback="")
    store.save(record, folder)


def folder_of(store: Store, method: str, loss: str) -> Path:
    """The folder of a cell's first seed."""
    return next(store.root.glob(f"*/{method}-{loss}-quick-fold0-seed0-*"))


def _fill(folder: Path, record: Record, file: TripletFile, blur: float) -> None:
    folder.mkdir(parents=True)
    indices = file.indices("test")
    truths = [file.frames(int(index))[1] for index in indices]
    with h5py.File(folder / predict.FRAMES, "w") as out:
        out["frames"] = np.stack([ndimage.gaussian_filter(truth, blur) for truth in truths])
        out["triplets"] = indices.astype(np.int64)
    table = score.score(folder / predict.FRAMES, file, folder / score.SCORES, lambda *_: None)
    record.triplets = len(table)
    facts = {"seconds_a_frame": 0.05 / blur}
    machine = {"processor": "a test", "threads": 1}
    record.stages["predict"] = _stage(folder, predict.FRAMES, facts, machine)
    record.stages["score"] = _stage(folder, score.SCORES, {}, machine)
    _write_masks(folder / "membranes.h5", file, blur)
    record.stages["segment"] = _stage(folder, "membranes.h5", {"ceiling": "segmenter-1"}, machine)
    # The table of membrane scores is not what the figures read.
    record.stages["segment"].file = None
    if record.cell["loss"] != NONE:
        _write_log(folder / LOG, record.cell)
        record.stages["train"] = StageRecord(
            key="train", revision=1, seconds=60.0, facts={"training_seconds": 60.0}
        )


def _stage(folder: Path, name: str, facts: dict[str, Any], machine: dict[str, Any]) -> StageRecord:
    return StageRecord(
        key=name, revision=1, file=name, digest=file_digest(folder / name), seconds=1.0,
        facts=facts, provenance=machine,
    )  # fmt: skip


def _write_masks(path: Path, file: TripletFile, shift: float) -> None:
    """The true membranes, moved down: some are missed, some invented."""
    path.parent.mkdir(parents=True, exist_ok=True)
    indices = file.indices("test")
    masks = []
    for index in indices:
        labels = file.labels(int(index))
        assert labels is not None
        masks.append(np.roll(membranes(labels, 6.0).mask, round(3 * shift), axis=0))
    with h5py.File(path, "w") as out:
        out["masks"] = np.stack(masks)
        out["triplets"] = indices.astype(np.int64)


def _write_log(path: Path, cell: dict[str, Any]) -> None:
    """A log of 100 steps with a validation at every 20th; the features join after 60."""
    lines = ["step,seconds,learning_rate,loss,gradient_norm,l1"]
    lines[0] += ",validation_loss,validation_psnr,gamma_0,gamma_1"
    if cell["loss"] == "ls":
        lines[0] += ",feature,style_before,style_middle,style_after"
    gammas = cell["method"] == "ssan"
    if not gammas:
        lines[0] = lines[0].replace(",gamma_0,gamma_1", "")
    for step in range(1, 101):
        row = [step, step / 10, 1e-3, 1 / step, 0.1, 1 / step]
        line = ",".join(f"{value:.6g}" for value in row)
        line += f",{20 / step:.6g},{20 + step / 100:.6g}" if step % 20 == 0 else ",,"
        line += f",{0.001 * step:.6g},{-0.002 * step:.6g}" if gammas else ""
        if cell["loss"] == "ls":
            late = step > 60
            line += (
                f",{1 / step:.4g},{-0.1 / step:.4g},{3 / step:.4g},{0.1 / step:.4g}"
                if late
                else ",,,,"
            )
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
