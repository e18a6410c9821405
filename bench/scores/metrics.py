"""One definition of each image metric. Two 8-bit frames in, one number out.

Every metric looks at one frame alone, so that no score depends on the batch it was
computed in, and reads the 8-bit frames that were stored, so that anybody can compute
the scores again from the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Frame = NDArray[np.uint8]  # HW, grey levels 0..255

_PEAK = 255.0
_STRIP = 64  # lines that are computed at once: they fit the cache, a frame does not
_SSIM_RADIUS = 5  # an 11 x 11 window
_SSIM_SIGMA = 1.5
_SSIM_C1, _SSIM_C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def psnr(prediction: Frame, truth: Frame) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255^2 / mean squared error).

    Identical frames score infinity.
    """
    error = _mean_square(prediction, truth)
    return float("inf") if error == 0.0 else float(10.0 * np.log10(_PEAK**2 / error))


def ssim(prediction: Frame, truth: Frame) -> float:
    """Structural similarity (Wang et al. 2004), mean over the valid region.

    Gaussian window of 11 x 11 with sigma 1.5, population covariance, K1 = 0.01,
    K2 = 0.03, range 255; the 5 pixels at the border are left out.
    """
    _check(prediction, truth)
    height, width = (length - 2 * _SSIM_RADIUS for length in truth.shape)
    if min(height, width) <= 0:
        raise ValueError(f"SSIM needs frames of at least 11 x 11 pixels, not {truth.shape}.")
    total = 0.0
    space = _Space(truth.shape[1])
    for start in range(0, height, _STRIP):
        strip = slice(start, start + _STRIP + 2 * _SSIM_RADIUS)
        total += float(np.sum(_likeness(prediction[strip], truth[strip], space)))
    return float(total / (height * width))


def ie(prediction: Frame, truth: Frame) -> float:
    """Interpolation error: mean absolute difference in grey levels (0..255)."""
    total = sum(float(np.sum(np.abs(strip))) for strip in _differences(prediction, truth))
    return total / truth.size


def ie_rms(prediction: Frame, truth: Frame) -> float:
    """Interpolation error of Baker et al. 2011: root mean squared difference in grey levels."""
    return float(np.sqrt(_mean_square(prediction, truth)))


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
    _check(prediction, truth)
    energy, reference = _gradient_energy(prediction), _gradient_energy(truth)
    if reference == 0.0:
        return 1.0 if energy == 0.0 else float("inf")
    return energy / reference


def ring_correlation(
    prediction: Frame, truth: Frame, limit: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fourier ring correlation of two frames under a Hann window.

    Each ring is normalised by its own power, so neither blur nor contrast can win.

    Args:
        prediction: the frame that is judged.
        truth: the frame it should be.
        limit: rings below this frequency are wanted; none lies above 0.5 cycles per pixel.

    Returns:
        The frequency of each ring in cycles per pixel, and its correlation in [-1, 1];
        rings are one period of the shorter side wide, the constant part is left out,
        and a ring without power scores 0.
    """
    _check(prediction, truth)
    spectrum = _rings(*truth.shape, limit)
    one, other = _low_spectrum(prediction, spectrum), _low_spectrum(truth, spectrum)
    cross = spectrum.sums(one, other)
    scale = np.sqrt(spectrum.sums(one, one) * spectrum.sums(other, other))
    correlation = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 1e-9)
    return spectrum.frequency, correlation


@dataclass(frozen=True)
class Metric:
    """A metric and how to read it.

    Attributes:
        function: prediction and truth (uint8 HW) to a number.
        title: what tables print above it.
        better: the direction in which a method improves; ``one`` means nearer to 1.
        digits: decimals worth printing.
        hint: what it is, in a few words. Tables and pages show the metrics that have one; the
            others are only stored.
    """

    function: Callable[[Frame, Frame], float]
    title: str
    better: Literal["higher", "lower", "one"]
    digits: int
    hint: str = ""


METRICS: Mapping[str, Metric] = {
    "psnr": Metric(psnr, "PSNR (dB)", "higher", 2, "peak signal-to-noise ratio"),
    "ssim": Metric(ssim, "SSIM", "higher", 4, "structural similarity"),
    "ie": Metric(ie, "IE", "lower", 2, "mean absolute error in grey levels"),
    "ie_rms": Metric(ie_rms, "IE rms", "lower", 2),
    "frc_10": Metric(
        frc_10, "FRC < 0.1", "higher", 4, "Fourier ring correlation below 0.1 cycles per pixel"
    ),
    "frc_25": Metric(
        frc_25, "FRC < 0.25", "higher", 4, "Fourier ring correlation below 0.25 cycles per pixel"
    ),
    "sharpness": Metric(
        sharpness, "Sharpness", "one", 3, "gradient energy over that of the truth; 1 is best"
    ),
}


def score_frame(prediction: Frame, truth: Frame) -> dict[str, float]:
    """Every metric of one frame, by name."""
    return {name: metric.function(prediction, truth) for name, metric in METRICS.items()}


def _check(prediction: Frame, truth: Frame) -> None:
    if prediction.dtype != np.uint8 or truth.dtype != np.uint8:
        raise TypeError(f"Metrics read uint8 frames, not {prediction.dtype} and {truth.dtype}.")
    if prediction.shape != truth.shape or truth.ndim != 2:
        raise ValueError(
            f"Metrics compare two frames of one size, not {prediction.shape} and {truth.shape}."
        )


def _differences(prediction: Frame, truth: Frame) -> Iterator[NDArray[np.float64]]:
    """The difference of two frames, strip by strip, flat."""
    _check(prediction, truth)
    for start in range(0, len(truth), _STRIP):
        strip = slice(start, start + _STRIP)
        yield np.subtract(prediction[strip], truth[strip], dtype=np.float64).ravel()


def _mean_square(prediction: Frame, truth: Frame) -> float:
    total = sum(float(strip @ strip) for strip in _differences(prediction, truth))
    return total / truth.size


class _Space:
    """What SSIM of a strip is computed in: four maps each, before, half-way and filtered.

    Allocated once a frame: memory that is fresh for every strip can cost more than the
    arithmetic.
    """

    def __init__(self, width: int) -> None:
        rim = 2 * _SSIM_RADIUS
        self._sizes = (rim, width), (0, width), (0, width - rim)
        self._parts = [np.empty(4 * (_STRIP + more) * across) for more, across in self._sizes]

    def maps(self, height: int) -> Iterator[NDArray[np.float64]]:
        """The three quadruples for so many lines that are wanted, without gaps between."""
        for part, (more, across) in zip(self._parts, self._sizes, strict=True):
            shape = (4, height + more, across)
            yield part[: prod(shape)].reshape(shape)


def _likeness(prediction: Frame, truth: Frame, space: _Space) -> NDArray[np.float64]:
    """The map whose mean is SSIM, from the sum u and the difference v of two strips.

    Twice the product of both means is half of mean(u)^2 - mean(v)^2, and the sum of their
    squares half of mean(u)^2 + mean(v)^2; likewise the covariance and the variances.
    """
    maps, rows, filtered = space.maps(len(truth) - 2 * _SSIM_RADIUS)
    maps[0] = np.add(prediction, truth, dtype=np.int16)
    maps[1] = np.subtract(prediction, truth, dtype=np.int16)
    np.square(maps[:2], out=maps[2:])
    _filter_valid(maps, rows, filtered)
    means, variances = filtered[:2], filtered[2:]
    np.square(means, out=means)
    variances -= means
    (mean_u, mean_v), (u, v) = means, variances
    mean_u += 2 * _SSIM_C1
    u += 2 * _SSIM_C2
    likeness: NDArray[np.float64] = mean_u - mean_v
    likeness *= u - v
    mean_u += mean_v
    u += v
    likeness /= np.multiply(mean_u, u, out=u)
    return likeness


def _filter_valid(
    maps: NDArray[np.float64], rows: NDArray[np.float64], filtered: NDArray[np.float64]
) -> None:
    """The Gaussian window at every place where it fits: N maps of HW to N of H-10, W-10.

    A product with a banded matrix, a few output lines at a time, does the sums of the
    window at the speed of the linear algebra library, several times that of ndimage.
    """
    height, width = filtered.shape[1:]
    band, upright = _gaussian_bands()
    for lines, reach in _reaches(height, len(band)):
        weights = band[: lines.stop - lines.start, : reach.stop - reach.start]
        np.matmul(weights, maps[:, reach], out=rows[:, lines])
    across, found = rows.reshape(-1, rows.shape[2]), filtered.reshape(-1, width)
    for columns, reach in _reaches(width, len(band)):
        weights = upright[: reach.stop - reach.start, : columns.stop - columns.start]
        np.matmul(across[:, reach], weights, out=found[:, columns])


def _reaches(length: int, size: int) -> Iterator[tuple[slice, slice]]:
    """A few outputs at a time, and the inputs they read."""
    for start in range(0, length, size):
        stop = min(start + size, length)
        yield slice(start, stop), slice(start, stop + 2 * _SSIM_RADIUS)


@lru_cache(maxsize=1)
def _gaussian_bands(lines: int = 16) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The weights of some outputs, and their transpose as a matrix of its own.

    A view of the transpose makes so small a product two to three times slower.
    """
    offsets = np.arange(-_SSIM_RADIUS, _SSIM_RADIUS + 1)
    window = np.exp(-0.5 * (offsets / _SSIM_SIGMA) ** 2)
    band = np.zeros((lines, lines + 2 * _SSIM_RADIUS))
    for line in range(lines):
        band[line, line : line + len(window)] = window / window.sum()
    return band, np.ascontiguousarray(band.T)


def _gradient_energy(frame: Frame) -> float:
    grey = frame.astype(np.float64)
    return float(np.sum(np.diff(grey, axis=0) ** 2) + np.sum(np.diff(grey, axis=1) ** 2))


def _mean_ring_correlation(prediction: Frame, truth: Frame, limit: float) -> float:
    _check(prediction, truth)
    pair = _Pair(prediction.tobytes(), truth.tobytes(), truth.shape)
    frequency, correlation = _low_rings(pair)
    wanted = frequency < limit
    if not wanted.any():
        raise ValueError(f"FRC needs frames of at least 11 x 11 pixels, not {truth.shape}.")
    return float(np.mean(correlation[wanted]))


class _Pair(NamedTuple):
    """Two frames to remember one result by, for which comparing them is enough."""

    prediction: bytes
    truth: bytes
    shape: tuple[int, int]

    def __hash__(self) -> int:
        return hash(self.shape)


@lru_cache(maxsize=1)
def _low_rings(pair: _Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both limits read the same rings: computed once for a pair of frames."""
    one, other = (np.frombuffer(frame, np.uint8).reshape(pair.shape) for frame in pair[:2])
    return ring_correlation(one, other, limit=0.25)


@dataclass(frozen=True)
class _Rings:
    """The rings below a frequency, and the part of a half spectrum they lie in.

    Attributes:
        frequency: of each ring but the constant one, in cycles per pixel.
        rows: the lines of the spectrum that the rings touch.
        columns: how many columns of the half spectrum they touch.
        index: ring of the real and the imaginary part of each of those places (flat);
            whatever lies beyond comes last.
        weight: 2 where a place of the half spectrum stands for two of the whole one; of both
            parts of each column.
    """

    frequency: NDArray[np.float64]
    rows: NDArray[np.intp]
    columns: int
    index: NDArray[np.intp]
    weight: NDArray[np.float64]

    def sums(
        self, one: NDArray[np.complex128], other: NDArray[np.complex128]
    ) -> NDArray[np.float64]:
        """Real part of one times the conjugate of the other, summed over each ring."""
        count = len(self.frequency)
        products = one.view(np.float64) * other.view(np.float64)
        products *= self.weight
        sums = np.bincount(self.index, products.ravel(), count + 2)[1 : count + 1]
        return np.asarray(sums, np.float64)


@lru_cache(maxsize=8)
def _rings(height: int, width: int, limit: float) -> _Rings:
    side = min(height, width)
    frequency = np.arange(1, side // 2 + 1) / side
    frequency = frequency[frequency < limit]
    reach = (len(frequency) + 0.5) / side
    vertical, horizontal = fft.fftfreq(height), fft.rfftfreq(width)
    rows = np.flatnonzero(np.abs(vertical) <= reach)
    columns = int(np.count_nonzero(horizontal <= reach))
    radius = np.hypot(vertical[rows, None], horizontal[None, :columns])
    index = np.minimum(np.rint(radius * side).astype(np.intp), len(frequency) + 1)
    # The first column (and the last of an even width) has no mirror image.
    mirrored = (np.arange(columns) > 0) & (2 * np.arange(columns) < width)
    weight = np.where(mirrored, 2.0, 1.0)
    # Real and imaginary part lie side by side.
    return _Rings(frequency, rows, columns, index.ravel().repeat(2), weight.repeat(2))


@lru_cache(maxsize=4)
def _hann(height: int, width: int) -> NDArray[np.float64]:
    return np.outer(np.hanning(height), np.hanning(width))


def _low_spectrum(frame: Frame, rings: _Rings) -> NDArray[np.complex128]:
    window, mean = _hann(*frame.shape), frame.mean()
    half = np.empty((len(frame), rings.columns), np.complex128)
    for start in range(0, len(frame), _STRIP):
        strip = slice(start, start + _STRIP)
        grey = frame[strip] - mean
        grey *= window[strip]
        half[strip] = fft.rfft(grey, axis=1)[:, : rings.columns]
    spectrum: NDArray[np.complex128] = fft.fft(half, axis=0, overwrite_x=True)[rings.rows]
    return spectrum
