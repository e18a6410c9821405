"""The test split is looked at once: nothing that is learned or chosen depends on a test triplet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import bench

from bench.base.files import file_digest
from bench.store.records import Record, Store
from bench.triplets.file import TripletFile

_CHOSEN = (
    "average_blur", "noise", "threshold", "seed_threshold", "own_threshold", "own_seed_threshold",
    "validation_loss", "best_step",
)  # fmt: skip
_NOTHING = "lost"  # no neurite is, where segments fill a slice


@pytest.mark.usefixtures("one_thread", "tiny_bench", "without_picture")
def test_noise_in_place_of_every_test_triplet_leaves_the_same_weights_and_thresholds(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    data_folder: Path,
    cells: TripletFile,
    tmp_path: Path,
) -> None:
    hidden = set(cells.indices("test", rejected=True).tolist())
    frames, labels = TripletFile.frames, TripletFile.labels

    def noise(file: TripletFile, index: int) -> np.ndarray:
        real = frames(file, index)
        random = np.random.default_rng(index)
        return random.integers(0, 256, real.shape, np.uint8) if index in hidden else real

    def turned(file: TripletFile, index: int) -> np.ndarray | None:
        real = labels(file, index)
        return real.T.copy() if real is not None and index in hidden else real

    def run(name: str) -> tuple[dict[str, Any], list[float]]:
        words = ("--methods", "tiny", "--losses", "l1", "--dataset", "cells")
        out = tmp_path / name
        code, _, err = bench(capsys, "run", *words, "--data", data_folder, "--out", out)
        assert code == 0, err
        found = {path.parent.name: file_digest(path) for path in out.rglob("weights.safetensors")}
        assert len(found) == 3  # of the null, the network and the segmenter
        records = [record for _, record in Store(out).records()]
        means = [v for record in records for name, v in record.means.items() if name != _NOTHING]
        return found | chosen(records), means

    with_test, scores = run("as it is")
    monkeypatch.setattr(TripletFile, "frames", noise)
    monkeypatch.setattr(TripletFile, "labels", turned)
    without_test, other_scores = run("hidden")
    assert without_test == with_test
    assert all(one != other for one, other in zip(scores, other_scores, strict=True))


def chosen(records: list[Record]) -> dict[str, Any]:
    """What is chosen beside weights, by cell and name."""
    facts = {
        (record.cell["method"], name): done.facts[name]
        for record in records
        for done in record.stages.values()
        for name in _CHOSEN
        if name in done.facts
    }
    assert {name for _, name in facts} == set(_CHOSEN)
    return {" ".join(key): value for key, value in facts.items()}
