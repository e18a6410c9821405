"""Metrics against scikit-image, closed forms and the properties they are chosen for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.scores import metrics
from bench.scores.metrics import METRICS, ring_correlation, score_frame

Frame = NDArray[np.uint8]
AC4 = Path(__file__).parents[4] / "shared/data/snemi3d_ac4/train-input.tif"

frames = st.tuples(st.integers(11, 40), st.integers(11, 40)).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, shape))
)


def _tissue(seed: int, height: int = 256, width: int = 256) -> tuple[Frame, Frame]:
    """Two frames that share their coarse structure and have noise of their own."""
    random = np.random.default_rng(seed)
    shared, one, other = (
        ndimage.gaussian_filter(random.normal(size=(height, width)), 4) for _ in range(3)
    )
    return tuple(
        _eight_bits(128 + 500 * (shared + 0.7 * own) + random.normal(scale=12, size=own.shape))
        for own in (one, other)
    )  # type: ignore[return-value]


def _eight_bits(values: NDArray[np.float64]) -> Frame:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _reference_ssim(one: Frame, other: Frame) -> float:
    """scikit-image with the stated settings, over the region where the window fits."""
    _, full = structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, full=True,
    )  # fmt: skip
    return float(full[5:-5, 5:-5].mean())


@settings(max_examples=60, deadline=None)
@given(frames)
def test_psnr_and_ssim_equal_scikit_image(pair: tuple[Frame, Frame]) -> None:
    one, other = pair
    if (one != other).any():
        expected = peak_signal_noise_ratio(one, other, data_range=255)
        assert metrics.psnr(one, other) == pytest.approx(expected, abs=1e-6)
    assert metrics.ssim(one, other) == pytest.approx(_reference_ssim(one, other), abs=1e-6)


@pytest.mark.parametrize("shape", [(256, 256), (300, 171), (75, 201)])
def test_ssim_of_large_frames_equals_scikit_image(shape: tuple[int, int]) -> None:
    one, other = _tissue(0, *shape)
    assert metrics.ssim(one, other) == pytest.approx(_reference_ssim(one, other), abs=1e-9)


def test_errors_by_hand() -> None:
    truth = np.full((12, 12), 100, np.uint8)
    prediction = truth.copy()
    prediction[:6] = 104
    assert metrics.ie(prediction, truth) == 2.0
    assert metrics.ie_rms(prediction, truth) == pytest.approx(np.sqrt(8))
    assert metrics.psnr(prediction, truth) == pytest.approx(10 * np.log10(255**2 / 8))


def test_ssim_by_hand() -> None:
    """Of constant frames only the means are left."""
    truth, prediction = (np.full((12, 12), grey, np.uint8) for grey in (100, 110))
    constant = 2.55**2
    expected = (2 * 110 * 100 + constant) / (110**2 + 100**2 + constant)
    assert metrics.ssim(prediction, truth) == pytest.approx(expected)
    assert round(expected, 4) == 0.9955


def test_sharpness_by_hand() -> None:
    truth = np.tile(np.array([0, 40], np.uint8), (12, 8))
    assert metrics.sharpness(truth // 2, truth) == pytest.approx(0.25)
    flat = np.full_like(truth, 20)
    assert metrics.sharpness(flat, truth) == 0.0
    assert metrics.sharpness(truth, flat) == np.inf
    assert metrics.sharpness(flat, flat) == 1.0


def _slow_ring_correlation(one: Frame, other: Frame) -> list[float]:
    """The definition, ring by ring over the whole spectrum."""
    height, width = one.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    x, y = (np.fft.fft2((frame - frame.mean()) * window) for frame in (one, other))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    side = min(height, width)
    correlations = []
    for number in range(1, side // 2 + 1):
        ring = np.rint(radius * side) == number
        cross = (x[ring] * y[ring].conj()).sum().real
        powers = (np.abs(x[ring]) ** 2).sum() * (np.abs(y[ring]) ** 2).sum()
        correlations.append(cross / np.sqrt(powers))
    return correlations


@pytest.mark.parametrize("shape", [(64, 64), (65, 65), (48, 81), (81, 48), (33, 64)])
def test_ring_correlation_equals_its_definition(shape: tuple[int, int]) -> None:
    one, other = _tissue(1, *shape)
    frequency, correlation = ring_correlation(one, other)
    expected = np.array(_slow_ring_correlation(one, other))
    np.testing.assert_allclose(correlation, expected, atol=1e-10)
    np.testing.assert_allclose(frequency, np.arange(1, len(expected) + 1) / min(shape))
    assert metrics.frc_10(one, other) == pytest.approx(expected[frequency < 0.1].mean(), abs=1e-10)
    assert metrics.frc_25(one, other) == pytest.approx(expected[frequency < 0.25].mean(), abs=1e-10)


def test_a_wave_correlates_by_the_cosine_of_its_phase() -> None:
    x = np.arange(256)
    for phase in (0.0, 0.6, 2.0, np.pi):
        one, other = (
            _eight_bits(np.tile(128 + 100 * np.cos(2 * np.pi * 20 * x / 256 + p), (256, 1)))
            for p in (0.0, phase)
        )
        _, correlation = ring_correlation(one, other)
        assert correlation[19] == pytest.approx(np.cos(phase), abs=2e-3)


def _drift(change: float, pairs: list[tuple[Frame, Frame]], name: str) -> float:
    """Mean change of a metric when every prediction is blurred by a Gaussian."""
    function = METRICS[name].function
    moved = [
        function(_eight_bits(ndimage.gaussian_filter(one.astype(float), change)), other)
        - function(one, other)
        for one, other in pairs
    ]
    return abs(float(np.mean(moved)))


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_blur_does_not_move_frc(sigma: float) -> None:
    pairs = [_tissue(seed) for seed in range(6)]
    assert _drift(sigma, pairs, "frc_10") < 0.005
    assert _drift(sigma, pairs, "psnr") > 0.3  # the blur that PSNR rewards


@pytest.mark.skipif(not AC4.exists(), reason="needs shared/data/snemi3d_ac4")
def test_blur_and_contrast_do_not_move_frc_on_tissue() -> None:
    import tifffile

    volume = tifffile.imread(AC4, key=range(40, 48))[:, :512, :512]
    pairs = [(volume[z], volume[z + 1]) for z in range(7)]
    for sigma in (1.0, 2.0):
        assert _drift(sigma, pairs, "frc_10") < 0.005
    flatter = [_eight_bits(60 + 0.5 * one) for one, _ in pairs]
    for name in ("frc_10", "frc_25"):
        moved = [
            METRICS[name].function(flat, other) - METRICS[name].function(one, other)
            for flat, (one, other) in zip(flatter, pairs, strict=True)
        ]
        assert abs(float(np.mean(moved))) < 0.005


@pytest.mark.parametrize(("gain", "offset"), [(0.5, 60.0), (0.8, 10.0), (-1.0, 255.0)])
def test_unclipped_contrast_does_not_move_frc(gain: float, offset: float) -> None:
    for seed in range(3):
        one, other = _tissue(seed)
        changed = _eight_bits(offset + gain * one)
        for name in ("frc_10", "frc_25"):
            function = METRICS[name].function
            expected = np.sign(gain) * function(one, other)
            assert function(changed, other) == pytest.approx(expected, abs=0.005)


def test_a_shift_lowers_frc() -> None:
    one, other = _tissue(3)
    assert metrics.frc_10(np.roll(one, 8, axis=1), other) < metrics.frc_10(one, other) - 0.2


@settings(max_examples=40, deadline=None)
@given(frames)
def test_symmetry_and_range(pair: tuple[Frame, Frame]) -> None:
    one, other = pair
    for name in ("psnr", "ssim", "ie", "ie_rms", "frc_10", "frc_25"):
        function = METRICS[name].function
        assert function(one, other) == pytest.approx(function(other, one), rel=1e-9, abs=1e-12)
    scores = score_frame(one, other)
    assert -1 - 1e-9 <= scores["ssim"] <= 1 + 1e-9
    assert all(-1 - 1e-9 <= scores[name] <= 1 + 1e-9 for name in ("frc_10", "frc_25"))
    assert 0 <= scores["ie"] <= scores["ie_rms"] <= 255
    assert not np.isnan(list(scores.values())).any()


def test_identical_frames() -> None:
    one, _ = _tissue(4)
    expected = {"psnr": np.inf, "ssim": 1, "ie": 0, "ie_rms": 0, "frc_10": 1, "frc_25": 1}
    assert score_frame(one, one) == pytest.approx(expected | {"sharpness": 1}, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255))
def test_constant_frames(one: int, other: int) -> None:
    scores = score_frame(np.full((16, 20), one, np.uint8), np.full((16, 20), other, np.uint8))
    assert scores["ie"] == scores["ie_rms"] == abs(one - other)
    assert scores["frc_10"] == scores["frc_25"] == 0.0
    constant = (0.01 * 255) ** 2
    expected = (2.0 * one * other + constant) / (one**2 + other**2 + constant)
    assert scores["ssim"] == pytest.approx(expected, abs=1e-9)


def test_scores_do_not_depend_on_what_was_scored_before() -> None:
    pairs = [_tissue(seed, 40, 56) for seed in range(3)]
    forwards = [score_frame(*pair) for pair in pairs]
    backwards = [score_frame(*pair) for pair in reversed(pairs)]
    assert forwards == backwards[::-1]
    one, other = pairs[0]
    strided = np.stack([one, other], axis=-1)
    assert score_frame(strided[..., 0], strided[..., 1]) == forwards[0]


@pytest.mark.parametrize("name", METRICS)
def test_refuses_what_it_cannot_compare(name: str) -> None:
    function = METRICS[name].function
    with pytest.raises(TypeError, match="uint8"):
        function(np.zeros((16, 16)), np.zeros((16, 16)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one size"):
        function(np.zeros((16, 16), np.uint8), np.zeros((16, 17), np.uint8))
    with pytest.raises(ValueError, match="one size"):
        function(np.zeros((2, 16, 16), np.uint8), np.zeros((2, 16, 16), np.uint8))


@pytest.mark.parametrize("name", ["ssim", "frc_10"])
def test_refuses_frames_that_are_too_small(name: str) -> None:
    with pytest.raises(ValueError, match="at least 11 x 11"):
        METRICS[name].function(np.zeros((10, 40), np.uint8), np.zeros((10, 40), np.uint8))
