"""Scores of a frame: ours beside scikit-image and numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from bench.scores import metrics
from speed.figures import Result, Setting, agree, worst
from speed.racing import race
from speed.subjects import textures

SIZE = 512
_FRAMES = 4
_NAMES = ("psnr", "ssim", "ie", "frc_10", "frc_25")

Frame = NDArray[np.uint8]


def measure(setting: Setting) -> Result:
    """Score a few pairs of frames, one after another."""
    side = setting.size or SIZE
    frames = textures(2 * _FRAMES, side)
    pairs = list(zip(frames[::2], frames[1::2], strict=True))
    equal = agree("scores", worst(_error(*pair) for pair in pairs), 1e-6)
    figures = race(
        f"{_FRAMES} pairs",
        lambda: [reference_scores(*pair) for pair in pairs],
        lambda: [our_scores(*pair) for pair in pairs],
        1 / 5, setting, target="5 x faster",
    )  # fmt: skip
    return Result(figures, [equal], side)


def our_scores(prediction: Frame, truth: Frame) -> list[float]:
    """PSNR, SSIM, IE and both FRC, as the score stage computes them."""
    return [metrics.METRICS[name].function(prediction, truth) for name in _NAMES]


def reference_scores(prediction: Frame, truth: Frame) -> list[float]:
    """The same by scikit-image and numpy."""
    _, likeness = structural_similarity(
        truth, prediction, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, full=True,
    )  # fmt: skip
    difference = truth.astype(np.float64) - prediction.astype(np.float64)
    return [
        float(peak_signal_noise_ratio(truth, prediction, data_range=255)),
        float(likeness[5:-5, 5:-5].mean()),
        float(np.abs(difference).mean()),
        *_ring_correlations(prediction, truth),
    ]


def _ring_correlations(prediction: Frame, truth: Frame) -> tuple[float, float]:
    height, width = truth.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    one, other = (np.fft.fft2((frame - frame.mean()) * window) for frame in (prediction, truth))
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    side = min(height, width)
    ring = np.rint(radius * side).astype(int).ravel()

    def sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(ring, values.ravel())[1 : side // 2 + 1]

    cross = sums((one * other.conj()).real)
    correlation = cross / np.sqrt(sums(np.abs(one) ** 2) * sums(np.abs(other) ** 2))
    frequency = np.arange(1, side // 2 + 1) / side
    low, middle = (float(correlation[frequency < limit].mean()) for limit in (0.1, 0.25))
    return low, middle


def _error(prediction: Frame, truth: Frame) -> float:
    pairs = zip(our_scores(prediction, truth), reference_scores(prediction, truth), strict=True)
    return worst(abs(ours - theirs) for ours, theirs in pairs)
