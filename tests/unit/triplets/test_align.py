"""Alignment: the shifts and peaks of a third party's template matching, only faster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.feature import match_template

from bench.base.errors import UserError
from bench.triplets import align
from bench.triplets.align import Aligner, ncc

AC4 = Path(__file__).parents[4] / "shared/data/snemi3d_ac4/train-input.tif"


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), 2)
    return np.clip(np.rint(128 + 40 * noise / noise.std()), 0, 255).astype(np.uint8)


def by_scikit_image(middle, neighbour, search: int, patch: tuple[int, int]):
    top, left = ((side - p) // 2 for side, p in zip(middle.shape, patch, strict=True))
    template = middle[top : top + patch[0], left : left + patch[1]]
    image = neighbour[
        top - search : top + patch[0] + search, left - search : left + patch[1] + search
    ]
    scores = match_template(image.astype(float), template.astype(float))
    y, x = np.unravel_index(scores.argmax(), scores.shape)
    return int(y) - search, int(x) - search, float(scores.max())


def by_us(middle, neighbour, search: int):
    aligner = Aligner(*middle.shape, search)
    return aligner.match(aligner.prepare(middle), aligner.prepare(neighbour))


@pytest.mark.parametrize("size", [(96, 96), (97, 131), (160, 75)])
def test_equals_scikit_image_on_unrelated_and_on_shifted_slices(size: tuple[int, int]) -> None:
    search = 7
    patch = size[0] - 2 * search, size[1] - 2 * search
    first = texture(*size)
    drifted = np.roll(texture(*size) // 2 + texture(*size, seed=5) // 2, (3, -6), axis=(0, 1))
    for middle, neighbour in ((first, drifted), (drifted, first), (first, texture(*size, seed=9))):
        found, expected = (
            by_us(middle, neighbour, search),
            by_scikit_image(middle, neighbour, search, patch),
        )
        assert (found.y, found.x) == expected[:2]
        assert found.peak == pytest.approx(expected[2], abs=1e-9)


def test_a_known_shift_is_found_in_the_direction_in_which_windows_are_read() -> None:
    canvas = texture(150, 150)
    middle, neighbour = canvas[20:120, 20:120], canvas[15:115, 24:124]
    found = by_us(middle, neighbour, 8)
    assert found == (5, -4, 1.0)
    y, x = 30, 40
    window = neighbour[y + found.y : y + found.y + 32, x + found.x : x + found.x + 32]
    np.testing.assert_array_equal(window, middle[y : y + 32, x : x + 32])


def test_large_slices_are_matched_by_a_central_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(align, "MAX_TEMPLATE", 64)
    first, second = texture(140, 121), np.roll(texture(140, 121), (-2, 4), axis=(0, 1))
    found = by_us(first, second, 6)
    assert (found.y, found.x) == by_scikit_image(first, second, 6, (64, 64))[:2] == (-2, 4)


def test_a_constant_slice_matches_nowhere() -> None:
    blank = np.full((64, 64), 7, dtype=np.uint8)
    assert by_us(texture(64, 64), blank, 4) == (0, 0, 0.0)
    assert by_us(blank, texture(64, 64), 4) == (0, 0, 0.0)


def test_ties_beyond_float32_are_decided_exactly() -> None:
    # A period of 4 makes many shifts all but equal; one changed pixel decides for (4, 0).
    wave = np.tile(texture(4, 64), (40, 1))
    marked = wave.copy()
    marked[80, 32] += 1
    middle, neighbour = marked, np.roll(marked, 4, axis=0)
    found = by_us(middle, neighbour, 8)
    assert found == (4, 0, 1.0)


def test_ncc_is_pearsons_correlation() -> None:
    one, other = texture(50, 60), texture(50, 60, seed=3)
    assert ncc(one, other) == pytest.approx(
        np.corrcoef(one.ravel(), other.ravel())[0, 1], abs=1e-12
    )
    assert ncc(one, np.zeros_like(one)) == 0.0
    assert ncc(one, 255 - one) == -1.0


def test_a_search_radius_that_leaves_no_template_is_refused() -> None:
    with pytest.raises(UserError, match="--search"):
        Aligner(64, 200, 20)


@pytest.mark.skipif(not AC4.exists(), reason="the SNEMI3D volume is not beside the repository")
@pytest.mark.parametrize("z", [3, 32])
def test_equals_scikit_image_on_real_slices(z: int) -> None:
    import tifffile

    with tifffile.TiffFile(AC4) as file:
        one, other = (file.pages[k].asarray()[:512, :512] for k in (z, z + 1))
    for middle, neighbour in ((one, other), (other, one)):
        found, expected = (
            by_us(middle, neighbour, 16),
            by_scikit_image(middle, neighbour, 16, (480, 480)),
        )
        assert (found.y, found.x) == expected[:2]
        assert found.peak == pytest.approx(expected[2], abs=1e-9)
