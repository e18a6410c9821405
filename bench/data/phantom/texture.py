"""Smooth random fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Field = NDArray[np.float32]

_PERIOD = 96  # voxels; sampled at oblique angles, so that no repetition shows


def smooth_noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> Field:
    """Gaussian noise of unit standard deviation, correlated over `sigma` pixels."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if sigma > 0:
        noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    spread = float(noise.std())
    return noise / np.float32(spread if spread > 0 else 1.0)


class Grain:
    """Isotropic noise fixed in the tissue, of several scales, periodic, looked up anywhere."""

    def __init__(self, scales: dict[float, float], rng: np.random.Generator) -> None:
        """Mix noise of each scale (pixels) by its weight to unit standard deviation."""
        total = np.zeros((_PERIOD,) * 3, dtype=np.float32)
        for sigma, weight in scales.items():
            total += np.float32(weight) * smooth_noise(total.shape, sigma, rng)
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
