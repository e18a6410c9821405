"""A small store with every state a cell can be in, written as a run would write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.base.files import file_digest
from bench.scores.ceiling import SegmenterRecord
from bench.scores.metrics import METRICS
from bench.store.records import (
    CALIBRATION,
    NONE,
    Failure,
    Record,
    StageRecord,
    Status,
    Store,
    save_document,
)

COUNT = 30  # triplets: three columns of ten z
STARTED = "2026-01-01T00:00:00+00:00"
LONG = "a_method_of_sixty_characters_with_100%_of_{every}_$pecial_&#"
PSNR = {
    "linear": 19.0, "average": 18.5, "flow": 18.8, "sepconv": 18.9, "dain": 19.1, "ssan": 19.3,
}  # fmt: skip


def scores(name: str, mean: float, seed: int = 0, noise: float = 0.05) -> pd.DataFrame:
    """Scores whose PSNR has that mean exactly; the slices' own share is the same for all."""
    slices = np.random.default_rng(7).normal(0, 0.5, COUNT)
    own = np.random.default_rng([seed, *name.encode()]).normal(0, noise, COUNT)
    psnr = slices + own
    psnr += mean - psnr.mean()
    columns = {metric: np.full(COUNT, 0.5) for metric in METRICS}
    columns |= {"psnr": psnr, "ssim": psnr / 40, "ie": 40 - psnr, "frc_10": psnr / 30}
    columns["sharpness"] = 0.4 + psnr / 100
    return pd.DataFrame(
        {"triplet": np.arange(COUNT) + 100, "volume": "v", "z": np.arange(COUNT) % 10,
         "y": 0, "x": 0, "column": np.arange(COUNT) // 10, "reason": "", **columns}
    )  # fmt: skip


def calibration(**means: float) -> pd.DataFrame:
    """What lies beside the null's scores: rows of each kind with that PSNR."""
    tables = [scores(kind, mean).assign(kind=kind) for kind, mean in means.items()]
    return pd.concat(tables, ignore_index=True)


def membranes(quality: float) -> pd.DataFrame:
    """Membrane scores of that quality: Dice and precision, with a recall of 0.8."""
    z = np.arange(COUNT) % 10
    predicted = 1000 + 10 * z
    return pd.DataFrame(
        {"triplet": np.arange(COUNT) + 100, "volume": "v", "z": z, "y": 0, "x": 0,
         "column": np.arange(COUNT) // 10, "reason": "", "dice": quality + 0.001 * (z - 4.5),
         "true_positive": 800, "false_positive": 100, "false_negative": 200,
         "boundary_hits_predicted": quality * predicted + z, "boundary_predicted": predicted,
         "boundary_hits_true": 800 + z, "boundary_true": 1000, "voi_split": 0.5,
         "voi_merge": 0.5, "adapted_rand_error": 0.2}
    )  # fmt: skip


def followed(name: str, share: float, noise: float = 0.3, rand: float = 0.2) -> pd.DataFrame:
    """Membrane scores with that share of 20 neurites a triplet carried, exactly."""
    own = np.random.default_rng([*name.encode()]).normal(0, noise, COUNT)
    slices = np.random.default_rng(7).normal(0, 0.5, COUNT)
    carried = 20 * share + slices + own - (slices + own).mean()
    return membranes(0.6).assign(
        neurites=20, neurites_carried=carried, neurites_wrong=20 - carried, neurites_lost=0,
        neurite_pixels=2000, neurite_pixels_carried=100 * carried,
        adapted_rand_error=rand + 0.001 * own,
    )  # fmt: skip


def judged(
    out: Path,
    dataset: str = "mouse_triplet",
    *,
    real: float = 0.9,
    steps: int | None = None,
    **left_out: float,
) -> None:
    """Put down the real slices, what no slice at all carries, by kind, and the judge's training."""
    folder = Store(out).root / dataset / "segmenter-1"
    folder.mkdir(parents=True)
    followed("real", real).to_parquet(folder / "ceiling.parquet", index=False)
    kinds = {"left_out": 0.3, "left_out_flow": 0.3, "true_segments": 0.95} | left_out
    tables = [followed(kind, share).assign(kind=kind) for kind, share in kinds.items()]
    pd.concat(tables).to_parquet(folder / "references.parquet", index=False)
    if steps is not None:
        record = SegmenterRecord(
            key="k", settings={"budget": {"steps": steps}}, threshold=0.5, reference="labels",
            files={}, means={}, provenance={}, finished=STARTED,
        )  # fmt: skip
        save_document(folder / "segmenter.json", record.model_dump(mode="json"))


def add(
    out: Path,
    method: str,
    loss: str = NONE,
    *,
    table: pd.DataFrame | None = None,
    dataset: str = "mouse_triplet",
    seed: int = 0,
    preset: str = "quick",
    status: Status = "done",
    segmented: pd.DataFrame | None = None,
    calibrated: pd.DataFrame | None = None,
    **more: Any,
) -> Path:
    """Save one cell; what is not given is filled in as a run would."""
    store = Store(out)
    trained = loss != NONE
    cell = {"method": method, "loss": loss, "dataset": dataset, "fold": more.pop("fold", 0),
            "seed": seed, "preset": preset if trained else NONE}  # fmt: skip
    folder = store.folder(cell, more.pop("key", "0123456789"))
    folder.mkdir(parents=True, exist_ok=True)
    stages, reference = {}, more.pop("reference", "agreement")
    for name, content in (("score", table), ("segment", segmented)):
        if content is None:
            continue
        path = folder / {"score": "scores.parquet", "segment": "membranes.parquet"}[name]
        content.to_parquet(path, index=False)
        facts = {} if name == "score" else {"reference": reference, "ceiling": "segmenter-1"}
        stages[name] = StageRecord(
            key="k", revision=1, file=path.name, digest=file_digest(path), seconds=1.0, facts=facts
        )
    if calibrated is not None:
        path = folder / CALIBRATION
        calibrated.to_parquet(path, index=False)
        sigmas = {"average_blur": 2.0, "truth_blur": 1.0, "noise": 28.6}
        stages["score"].facts |= {"calibration": file_digest(path), **sigmas}
    facts = {"title": more.pop("title", method.partition("[")[0].capitalize()),
             "deviations": more.pop("deviations", [])}  # fmt: skip
    budget = {"samples": 4000, "crop": 128, "epochs": None}
    config = {"max_triplets": None} | ({"preset": budget} if trained else {})
    about = {"fingerprint": "f", "leakage": 0.0} | more.pop("about", {})
    record = Record(
        status=status, cell=cell, key="k", config=config | more.pop("config", {}),
        method=facts, dataset=about, stages=stages, started=STARTED, finished=STARTED, **more,
    )  # fmt: skip
    store.save(record, folder)
    return folder


def judged_twice(out: Path, name: str, first: float, second: float, judge: str = "second") -> None:
    """Save a cell of which either judge finds such a share of neurites carried."""
    again = followed(name, second)
    table = followed(name, first).assign(
        second_neurites=again["neurites"], second_neurites_carried=again["neurites_carried"],
        second_dice=0.5, second_adapted_rand_error=0.2,
    )  # fmt: skip
    folder = add(out, name, table=scores(name, 19.0), segmented=table, reference="labels")
    store = Store(out)
    record = store.load(folder)
    assert record is not None
    record.stages["segment"].facts |= {"second_segmenter": judge, "second_ceiling": "segmenter-2"}
    store.save(record, folder)


def fill(out: Path) -> None:
    """Table 4 on `mouse_triplet` with done, failed, interrupted and missing cells."""
    for name in ("linear", "average", "flow"):
        add(out, name, table=scores(name, PSNR[name]))
    for name, loss in (("sepconv", "l1"), ("sepconv", "ls"), ("ssan", "l1"), ("ssan", "ls")):
        mean = PSNR[name] - (0.8 if loss == "ls" else 0)
        warnings = ["trained with random VGG features"] if loss == "ls" else []
        add(out, name, loss, table=scores(name + loss, mean), warnings=warnings,
            title={"sepconv": "SepConv", "ssan": "SSAN"}[name], deviations=["one_grey channel, 5%"],
            segmented=membranes(0.7 if name == "ssan" else 0.6))  # fmt: skip
    failure = Failure(stage="train", reason="the loss became {NaN} & 50% of it\nmore", traceback="")
    add(out, "dain", "l1", status="failed", failure=failure, title="DAIN-style")
    add(out, "dain", "ls", status="running", title="DAIN-style")
    add(out, LONG, "l1", table=scores("long", 18.7), title=LONG)
    add_ceiling(out)


def add_ceiling(out: Path) -> Path:
    """Put down what the segmenter makes of every real slice."""
    folder = Store(out).root / "mouse_triplet" / "segmenter-1"
    folder.mkdir()
    membranes(0.9).to_parquet(folder / "ceiling.parquet", index=False)
    return folder
