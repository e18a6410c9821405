"""Smooth random fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Field = NDArray[np.float32]

_PERIOD = 96  # voxels; sampled at oblique angles, so that no repetition shows


def smooth_noise(
    shape: tuple[int, ...], sigma: float | tuple[float, ...], rng: np.random.Generator
) -> Field:
    """A window onto endless Gaussian noise of unit variance, correlated over `sigma` pixels.

    Args:
        shape: of the window.
        sigma: correlation length, one for all axes or one each.
        rng: where it is drawn from.
    """
    sigmas = np.broadcast_to(np.maximum(sigma, 1e-6), (len(shape),))
    reach = [int(np.ceil(3.0 * length)) for length in sigmas]
    size = [length + 2 * more for length, more in zip(shape, reach, strict=True)]
    noise = rng.standard_normal(size, dtype=np.float32)
    for axis, length in enumerate(shape):
        kernel = np.exp(-0.5 * (np.arange(-reach[axis], reach[axis] + 1) / sigmas[axis]) ** 2)
        kernel /= np.linalg.norm(kernel)  # keeps the variance of white noise
        noise = ndimage.correlate1d(noise, kernel, axis=axis, mode="constant")
        noise = noise.take(np.arange(reach[axis], reach[axis] + length), axis=axis)
    return np.asarray(noise)


class Grain:
    """Isotropic noise fixed in the tissue, of several scales, periodic, looked up anywhere."""

    def __init__(self, scales: dict[float, float], rng: np.random.Generator) -> None:
        """Mix noise of each scale (pixels) by its weight to unit standard deviation."""
        total = np.zeros((_PERIOD,) * 3, dtype=np.float32)
        for sigma, weight in scales.items():
            noise = rng.standard_normal(total.shape, dtype=np.float32)
            noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
            total += np.float32(weight) * noise / noise.std()
        self._field = total / total.std()
        self._turn = np.linalg.qr(rng.standard_normal((3, 3)))[0].astype(np.float32)

    def at(self, place: Field) -> Field:
        """Values at tissue coordinates (3, ...) in pixels."""
        # Written out: a matrix product may round differently with the number of threads.
        z, y, x = place
        places = np.stack([row[0] * z + row[1] * y + row[2] * x for row in self._turn])
        return np.asarray(
            ndimage.map_coordinates(self._field, places, order=1, mode="grid-wrap"), np.float32
        )


def enlarge(coarse: Field, factor: int) -> Field:
    """Linear interpolation of the last two axes; a grid of n + 1 knots gives n * factor pixels."""
    for axis in (-2, -1):
        count = coarse.shape[axis] - 1
        place = (np.arange(count * factor, dtype=np.float32) + np.float32(0.5)) / factor
        low = place.astype(np.intp)
        part = (place - low).astype(np.float32)
        part = part[:, None] if axis == -2 else part
        below, above = np.take(coarse, low, axis), np.take(coarse, low + 1, axis)
        coarse = below + part * (above - below)
    return coarse
