"""Results of another volume are not taken because its file has the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import moving_texture

from bench.api.filling import check_filling
from bench.api.repair_options import RepairOptions
from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.sources import Given

DEPTH, SIDE = 30, 120


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return moving_texture(DEPTH, SIDE)


def stack(folder: Path, values: np.ndarray, name: str = "stack.tif") -> Path:
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(folder / name, values)
    return folder / name


def built(source: Path, data: Path, **options: Any) -> None:
    """Triplets that are called as their volume is."""
    card = load_card(source.stem)
    wishes = {"tile": 48, "stride": 48, "search": 4, **options}
    path = dataset_path(data, card.name, 0)
    [volume] = Given(sources=[source]).open()
    with volume:
        build(card.name, [volume], card, BuildOptions(**wishes), path)


def check(source: Path, **options: Any) -> None:
    """What is refused before a slice is looked at for damage."""
    out = source.with_name("whole.tif")
    asked = RepairOptions(str(source), str(out), data=source.parents[1] / "data", **options)
    with asked.given().open_grey() as volume:
        check_filling(asked, volume)


def test_triplets_of_another_volume_of_the_name_are_refused(
    tmp_path: Path, grey: np.ndarray
) -> None:
    built(stack(tmp_path / "a", grey), tmp_path / "data")
    other = stack(tmp_path / "b", moving_texture(DEPTH, SIDE, seed=7))
    for method in ({}, {"method": "dain"}):
        with pytest.raises(UserError, match=r"built from another volume .* another --dataset NAME"):
            check(other, **method)
    check(other, method="dis")  # needs none
    check(other, dataset="stack")  # who names it knows what it is


@pytest.mark.parametrize("build_options", [{}, {"every": 2}, {"histogram": "none"}])
@pytest.mark.parametrize(
    "options",
    [{}, {"missing": "3-5"}, {"region": "4:28,10:,:110"}, {"grey_range": "20,200"}],
)
def test_those_of_the_volume_are_taken_however_it_is_read(
    tmp_path: Path, grey: np.ndarray, build_options: Any, options: Any
) -> None:
    """And after other slices were damaged, or blanked out."""
    built(stack(tmp_path / "a", grey), tmp_path / "data", **build_options)
    damaged = grey.copy()
    damaged[8:14] = 0
    check(stack(tmp_path / "b", damaged), **options)


def test_a_file_called_as_a_public_dataset_is_not_taken_for_it(
    tmp_path: Path, grey: np.ndarray
) -> None:
    source = stack(tmp_path / "a", grey, "phantom.tif")
    with pytest.raises(UserError, match=r"'phantom', as .* is the name of a public dataset"):
        check(source)


@pytest.mark.parametrize("name", ["my stack (1).tif", "stack[1].tif"])
def test_a_file_name_that_cannot_name_triplets_is_told_before_the_search(
    tmp_path: Path, grey: np.ndarray, name: str
) -> None:
    source = stack(tmp_path / "a", grey, name)
    with pytest.raises(UserError, match="give another --dataset NAME, or --method dis"):
        check(source)
    assert not source.with_name("whole.tif-repair").exists()
    check(source, dataset="mine")
    check(source, method="dis")
