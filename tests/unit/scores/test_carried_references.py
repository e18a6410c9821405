"""The references of ``carried``, on a volume whose neurites are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import neurites

from bench.scores.carried import Followed, write_references
from bench.scores.ceiling import KINDS
from bench.scores.membranes import label_neurites
from bench.stages.splits import split_indices
from bench.triplets.build import build
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from methods.classical import Flow
from segmentation.carried import COUNTED, carried_directly, carried_through, carry_along
from segmentation.labels import components


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


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> TripletFile:
    """Gaps of two slices, of cells that move by five pixels from slice to slice."""
    grey, ids = neurites(depth=1, side=96)
    shifts = [5 * (z % 8) for z in range(30)]
    moved, there = (
        np.stack([np.roll(slices[0], shift, axis=1) for shift in shifts]) for slices in (grey, ids)
    )
    noisy = np.clip(moved + np.random.default_rng(0).normal(scale=6, size=moved.shape), 0, 255)
    path = tmp_path_factory.mktemp("wide") / "triplets.h5"
    volume = ArrayVolume("v", noisy.astype(np.uint8), there, (30.0, 6.0, 6.0))
    options = BuildOptions(tile=96, stride=96, align=False, gap=2)
    build("mine", [volume], load_card("mine"), options, path)
    return TripletFile(path)


def test_a_gap_of_two_slices_counts_once_and_through_both(
    wide: TripletFile, tmp_path: Path
) -> None:
    test = wide.indices("test", rejected=True)
    write_references(wide, test, tmp_path / "r.parquet", lambda *_: None)
    table = pd.read_parquet(tmp_path / "r.parquet")
    assert list(table)[1:9] == [
        "triplet", "volume", "z", "y", "x", "column", "reason", "position",
    ]  # fmt: skip
    for _, row in table.iterrows():
        found = label_neurites(wide, row["triplet"])
        assert found is not None
        expected = dict.fromkeys(COUNTED, 0)
        if row["position"] == 2 and row["kind"] == "left_out":
            expected = carried_directly(found)
        if row["position"] == 2 and row["kind"] == "true_segments":
            both = [components(wide.labels(row["triplet"] + step)) for step in (-1, 0)]
            expected = carried_through(found, *both)
        if row["kind"] != "left_out_flow":
            assert row[[*COUNTED]].to_dict() == expected
    of_kind = table.groupby("kind")[[*COUNTED]].sum()
    assert (of_kind["neurites"] == of_kind["neurites"].iloc[0]).all()
    share = of_kind["neurites_carried"] / of_kind["neurites"]
    assert share["left_out"] < share["true_segments"]


def test_slices_of_a_gap_that_were_left_out_are_not_passed_over(wide: TripletFile) -> None:
    followed = Followed(wide, lambda index: label_neurites(wide, index))
    segments = components(wide.labels(1))
    with pytest.raises(ValueError, match="Triplet 1 comes without those before it"):
        followed.counts(1, segments)
    followed.counts(0, segments)
    once = followed.counts(1, segments)
    assert followed.counts(1, segments) == once  # a frame that is scored again is no further slice


def test_a_few_triplets_are_whole_gaps(wide: TripletFile) -> None:
    dataset = Dataset("wide", wide, wide)
    for split in ("train", "test"):
        for most in (1, 2, 3, 5):
            chosen = split_indices(dataset, split, most)
            assert len(chosen) == max(2, most // 2 * 2)
            assert [wide.position(i) for i in chosen] == [1, 2] * (len(chosen) // 2)
            assert np.diff(chosen)[::2].tolist() == [1] * (len(chosen) // 2)


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
