"""One definition of each image metric. Two 8-bit frames in, one number out.

Every metric looks at one frame alone, so that no score depends on the batch it was
computed in, and reads the 8-bit frames that were stored, so that anybody can compute
the scores again from the files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Frame = NDArray[np.uint8]  # HW, grey levels 0..255

_PEAK = 255.0
_SSIM_RADIUS = 5  # an 11 x 11 window
_SSIM_SIGMA = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def psnr(prediction: Frame, truth: Frame) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error).

    Identical frames score infinity.
    """
    error = float(np.mean(_difference(prediction, truth) ** 2))
    return float("inf") if error == 0.0 else float(10.0 * np.log10(_PEAK**2 / error))


def ssim(prediction: Frame, truth: Frame) -> float:
    """Structural similarity (Wang et al. 2004), mean over the valid region.

    Gaussian window of 11 x 11 with sigma 1.5, population covariance, K1 = 0.01,
    K2 = 0.03, range 255; the 5 pixels at the border are left out.
    """
    _difference(prediction, truth)
    if min(truth.shape) <= 2 * _SSIM_RADIUS:
        raise ValueError(f"SSIM needs frames of at least 11 x 11 pixels, not {truth.shape}.")
    x, y = prediction.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y, xx, yy, xy = _gaussian_valid(np.stack([x, y, x * x, y * y, x * y]))
    variances = xx - mean_x**2 + yy - mean_y**2
    covariance = xy - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _SSIM_C1) * (2 * covariance + _SSIM_C2)
    scale = (mean_x**2 + mean_y**2 + _SSIM_C1) * (variances + _SSIM_C2)
    return float(np.mean(likeness / scale))


def ie(prediction: Frame, truth: Frame) -> float:
    """Interpolation error: mean absolute difference in grey levels (0..255)."""
    return float(np.mean(np.abs(_difference(prediction, truth))))


def ie_rms(prediction: Frame, truth: Frame) -> float:
    """Interpolation error of Baker et al. 2011: root mean squared difference in grey levels."""
    return float(np.sqrt(np.mean(_difference(prediction, truth) ** 2)))


def frc_10(prediction: Frame, truth: Frame) -> float:
    """Fourier ring correlation, mean over the rings below 0.1 cycles per pixel."""
    return _mean_ring_correlation(prediction, truth, 0.1)


def frc_25(prediction: Frame, truth: Frame) -> float:
    """Fourier ring correlation, mean over the rings below 0.25 cycles per pixel."""
    return _mean_ring_correlation(prediction, truth, 0.25)


def sharpness(prediction: Frame, truth: Frame) -> float:
    """Gradient energy of the prediction over that of the truth; 1 is as sharp as the truth.

    Two constant frames score 1; a constant truth under a varying prediction, infinity.
    """
    _difference(prediction, truth)
    energy, reference = _gradient_energy(prediction), _gradient_energy(truth)
    if reference == 0.0:
        return 1.0 if energy == 0.0 else float("inf")
    return energy / reference


def ring_correlation(prediction: Frame, truth: Frame) -> tuple[NDArray[np.float64], ...]:
    """Fourier ring correlation of two frames under a Hann window.

    Each ring is normalised by its own power, so neither blur nor contrast can win.

    Returns:
        The frequency of each ring in cycles per pixel, and its correlation in [-1, 1];
        rings are one period of the shorter side wide, the constant part is left out,
        and a ring without power scores 0.
    """
    _difference(prediction, truth)
    height, width = truth.shape
    rings, frequency = _rings(height, width)
    one, other = _spectrum(prediction), _spectrum(truth)
    count = len(frequency) + 1
    cross = np.bincount(rings, (one * other.conj()).real.ravel(), count)[1:]
    power_one = np.bincount(rings, np.abs(one).ravel() ** 2, count)[1:]
    power_other = np.bincount(rings, np.abs(other).ravel() ** 2, count)[1:]
    scale = np.sqrt(power_one * power_other)
    return frequency, np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 1e-9)


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes:
        function: prediction and truth (uint8 HW) to a number.
        title: what tables print above it.
        better: the direction in which a method improves; ``one`` means nearer to 1.
        digits: decimals worth printing.
    """

    function: Callable[[Frame, Frame], float]
    title: str
    better: Literal["higher", "lower", "one"]
    digits: int


METRICS: Mapping[str, Metric] = {
    "psnr": Metric(psnr, "PSNR (dB)", "higher", 2),
    "ssim": Metric(ssim, "SSIM", "higher", 4),
    "ie": Metric(ie, "IE", "lower", 2),
    "ie_rms": Metric(ie_rms, "IE rms", "lower", 2),
    "frc_10": Metric(frc_10, "FRC < 0.1", "higher", 4),
    "frc_25": Metric(frc_25, "FRC < 0.25", "higher", 4),
    "sharpness": Metric(sharpness, "Sharpness", "one", 3),
}


def score_frame(prediction: Frame, truth: Frame) -> dict[str, float]:
    """Every metric of one frame, by name."""
    return {name: metric.function(prediction, truth) for name, metric in METRICS.items()}


def _difference(prediction: Frame, truth: Frame) -> NDArray[np.float64]:
    if prediction.dtype != np.uint8 or truth.dtype != np.uint8:
        raise TypeError(f"Metrics read uint8 frames, not {prediction.dtype} and {truth.dtype}.")
    if prediction.shape != truth.shape or truth.ndim != 2:
        raise ValueError(
            f"Metrics compare two frames of one size, not {prediction.shape} and {truth.shape}."
        )
    return prediction.astype(np.float64) - truth.astype(np.float64)


def _gaussian_valid(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    window = np.exp(-0.5 * (offsets / _SSIM_SIGMA) ** 2)
    window /= window.sum()
    rows = ndimage.correlate1d(maps, window, axis=1)[:, _SSIM_RADIUS:-_SSIM_RADIUS]
    return ndimage.correlate1d(rows, window, axis=2)[:, :, _SSIM_RADIUS:-_SSIM_RADIUS]


def _gradient_energy(frame: Frame) -> float:
    grey = frame.astype(np.float64)
    return float(np.sum(np.diff(grey, axis=0) ** 2) + np.sum(np.diff(grey, axis=1) ** 2))


def _mean_ring_correlation(prediction: Frame, truth: Frame, limit: float) -> float:
    frequency, correlation = ring_correlation(prediction, truth)
    return float(np.mean(correlation[frequency < limit]))


@lru_cache(maxsize=4)
def _hann(height: int, width: int) -> NDArray[np.float64]:
    return np.outer(np.hanning(height), np.hanning(width))


@lru_cache(maxsize=4)
def _rings(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    radius = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :])
    side = min(height, width)
    rings = np.minimum(np.rint(radius * side).astype(np.intp), side // 2 + 1)
    return rings.ravel(), np.arange(1, side // 2 + 2) / side


def _spectrum(frame: Frame) -> NDArray[np.complex128]:
    grey = frame.astype(np.float64)
    half: NDArray[np.complex128] = fft.rfft2((grey - grey.mean()) * _hann(*frame.shape))
    # Every column but the first (and the last of an even width) stands for two.
    weight = np.full(half.shape[1], np.sqrt(2.0))
    weight[0] = 1.0
    if frame.shape[1] % 2 == 0:
        weight[-1] = 1.0
    return half * weight
