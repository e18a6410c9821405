"""What is advised where a build does not fit: done as it is said, it fits."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.data.build import BuildOptions
from bench.data.room import advice
from bench.data.split import depth_blocks, place_tiles, split_regions

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
    if not all(place_tiles(region, shifts, options.tile, options.stride) for region in regions):
        return False
    blocks = set(depth_blocks(depth))
    return options.split == "paper" or options.split_axis != "z" or blocks >= set(np.arange(5))
