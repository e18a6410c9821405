"""How much of a slice is in tiles, against counting pixels; what is proposed keeps its word."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cells.presets import PRESETS
from bench.triplets.grid import grid_of, place_tiles, split_regions
from bench.triplets.options import BuildOptions
from bench.triplets.split import Axis
from bench.triplets.tile_coverage import SMALLEST_CROP, poor_coverage


def options(tile: int, stride: int, axis: Axis = "z", search: int = 16) -> BuildOptions:
    return BuildOptions(tile=tile, stride=stride, split_axis=axis, align=search > 0, search=search)


def counted(height: int, width: int, tile: int, stride: int, axis: Axis) -> float:
    there = np.zeros((height, width), dtype=bool)
    for region in split_regions(height, width, "blocked", axis):
        for _, y, x in place_tiles(region, [], tile, grid_of(region, tile, stride)):
            there[y : y + tile, x : x + tile] = True
    return float(there.mean())


@given(
    height=st.integers(160, 700),
    width=st.integers(160, 700),
    tile=st.integers(32, 130),
    stride=st.integers(20, 200),
    axis=st.sampled_from("zyx"),
)
def test_the_share_is_that_of_the_pixels_in_tiles(
    height: int, width: int, tile: int, stride: int, axis: Axis
) -> None:
    tile = min(tile, height // 5, width // 5) if axis != "z" else tile
    share = counted(height, width, tile, stride, axis)
    lines = poor_coverage([(20, height, width)], options(tile, stride, axis))
    assert bool(lines) == (share < 0.95)
    for line in lines:
        assert line.startswith(f"{int(100 * share)} % of each slice of {height} x {width}, by ")


@given(
    height=st.integers(300, 1500),
    width=st.integers(300, 1500),
    tile=st.integers(140, 300),
    axis=st.sampled_from("zx"),
)
def test_a_tile_that_is_proposed_covers_what_is_said_and_fits_with_every_shift(
    height: int, width: int, tile: int, axis: Axis
) -> None:
    tile = min(tile, width // 5) if axis == "x" else tile
    for line in poor_coverage([(20, height, width)], options(tile, tile, axis)):
        found = re.search(r"--tile (\d+) --stride (\d+) would make it (\d+) %", line)
        if found is None:
            continue
        side, stride, percent = map(int, found.groups())
        share = counted(height, width, side, stride, axis)
        assert share > counted(height, width, tile, tile, axis)
        assert percent == int(100 * share)
        assert 128 <= side <= tile
        for region in split_regions(height, width, "blocked", axis):
            assert place_tiles(region, [(-16, 16), (16, -16)], side, grid_of(region, side, stride))


@pytest.mark.parametrize(
    ("side", "proposed"), [(768, "384"), (1000, "496"), (640, "320"), (540, "264"), (160, None)]
)
def test_the_largest_tile_that_covers_nearly_all_is_proposed(
    side: int, proposed: str | None
) -> None:
    tile = min(512, side - 60)
    (line,) = poor_coverage([(30, side, side), (40, side, side)], options(tile, tile))
    found = re.search(r"--tile (\d+)", line)
    assert (found and found[1]) == proposed


def test_no_preset_trains_on_less_than_the_smallest_crop() -> None:
    assert min(preset.crop for preset in PRESETS.values()) == SMALLEST_CROP
