"""The phantom: equal for equal options, every dial moves what it says, near real EM."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from bench.base.errors import UserError
from bench.scores.metrics import frc_10, ring_correlation
from bench.volumes.phantom import Phantom, PhantomOptions, phantom_volume
from bench.volumes.phantom.reference import SNEMI3D_AC4
from bench.volumes.phantom.volume import draw_residues

AC4 = Path(__file__).parents[4] / "shared/data/snemi3d_ac4/train-input.tif"
TILE = 256
SMALL = PhantomOptions(depth=6, height=160, width=144)
STILL = replace(SMALL, deformation=0.0, drift=0.0, blur=0.0, noise=0.0, flicker=0.0)


@pytest.fixture(scope="module")
def small() -> Phantom:
    return phantom_volume(SMALL)


@pytest.fixture(scope="module")
def still() -> Phantom:
    return phantom_volume(STILL)


@pytest.fixture(scope="module")
def default_like() -> Phantom:
    return phantom_volume(PhantomOptions(depth=20))


def tiles(volume):
    for y in range(0, volume.shape[1] - TILE + 1, TILE):
        for x in range(0, volume.shape[2] - TILE + 1, TILE):
            yield volume[:, y : y + TILE, x : x + TILE]


def neighbour_frc(volume):
    """Mean frc_10 and frc_25, from one ring correlation each pair."""
    scores = []
    for tile in tiles(volume):
        for one, other in pairwise(tile):
            frequency, correlation = ring_correlation(one, other)
            scores.append([correlation[frequency < limit].mean() for limit in (0.1, 0.25)])
    return np.mean(scores, axis=0)


def spectrum_slope(volume):
    window = np.outer(np.hanning(TILE), np.hanning(TILE))
    frequency = np.fft.fftfreq(TILE)
    ring = np.rint(np.hypot(frequency[:, None], frequency) * TILE).astype(int).ravel()
    power = np.zeros(ring.max() + 1)
    for tile in tiles(volume):
        for image in tile.astype(float):
            spectrum = np.abs(np.fft.fft2((image - image.mean()) * window)) ** 2
            power += np.bincount(ring, spectrum.ravel()) / np.bincount(ring)
    at = np.arange(len(power)) / TILE
    band = (at >= 0.02) & (at <= 0.3)
    return np.polyfit(np.log(at[band]), np.log(power[band]), 1)[0]


def quantiles(volume):
    return np.quantile(volume, (np.arange(32) + 0.5) / 32)


def neighbour_correlation(volume):
    flat = volume.reshape(len(volume), -1)
    return np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairwise(flat)])


def gradient_energy(volume):
    return (np.diff(volume.astype(float), axis=2) ** 2).mean(axis=(1, 2))


def test_shapes_and_types(small):
    assert small.raw.shape == small.ids.shape == (6, 160, 144)
    assert small.raw.dtype == np.uint8
    assert small.ids.dtype == np.uint32


def test_equal_options_make_equal_phantoms(small):
    again = phantom_volume(SMALL)
    assert np.array_equal(again.raw, small.raw)
    assert np.array_equal(again.ids, small.ids)


def test_another_seed_makes_another_phantom(small):
    other = phantom_volume(replace(SMALL, seed=1))
    assert (other.ids != small.ids).mean() > 0.5
    assert abs(np.corrcoef(other.raw[3].ravel(), small.raw[3].ravel())[0, 1]) < 0.3


@pytest.mark.parametrize(
    ("depth", "height", "width", "voxel", "thickness"),
    [(1, 16, 16, 6.0, 30.0), (2, 33, 70, 20.0, 50.0), (3, 40, 17, 3.0, 100.0)],
)
def test_any_size_can_be_made(depth, height, width, voxel, thickness):
    options = PhantomOptions(0, depth, height, width, voxel, thickness)
    phantom = phantom_volume(options)
    assert phantom.raw.shape == phantom.ids.shape == (depth, height, width)
    assert phantom.raw.std() > 5.0
    assert phantom.ids.min() > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("depth", 0), ("width", -3), ("voxel", 0.0), ("thickness", np.inf), ("noise", np.nan)],
)
def test_what_cannot_be_made_is_refused(name, value):
    with pytest.raises(UserError, match=name):
        replace(SMALL, **{name: value})


def test_noise_has_the_size_asked_for_and_hides_the_likeness_of_neighbours(still):
    noisy = phantom_volume(replace(STILL, noise=30.0))
    assert np.array_equal(noisy.ids, still.ids)
    grey = (still.raw > 110) & (still.raw < 146)
    residual = (noisy.raw.astype(float) - still.raw)[grey]
    assert residual.std() == pytest.approx(30.0, rel=0.05)
    assert neighbour_correlation(noisy.raw) < neighbour_correlation(still.raw) - 0.1


def test_blur_spreads_sharpness_between_slices(still):
    blurred = phantom_volume(replace(STILL, blur=1.5))
    lost = gradient_energy(blurred.raw) / gradient_energy(still.raw)
    assert np.all(lost < 1.01)
    assert lost.min() < 0.4
    assert lost.std() > 0.1


def test_flicker_moves_the_brightness_of_slices_not_of_the_volume(still):
    flickering = phantom_volume(replace(STILL, depth=24, height=64, width=64, flicker=20.0))
    level = flickering.raw.mean(axis=(1, 2))
    assert 12.0 < level.std() < 28.0
    assert still.raw.mean(axis=(1, 2)).std() < 6.0
    assert abs(level.mean() - still.raw.mean()) < 8.0


def test_drift_shifts_every_slice_by_what_was_drawn(still):
    from skimage.registration import phase_cross_correlation

    options = replace(STILL, drift=5.0)
    drifting = phantom_volume(options)
    residues = draw_residues(options, residue_stream(options))
    for one, other, residue in zip(still.raw, drifting.raw, residues, strict=True):
        # Content read at p + d appears moved by -d.
        found = phase_cross_correlation(other, one, upsample_factor=4, normalization=None)[0]
        assert np.allclose(found, -residue.mean(axis=(1, 2)), atol=0.5)


def test_deformation_moves_places_by_what_was_drawn(still):
    left = []
    for size in (2.0, 5.0):
        options = replace(STILL, deformation=size)
        bent = phantom_volume(options).raw[3]
        residue = draw_residues(options, residue_stream(options))[3]
        assert residue.std() > 0.4 * size
        knots = np.indices(bent.shape) / 8.0
        moved = [ndimage.map_coordinates(axis, knots, order=1) for axis in residue]
        place = np.indices(bent.shape) + moved
        expected = ndimage.map_coordinates(still.raw[3].astype(float), place, order=1)
        limit = np.array(bent.shape)[:, None, None] - 1
        inside = np.all((place > 0) & (place < limit), axis=0)
        assert np.corrcoef(expected[inside], bent[inside])[0, 1] > 0.88
        left.append(np.corrcoef(still.raw[3][inside], bent[inside])[0, 1])
    assert left[0] < 0.9
    assert left[1] < left[0] - 0.1


def test_thicker_sections_are_less_alike():
    likeness = [
        neighbour_correlation(phantom_volume(replace(STILL, thickness=thickness)).raw)
        for thickness in (15.0, 30.0, 60.0)
    ]
    assert likeness[0] > likeness[1] + 0.05 > likeness[2] + 0.1


def test_membranes_lie_where_ids_change(still):
    for raw, ids in zip(still.raw, still.ids, strict=True):
        border = np.zeros(ids.shape, dtype=bool)
        border[:-1] |= ids[:-1] != ids[1:]
        border[:, :-1] |= ids[:, :-1] != ids[:, 1:]
        inside = ndimage.distance_transform_edt(~border) > 5
        assert raw[border].mean() < raw[inside].mean() - 25


def test_every_pixel_belongs_to_a_neurite_and_neurites_go_on(default_like):
    ids = default_like.ids
    assert ids.min() > 0
    here = np.unique(ids[10])
    lives = [sum(bool((ids[z] == one).any()) for z in range(len(ids))) for one in here]
    assert np.median(lives) >= 8
    stays = (ids[1:] == ids[:-1]).mean()
    assert 0.6 < stays < 0.95


def test_default_dials_lie_near_a_real_volume(default_like):
    raw = default_like.raw
    near, wide = neighbour_frc(raw)
    assert np.abs(quantiles(raw) - SNEMI3D_AC4.quantiles).mean() <= 10.0
    assert abs(near - SNEMI3D_AC4.frc_10) <= 0.05
    assert abs(wide - SNEMI3D_AC4.frc_25) <= 0.05
    assert abs(spectrum_slope(raw) - SNEMI3D_AC4.spectrum_slope) <= 0.3


def test_motion_can_be_followed_halfway(default_like):
    from skimage.registration import optical_flow_tvl1
    from skimage.transform import warp

    gains = []
    for z, y, x in ((4, 0, 0), (9, 300, 100), (14, 150, 300), (17, 40, 250)):
        before, middle, after = default_like.raw[z : z + 3, y : y + 192, x : x + 192]
        # Flicker is not what is looked at here.
        one, other = (
            (image - image.mean()) / image.std() * 45.0 + 128.0
            for image in (before.astype(float), after.astype(float))
        )
        smooth = [ndimage.gaussian_filter(image, 2.0) / 255.0 for image in (one, other)]
        grid = np.indices(one.shape)
        forward = optical_flow_tvl1(smooth[0], smooth[1], attachment=7)
        backward = optical_flow_tvl1(smooth[1], smooth[0], attachment=7)
        halves = [
            warp(image, grid + flow / 2, mode="edge")
            for image, flow in ((one, backward), (other, forward))
        ]
        scores = [
            frc_10(np.clip(pair, 0, 255).astype(np.uint8), middle)
            for pair in ((one + other) / 2, sum(halves) / 2)
        ]
        gains.append(scores[1] - scores[0])
    assert np.mean(gains) > 0.03


@pytest.mark.skipif(not AC4.exists(), reason=f"the real volume is not at {AC4}")
def test_constants_are_those_of_the_real_volume():
    import tifffile

    volume = tifffile.imread(AC4)
    near, wide = neighbour_frc(volume)
    assert np.abs(quantiles(volume) - SNEMI3D_AC4.quantiles).max() < 1.0
    assert near == pytest.approx(SNEMI3D_AC4.frc_10, abs=0.001)
    assert wide == pytest.approx(SNEMI3D_AC4.frc_25, abs=0.001)
    assert spectrum_slope(volume[::5]) == pytest.approx(SNEMI3D_AC4.spectrum_slope, abs=0.03)


def residue_stream(options):
    """The stream that `phantom_volume` draws residues from."""
    return np.random.default_rng(np.random.SeedSequence(options.seed).spawn(6)[3])
