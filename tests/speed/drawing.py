"""Tiles drawn from large slices, beside as many from small ones."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from endless import Endless
from numpy.typing import NDArray

from bench.triplets.build import build
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import StackVolume
from speed.figures import Result, Setting
from speed.racing import race
from speed.subjects import textures

SIDE = 40_000
_SMALL, _DEPTH, _BLOCK, _TILE, _TILES = 4_000, 15, 512, 256, 60


def measure(setting: Setting) -> Result:
    """The same build but for the side of the slices; nothing is compared, as the places differ."""
    block, side = textures(_DEPTH, _BLOCK), setting.size or SIDE
    with tempfile.TemporaryDirectory() as folder:
        draw = partial(drawn, block, Path(folder, "triplets.h5"))
        figures = race(
            f"{_TILES} tiles", partial(draw, _SMALL), partial(draw, side), 1.1, setting,
            target="as from 4,000 x 4,000",
        )  # fmt: skip
    return Result(figures, [], side)


def drawn(block: NDArray[np.uint8], path: Path, side: int) -> None:
    """The whole build of so many tiles."""
    options = BuildOptions(tile=_TILE, tiles=_TILES)
    volume = StackVolume("texture", Endless(block, side), None, None)
    build("texture", [volume], load_card("texture"), options, path, replace=True)
