"""What is advised where a build does not fit: done as it is said, it fits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.fitting_tile import with_tile
from bench.triplets.grid import grid_of, place_tiles, split_regions
from bench.triplets.options import BuildOptions
from bench.triplets.shape_check import advice
from bench.triplets.split import depth_blocks
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

Shape = tuple[int, int, int]


class Stack(NamedTuple):
    """As much of a volume as is known before a slice is read."""

    shape: Shape
    name: str = "v"
    missing: frozenset[int] = frozenset()


@pytest.mark.parametrize(
    ("shape", "asked", "advised"),
    [
        ((100, 512, 512), {}, "--tile 256 --stride 256"),
        ((100, 256, 256), {"tile": 256}, "--tile 128 --stride 128"),
        ((100, 1024, 1024), {"split_axis": "x"}, "--tile 168 --stride 168, or --split-axis z"),
        ((12, 768, 768), {"tile": 64}, "--split-axis x"),
        (
            (12, 768, 768), {},
            "--split-axis x --tile 120 --stride 120 (too small to train networks, which takes "
            "128), or --split paper (then splits share pixels)",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_comes_first_and_another_split_for_a_larger_tile(
    shape: Shape, asked: dict, advised: str
) -> None:
    assert advice([Stack(shape)], BuildOptions(**asked)) == f"give `bench data build` {advised}"


def test_a_volume_that_nothing_fits_has_to_be_larger() -> None:
    assert advice([Stack((4, 100, 100))], BuildOptions()).startswith("it takes more slices")


@given(
    shape=st.tuples(st.integers(3, 40), st.integers(30, 1100), st.integers(30, 1100)),
    tile=st.integers(32, 600),
    search=st.integers(0, 20),
    axis=st.sampled_from("zyx"),
)
def test_what_is_advised_fits_whatever_the_shifts(
    shape: Shape, tile: int, search: int, axis: str
) -> None:
    asked = BuildOptions(tile=tile, search=search, split_axis=axis, align=search > 0)
    advised = re.sub(r" \(.*?\)", "", advice([Stack(shape)], asked))
    for choice in advised.split(", or ") if advised.startswith("give ") else []:
        words = dict(re.findall(r"--(\S+) (\w+)", choice))
        changed = {name.replace("-", "_"): value for name, value in words.items()}
        assert fits(shape, BuildOptions(**{**asked.model_dump(), **changed}))


def fits(shape: Shape, options: BuildOptions) -> bool:
    depth, height, width = shape
    regions = split_regions(height, width, options.split, options.split_axis)
    shifts = [(-options.search, options.search), (options.search, -options.search)]
    if not all(
        place_tiles(region, shifts, options.tile, grid_of(region, options.tile, options.stride))
        for region in regions
    ):
        return False
    blocks = set(depth_blocks(depth))
    return options.split == "paper" or options.split_axis != "z" or blocks >= set(np.arange(5))


@pytest.mark.parametrize(
    ("shape", "asked", "tile", "stride"),
    [
        ((100, 1024, 1024), {}, 512, 512),
        ((100, 544, 600), {}, 512, 512),
        ((100, 512, 512), {}, 256, 256),  # 512 and twice the search radius do not fit
        ((100, 287, 900), {}, 128, 128),
        ((100, 512, 512), {"align": False}, 512, 512),
        ((100, 620, 620), {"search": 64}, 256, 256),
        ((20, 1024, 1024), {"split_axis": "x"}, 128, 128),
        ((100, 512, 512), {"stride": 100}, 256, 100),
        ((100, 512, 512), {"tile": 200}, 200, 200),
        ((100, 512, 512), {"tile": 512, "stride": 64}, 512, 64),
        ((100, 150, 150), {}, 512, 512),  # is refused, with advice
    ],
)
def test_where_no_tile_is_given_the_largest_that_fits_is_taken(
    shape: Shape, asked: dict, tile: int, stride: int
) -> None:
    taken = with_tile([Stack(shape)], BuildOptions(**asked))
    assert (taken.tile, taken.stride) == (tile, stride)
    assert with_tile([Stack((100, 2048, 2048)), Stack(shape)], BuildOptions(**asked)) == taken


class Unread(ArrayVolume):
    """A volume of which nobody may read a slice."""

    def __init__(self, shape: Shape) -> None:
        super().__init__("v", np.zeros((3, 4, 4), np.uint8))
        self.shape = shape

    def slice(self, z: int) -> np.ndarray:
        raise AssertionError(f"slice {z} was read")


@pytest.mark.parametrize(
    ("shape", "asked", "words"),
    [
        ((5, 8192, 8192), {}, "take 15 slices and there are 5; .* --split-axis x"),
        ((13, 8192, 8192), {"fold": 1}, "take 15 slices and there are 13"),
        ((3, 600, 600), {"split": "paper", "tile": 512}, "takes 5 triplets, .* at most 1; "),
        ((30, 600, 600), {"tile": 700}, "too few for a tile of 700; .* --tile"),
        (
            (30, 600, 600),
            {"tile": 128, "split_axis": "y"},
            "y are 120 wide, too narrow for a tile of 128",
        ),
        ((30, 600, 600), {"search": 290}, "choose a smaller --search"),
        ((30, 150, 150), {}, "too few for any tile of 512, 256 or 128; .* --tile 112 --stride 112"),
        (
            (40, 300, 300),
            {"split_axis": "x"},
            "x are 60 wide, .* any tile of 512, 256 or 128",
        ),
    ],
)
def test_what_the_shape_tells_is_refused_before_a_slice_is_read(
    tmp_path: Path, shape: Shape, asked: dict, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        build("m", [Unread(shape)], load_card("m"), BuildOptions(**asked), tmp_path / "t.h5")


@given(
    shape=st.tuples(st.integers(3, 40), st.integers(30, 1100), st.integers(30, 1100)),
    tile=st.integers(32, 600),
)
def test_a_split_at_random_is_not_advised_to_who_has_it(shape: Shape, tile: int) -> None:
    words = advice([Stack(shape)], BuildOptions(tile=tile, split="paper"))
    assert "--split paper" not in words
    assert "--split-axis z" not in words


def test_five_slices_at_random_are_better_off_with_bands() -> None:
    words = advice([Stack((5, 800, 800))], BuildOptions(split="paper", tile=128))
    assert words == "give `bench data build` --split blocked --split-axis x"
