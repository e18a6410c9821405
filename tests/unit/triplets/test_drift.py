"""Slices that lie further apart than was searched, and volumes that are damaged otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.build_summary import BuildSummary
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

DEPTH, SIDE = 25, 256


def cells(side: int) -> np.ndarray:
    """Slices that change slowly along z, with noise of their own."""
    random = np.random.default_rng(0)
    grey = ndimage.gaussian_filter(random.normal(size=(DEPTH, side, side)), (2, 3, 3))
    return 128 + 40 * grey / grey.std() + random.normal(scale=6, size=grey.shape)


def drifting(moved: range) -> np.ndarray:
    """The slices that are moved lie up to 40 pixels from their neighbours."""
    scene, stack = cells(SIDE + 40), []
    for z in range(DEPTH):
        at = 40 * (z % 2) if z in moved else 0
        stack.append(scene[z, at : at + SIDE, at : at + SIDE])
    return np.clip(np.rint(stack), 0, 255).astype(np.uint8)


def make(folder: Path, stack: np.ndarray, **words) -> BuildSummary:
    options = BuildOptions(**{"tile": 128, **words})
    return build("m", [ArrayVolume("v", stack)], load_card("m"), options, folder / "t.h5")


def test_a_volume_that_drifts_is_advised_a_wider_search(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="rejected") as refused:
        make(tmp_path, drifting(range(DEPTH)))
    assert "search radius of 16 pixels: give --search 64." in str(refused.value)
    assert "--rule" not in str(refused.value)
    found = make(tmp_path, drifting(range(DEPTH)), search=64)
    assert found.kept > 0.9 * found.candidates
    assert "drift" not in dict(found.describe())


def test_it_is_told_too_where_only_some_slices_drift(tmp_path: Path) -> None:
    found = make(tmp_path, drifting(range(4, 9)))
    assert 0 < found.reasons["continuity"] < found.candidates / 2
    assert "give --search 64" in dict(found.describe())["drift"]
    assert dict(found.told)["drift"].endswith("--search 64")


def test_a_tile_that_does_not_fit_a_wider_search_is_told_with_it(tmp_path: Path) -> None:
    found = make(tmp_path, drifting(range(4, 9)), tile=192)
    assert "give --search 64 --tile 128 --stride 128" in dict(found.describe())["drift"]


def test_damage_is_no_drift(tmp_path: Path) -> None:
    stack = np.clip(np.rint(cells(SIDE)), 0, 255).astype(np.uint8)
    assert "drift" not in dict(make(tmp_path, stack).describe())
    random = np.random.default_rng(1)
    for z in (4, 5, 8):  # other tissue
        other = ndimage.gaussian_filter(random.normal(size=(SIDE, SIDE)), 3)
        stack[z] = np.clip(128 + 40 * other / other.std(), 0, 255)
    (tmp_path / "b").mkdir()
    found = make(tmp_path / "b", stack)
    assert found.reasons["continuity"] > 0.1 * found.candidates
    assert "drift" not in dict(found.describe())
