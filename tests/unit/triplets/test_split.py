"""Splits: what leaks, measured against counting pixels one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.triplets.grid import Region, grid_of, grid_size, place_tiles, split_regions
from bench.triplets.leakage import measured_leakage
from bench.triplets.split import depth_blocks, random_blocks, split_names

shift = st.tuples(st.integers(-9, 9), st.integers(-9, 9))


@given(
    top=st.integers(0, 50),
    left=st.integers(0, 50),
    height=st.integers(32, 120),
    width=st.integers(32, 120),
    stride=st.integers(5, 40),
    shifts=st.tuples(shift, shift),
)
def test_windows_stay_in_their_region_and_tiles_move_no_further_than_needed(
    top: int, left: int, height: int, width: int, stride: int, shifts: tuple
) -> None:
    region = Region(top, top + height, left, left + width, 0)
    tiles = place_tiles(region, shifts, 32, grid_of(region, 32, stride))
    reach = np.abs([(0, 0), *shifts]).max()
    if not tiles:
        assert min(height, width) < 32 + 2 * reach
        return
    assert len({(y, x) for _, y, x in tiles}) == len(tiles) <= grid_size(region, 32, stride)
    assert [tile.slot for tile in tiles] == sorted(tile.slot for tile in tiles)
    columns = len(range(left, left + width - 31, stride))
    for slot, y, x in tiles:
        for dy, dx in ((0, 0), *shifts):
            assert top <= y + dy <= top + height - 32
            assert left <= x + dx <= left + width - 32
        nominal = top + slot // columns * stride, left + slot % columns * stride
        assert max(abs(y - nominal[0]), abs(x - nominal[1])) <= reach
        if all(
            top <= nominal[0] + dy <= top + height - 32
            and left <= nominal[1] + dx <= left + width - 32
            for dy, dx in shifts
        ):
            assert (y, x) == nominal


def test_a_slice_of_1024_has_four_tiles_of_512_under_any_shift_found_in_it() -> None:
    (whole,) = split_regions(1024, 1024, "blocked", "z")
    tiles = place_tiles(whole, [(-16, 3), (16, 16)], 512, grid_of(whole, 512, 512))
    assert [(tile.y, tile.x) for tile in tiles] == [(16, 0), (16, 496), (496, 0), (496, 496)]


def test_tiles_that_would_come_to_lie_on_one_place_are_one() -> None:
    (whole,) = split_regions(160, 160, "blocked", "z")
    assert grid_size(whole, 32, 8) == 17 * 17
    tiles = place_tiles(whole, [(-16, 0), (8, 0)], 32, grid_of(whole, 32, 8))
    places = [(tile.y, tile.x) for tile in tiles]
    # Rows 0, 8 and 16 would all lie at 16, and rows 120 and 128 at 120.
    assert places == [(y, x) for y in range(16, 121, 8) for x in range(0, 129, 8)]
    for slot, y, x in tiles:  # each is the one that did not move
        assert (slot // 17 * 8, slot % 17 * 8) == (y, x)


def test_blocks_along_z_hold_whole_triplets_only() -> None:
    blocks = list(depth_blocks(100)[1:99])
    assert [blocks.count(block) for block in range(5)] == [18] * 5
    assert [z for z, block in enumerate(blocks, 1) if block == -1] == [
        19, 20, 39, 40, 59, 60, 79, 80,
    ]  # fmt: skip


def test_bands_cover_the_slice_without_overlap() -> None:
    for axis, sides in (("y", (0, 1)), ("x", (2, 3))):
        bands = split_regions(103, 207, "blocked", axis)
        assert [band.block for band in bands] == [0, 1, 2, 3, 4]
        edges = [(band[sides[0]], band[sides[1]]) for band in bands]
        assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
        assert (edges[0][0], edges[-1][1]) == (0, 103 if axis == "y" else 207)


def test_folds_test_each_block_once_and_never_validate_what_they_test() -> None:
    blocks = np.array([-1, 0, 1, 2, 3, 4])
    assert list(split_names(blocks, 0)) == ["gap", "train", "train", "train", "validation", "test"]
    by_fold = np.stack([split_names(blocks, fold) for fold in range(5)])
    assert (by_fold[:, 0] == "gap").all()
    for name, times in (("test", 1), ("validation", 1), ("train", 3)):
        assert ((by_fold[:, 1:] == name).sum(axis=0) == times).all()


def test_the_papers_split_is_3_1_1_of_what_is_kept() -> None:
    rejected = np.random.default_rng(0).random(500) < 0.3
    names = split_names(random_blocks(rejected, seed=1), 0)
    kept = int((~rejected).sum())
    for name, share in (("train", 0.6), ("validation", 0.2), ("test", 0.2)):
        assert abs((names[~rejected] == name).sum() - share * kept) < 3
    assert (random_blocks(rejected, 1) == random_blocks(rejected, 1)).all()
    assert (random_blocks(rejected, 1) != random_blocks(rejected, 2)).any()


def random_keys(seed: int, count: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    keys = pd.DataFrame(
        {
            "volume": random.choice(["a", "b"], count),
            "z": random.integers(1, 9, count),
            "y": random.integers(5, 40, count),
            "x": random.integers(5, 40, count),
            "reason": random.choice(["", "", "blur"], count),
            "split": random.choice(["train", "validation", "test", "gap"], count),
        }
    )
    for name in ("before_y", "before_x", "after_y", "after_x"):
        keys[f"shift_{name}"] = random.integers(-4, 5, count)
    return keys


def pixels(key: pd.Series, tile: int) -> set[tuple]:
    corners = [
        (key.z - 1, key.y + key.shift_before_y, key.x + key.shift_before_x),
        (key.z, key.y, key.x),
        (key.z + 1, key.y + key.shift_after_y, key.x + key.shift_after_x),
    ]
    return {
        (key.volume, z, y + i, x + j)
        for z, y, x in corners
        for i in range(tile)
        for j in range(tile)
    }


@pytest.mark.parametrize("seed", range(5))
def test_leakage_equals_a_count_of_shared_pixels(seed: int) -> None:
    keys, tile = random_keys(seed, 25), 8
    kept = keys[keys.reason == ""]
    known = set().union(
        *(pixels(key, tile) for _, key in kept.iterrows() if key.split in ("train", "validation"))
    )
    tests = [pixels(key, tile) for _, key in kept.iterrows() if key.split == "test"]
    expected = sum(bool(test & known) for test in tests) / len(tests)
    assert measured_leakage(keys, tile) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_leakage_between_tiles_of_different_sides_equals_a_count_of_shared_pixels(
    seed: int,
) -> None:
    keys = random_keys(seed, 25).assign(reason="")
    sides = pd.Series(np.where(keys.split == "test", 4, 11), index=keys.index)
    known = set().union(
        *(pixels(key, 11) for _, key in keys.iterrows() if key.split in ("train", "validation"))
    )
    tests = [pixels(key, 4) for _, key in keys.iterrows() if key.split == "test"]
    expected = sum(bool(test & known) for test in tests) / len(tests)
    assert measured_leakage(keys, sides) == pytest.approx(expected, abs=1e-12)
    assert measured_leakage(keys, 11) >= expected


def test_leakage_of_a_random_split_is_that_of_the_closed_form() -> None:
    # One column of overlapping triplets: all five that share a slice must be in test.
    keys = pd.DataFrame({"volume": "a", "z": np.arange(1, 1501), "y": 0, "x": 0, "reason": ""})
    for name in ("before_y", "before_x", "after_y", "after_x"):
        keys[f"shift_{name}"] = 0
    keys["split"] = split_names(random_blocks(np.zeros(1500, dtype=bool), 0), 0)
    assert measured_leakage(keys, 8) == pytest.approx(1 - 0.2**4, abs=0.005)
