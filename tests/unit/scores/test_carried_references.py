"""The references of ``carried``, on a volume whose neurites are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import neurites

from bench.scores.carried import carry_along, write_references
from bench.scores.ceiling import KINDS
from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from methods.classical import Flow


def references(folder: Path, grey: np.ndarray, ids: np.ndarray, **options: object) -> pd.DataFrame:
    """The pooled counts of each kind over all triplets."""
    path = folder / "triplets.h5"
    volume = ArrayVolume("v", grey, ids, (30.0, 6.0, 6.0))
    words = {"tile": 96, "stride": 96, "align": False, **options}
    build("mine", [volume], load_card("mine"), BuildOptions(**words), path)
    file, target = TripletFile(path), folder / "references.parquet"
    test = file.indices("test", rejected=True)
    write_references(file, test, target, lambda *_: None)
    table = pd.read_parquet(target)
    assert table.groupby("kind")["triplet"].apply(list).tolist() == [test.tolist()] * len(KINDS)
    assert set(table["kind"]) == set(KINDS)
    return table.groupby("kind")[[name for name in table if name.startswith("neurite")]].sum()


def test_still_tissue_is_carried_by_all(tmp_path: Path) -> None:
    grey, ids = neurites(depth=1, side=96)
    noise = np.random.default_rng(0).normal(scale=6, size=(20, 96, 96))
    still = np.clip(grey + noise, 0, 255).astype(np.uint8)
    found = references(tmp_path, still, ids.repeat(20, axis=0))
    assert (found["neurites"] > 20).all()
    assert (found["neurites_carried"] == found["neurites"]).all()
    assert (found["neurite_pixels_carried"] == found["neurite_pixels"]).all()


@pytest.mark.parametrize("step", [7, -7])
def test_who_moves_by_half_a_neurite_is_carried_by_true_segments_and_flow(
    tmp_path: Path, step: int
) -> None:
    """Neurites are some 25 pixels wide: a slice moves them by a quarter, the gap by half."""
    grey, ids = neurites(depth=1, side=160)
    shifts = [step * (z % 10) for z in range(20)]
    moved, there = (
        np.stack([np.roll(slices[0], shift, axis=1) for shift in shifts]) for slices in (grey, ids)
    )
    noisy = np.clip(moved + np.random.default_rng(0).normal(scale=6, size=moved.shape), 0, 255)
    found = references(tmp_path, noisy.astype(np.uint8), there, tile=160, stride=160)
    share = found["neurites_carried"] / found["neurites"]
    assert share["true_segments"] > 0.9
    assert share["left_out_flow"] > 0.9
    assert share["left_out"] < 0.8


def test_a_flow_from_slice_to_slice_finds_a_shift() -> None:
    grey = neurites(depth=1, side=160)[0][0]
    moved = np.roll(grey, (2, -5), axis=(0, 1))
    triplet = to_triplets(np.stack([grey, grey, moved])[None])
    flow = Flow().flow(triplet.after, triplet.before)[0].numpy()  # from the moved slice back
    inner = flow[:, 30:-30, 30:-30]
    assert np.median(inner[0]) == pytest.approx(5, abs=0.3)
    assert np.median(inner[1]) == pytest.approx(-2, abs=0.3)


def test_labels_are_carried_along_a_flow_to_the_nearest_pixel() -> None:
    labels = np.arange(1, 21, dtype=np.int32).reshape(4, 5)
    flow = np.zeros((2, 4, 5), np.float32)
    flow[0], flow[1] = 1.4, -0.6
    moved = carry_along(labels, flow)
    assert moved.dtype == np.int32
    np.testing.assert_array_equal(moved[1:, :-1], labels[:-1, 1:])
    assert (moved[0] == 0).all()  # it leads out of the slice
    assert (moved[:, -1] == 0).all()
