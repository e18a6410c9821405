"""Tiles that are drawn from a volume: spread evenly, cut as all would be, nothing read beside."""

from __future__ import annotations

import json
import tracemalloc
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from command import bench
from endless import Endless
from numpy.typing import NDArray
from scipy import ndimage

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.parts import parts_of
from bench.triplets.verify import verify
from bench.volumes.cards import load_card
from bench.volumes.sources import Given
from bench.volumes.stack_volume import ArrayVolume, StackVolume
from segmentation.labels import UNLABELLED

DEPTH, SIDE, TILE, SEARCH = 60, 288, 32, 4


def texture(depth: int, height: int, width: int, still: float = 1) -> NDArray[np.uint8]:
    random = np.random.default_rng(0)
    grey = ndimage.gaussian_filter(random.normal(size=(depth, height, width)), (still, 2, 2))
    noisy = 128 + 40 * grey / grey.std() + random.normal(scale=5, size=grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


RAW = texture(DEPTH, SIDE, SIDE)


def options(**changes: Any) -> BuildOptions:
    usual = {"tile": TILE, "search": SEARCH, "histogram": "none", "tiles": 100}
    return BuildOptions(**{**usual, **changes})


def make(folder: Path, volume: Any, **changes: Any) -> TripletFile:
    path = folder / "t.h5"
    build("m", [volume], load_card("m"), options(**changes), path, replace=True)
    return TripletFile(path)


def places(keys: pd.DataFrame) -> set[tuple[int, int, int]]:
    return set(zip(keys["z"], keys["y"], keys["x"], strict=True))


def endless(side: int, dtype: str = "uint8", **words: Any) -> StackVolume:
    return StackVolume("v", Endless(RAW, side, dtype), None, words.get("grey_range"))


@pytest.mark.parametrize("split", ["z", "y", "x", "paper"])
def test_tiles_are_some_of_those_that_a_whole_build_takes(tmp_path: Path, split: str) -> None:
    chosen = {"split": "paper"} if split == "paper" else {"split_axis": split}
    volume = ArrayVolume("v", RAW)
    whole = make(tmp_path, volume, align=False, tiles=None, **chosen)
    known = places(whole.keys)
    drawn = make(tmp_path / "drawn", volume, align=False, **chosen)
    assert len(places(drawn.keys)) == len(drawn)  # none twice
    assert 100 <= len(drawn) < 170
    assert places(drawn.keys) <= known
    for i, place in enumerate(drawn.keys[["z", "y", "x"]].to_numpy().tolist()):
        same = np.flatnonzero((whole.keys[["z", "y", "x"]] == place).all(axis=1))
        np.testing.assert_array_equal(drawn.frames(i), whole.frames(int(same[0])))
    assert set(drawn.keys["split"]) == {"train", "validation", "test"}
    runs = drawn.keys.groupby("column")
    assert (runs["z"].agg(np.ptp) == runs["z"].size() - 1).all()
    assert runs["z"].size().min() >= 7
    assert not verify(drawn.path)
    assert f"{len(runs)} runs" in dict(describe(drawn))["drawn"]


def test_of_more_tiles_than_there_are_all_are_taken(tmp_path: Path) -> None:
    volume = ArrayVolume("v", RAW[:, :96, :64])
    whole = make(tmp_path, volume, align=False, tiles=None)
    known = places(whole.keys[whole.keys["split"] != "gap"])
    assert places(make(tmp_path, volume, align=False, tiles=10**6).keys) == known


def test_what_is_drawn_is_spread_over_the_volume() -> None:
    """As evenly as chance hardly ever is: of 5 x 4 quarters of a block none has more than twice."""
    parts = parts_of(endless(40_000), options(tile=512, stride=512, search=16, tiles=1000))
    corners = np.array([part.volume.corner for part in parts])
    counts, _ = np.histogramdd(corners, (5, 2, 2), ((0, DEPTH), (0, 40_000), (0, 40_000)))
    assert counts.min() >= len(parts) / 20 / 2
    assert counts.max() <= len(parts) / 20 * 2
    assert len({tuple(corner[1:]) for corner in corners}) > 0.95 * len(parts)


def test_neighbours_are_aligned_at_each_place(tmp_path: Path) -> None:
    """One half of the slices moves to one side, the other half to the other."""
    scene, moved_by = texture(DEPTH, SIDE, SIDE + 8, still=4), (3, -2)
    raw = scene[..., 4:-4].copy()
    half = SIDE // 2
    for z in range(1, DEPTH, 2):
        for part, step in zip((np.s_[:half], np.s_[half:]), moved_by, strict=True):
            raw[z, part] = scene[z, part, 4 + step : 4 + step + SIDE]
    file = make(tmp_path, ArrayVolume("v", raw))
    keys = file.keys[(file.keys["y"] + TILE + SEARCH <= half) | (file.keys["y"] - SEARCH >= half)]
    assert len(keys) > 60
    upper = keys["y"] < half
    for name in ("before", "after"):
        odd = (keys["z"] + 1) % 2  # of the neighbours
        expected = np.where(upper, -3, 2) * np.where(odd, 1, -1)
        np.testing.assert_array_equal(keys[f"shift_{name}_x"], expected)
    for i, key in enumerate(file.keys.to_dict("records")):
        for frame, (step, name) in enumerate(((-1, "before"), (0, "middle"), (1, "after"))):
            y, x = (key[axis] + key.get(f"shift_{name}_{axis}", 0) for axis in "yx")
            window = raw[key["z"] + step, y : y + TILE, x : x + TILE]
            np.testing.assert_array_equal(file.frames(i)[frame], window)


def test_memory_and_what_is_read_do_not_grow_with_the_slices(tmp_path: Path) -> None:
    peaks, windows = [], []
    for side in (4_000, 40_000):
        volume = endless(side)
        tracemalloc.start()
        file = make(tmp_path, volume)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        windows.append(volume._raw.windows)
        assert not verify(file.path)
        assert file.keys["x"].max() > side / 2
    assert len({len(each) for each in windows}) == 1
    assert set(chain(*windows)) == {(TILE + 2 * SEARCH,) * 2}
    assert peaks[1] < 1.1 * peaks[0]


def test_slices_that_are_too_large_take_tiles_or_a_region(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'v' have 12000 x 12000 pixels, .* --tiles 400"):
        make(tmp_path, endless(12_000), tiles=None)


def test_the_grey_range_of_slices_too_large_is_found_in_windows(tmp_path: Path) -> None:
    volume = endless(12_000, dtype="uint16", grey_range="auto")
    file = make(tmp_path, volume)
    assert volume.grey is not None
    low, high = volume.grey.range
    expected = np.percentile(RAW[RAW > 0], (0.1, 99.9)) * 100
    np.testing.assert_allclose((low, high), expected, atol=100)
    assert max(max(window) for window in volume._raw.windows) == 4096
    assert file.volumes[0].grey_range == (low, high)


def test_labels_masks_holes_and_thick_slices_come_along(tmp_path: Path) -> None:
    """Labels cover a part, two slices are missing, every second one is taken."""
    ids = np.random.default_rng(1).integers(1, 9, (DEPTH, 9, 9)).repeat(32, 1).repeat(32, 2)
    raw, labelled = np.repeat(RAW, 2, axis=0), np.repeat(ids, 2, axis=0)[:, :160]
    tifffile.imwrite(tmp_path / "v.tif", raw)
    tifffile.imwrite(tmp_path / "ids.tif", np.pad(labelled, ((0, 0), (0, 128), (0, 0))))
    tissue = np.ones(raw.shape[1:], np.uint8)
    tissue[:, :64] = 0
    tifffile.imwrite(tmp_path / "tissue.tif", tissue)
    given = Given(
        sources=[tmp_path / "v.tif"],
        labels=[tmp_path / "ids.tif"],
        masks=[tmp_path / "tissue.tif"],
        missing=[(22, 70)],
    )
    [volume] = given.open()
    with volume:
        file = make(tmp_path, volume, every=2, align=False)
    assert not set(file.keys["z"]) & {z + step for z in (22, 70) for step in (-2, 0, 2)}
    masked = file.keys["x"] < 64
    assert 0 < masked.sum() < len(file)
    assert ((file.keys["reason"] == "defect") == masked).all()
    for i, (z, y, x) in enumerate(file.keys[["z", "y", "x"]].to_numpy()):
        here = np.s_[y : y + TILE, x : x + TILE]
        np.testing.assert_array_equal(file.frames(i), raw[[z - 2, z, z + 2]][:, *here])
        found = file.labels(i)
        expected = np.pad(labelled, ((0, 0), (0, 128), (0, 0)))[z][here]
        np.testing.assert_array_equal(np.where(found == UNLABELLED, 0, found), expected)


def test_the_same_volume_is_known_again_and_another_one_is_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "v.tif"
    tifffile.imwrite(source, RAW)
    words = ["--source", source, "--data", tmp_path]
    built = ["data", "build", "m", *words, "--tile", TILE, "--search", SEARCH, "--tiles", 50]
    code, out, err = bench(capsys, *built, "--json")
    assert code == 0, err
    drawn = json.loads(out)["drawn"]
    _, out, _ = bench(capsys, "data", "info", "m", "--data", tmp_path, "--json")
    assert json.loads(out)["drawn"] == drawn
    run = ["run", "--methods", "average", "--dataset", "m", "--stages", "train,predict", *words,
           "--out", tmp_path / "results"]  # fmt: skip
    assert bench(capsys, *run)[0] == 0
    tifffile.imwrite(source, 255 - RAW)
    code, _, err = bench(capsys, *run)
    assert (code, "was built from another volume" in err) == (2, True)
