"""Which triplets are of one column, also where tiles overlap; and what it does to an interval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import moving_texture

from bench.scores.statistics import mean_interval
from bench.scores.triplet_table import KEYS, overlapping, with_keys
from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume


def columns(tmp_path: Path, stride: int, side: int = 160) -> pd.DataFrame:
    """The keys that are stored beside scores, with the slot of each tile's place in the grid."""
    path = tmp_path / f"{stride}.h5"
    options = BuildOptions(tile=40, stride=stride, search=4)
    build("t", [ArrayVolume("t", moving_texture(15, side))], load_card("t"), options, path)
    with TripletFile(path) as file:
        indices = np.arange(len(file))
        table = with_keys(pd.DataFrame(index=indices), indices, file)
        assert overlapping(file) == (stride < 40)
        return table.assign(slot=file.keys["column"])


@pytest.mark.parametrize("stride", [40, 39, 36, 50])
def test_tiles_side_by_side_are_columns_of_their_own(tmp_path: Path, stride: int) -> None:
    table = columns(tmp_path, stride)
    assert (table["column"] == table["slot"]).all()
    assert table["column"].nunique() == (9 if stride == 50 else 16)


@pytest.mark.parametrize(("stride", "tiles"), [(20, 49), (10, 169), (30, 25)])
def test_overlapping_tiles_are_columns_two_tiles_wide(
    tmp_path: Path, stride: int, tiles: int
) -> None:
    table = columns(tmp_path, stride)
    assert table["slot"].nunique() == tiles
    assert table["column"].nunique() == 4
    assert table.groupby("slot")["column"].nunique().max() == 1
    spans = table.groupby("column")[["y", "x"]].agg(lambda place: place.max() - place.min())
    assert spans.to_numpy().max() < 80
    assert list(table.columns[:7]) == ["triplet", *KEYS]


@pytest.mark.parametrize("stride", [2, 3])
def test_coverage_with_overlapping_tiles(tmp_path: Path, stride: int) -> None:
    """Tiles of 4 x 4 random pixels each, that stay through z; with every tile a column too few."""
    table = columns(tmp_path, 10 * stride)
    table = table[table["z"] < 7]
    random, held, too_few = np.random.default_rng(0), [], []
    corners = table[["y", "x"]].groupby(table["slot"]).transform("median") // 10
    for _ in range(200):
        stays, passes = random.normal(size=(20, 20)), random.normal(size=(16, 20, 20))
        values = [
            (stays + 0.7 * passes[z])[y : y + 4, x : x + 4].mean()
            for z, (y, x) in zip(table["z"], corners.to_numpy(int), strict=True)
        ]
        for kept, column in ((held, table["column"]), (too_few, table["slot"])):
            interval = mean_interval(values, table.assign(column=column))
            kept.append(interval.low <= 0 <= interval.high)
    assert np.mean(held) >= 0.91
    assert np.mean(too_few) < 0.9
