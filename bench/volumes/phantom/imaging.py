"""The microscope: defocus, brightness, detector noise, eight bits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.volumes.phantom.options import PhantomOptions
from bench.volumes.phantom.texture import Field, smooth_noise

_MEAN = 160.0  # grey level of bare cytoplasm
_SHARPNESS = 0.25  # standard deviation of the common point spread, pixels
_DETECTOR = 0.55  # standard deviation of the detector's own point spread, pixels
_SHADING = 6.0  # grey levels of slow brightness change across a slice
_DARK_NOISE = 0.3  # share of the noise variance that does not grow with brightness


class Exposure(NamedTuple):
    """How one section is imaged."""

    blur: float
    brightness: float
    contrast: float


def draw_exposures(options: PhantomOptions, rng: np.random.Generator) -> list[Exposure]:
    """Independent for every section, as jumps between real sections are.

    The mean over all sections stays put, so that flicker leaves the volume's brightness alone.
    """
    draws = rng.standard_normal((options.depth, 3))
    draws[:, 1] -= draws[:, 1].mean()
    return [
        Exposure(
            _SHARPNESS + options.blur * abs(float(one)),
            options.flicker * float(two),
            float(np.exp(options.flicker / 300.0 * three)),
        )
        for one, two, three in draws
    ]


def expose(
    grey: Field, exposure: Exposure, options: PhantomOptions, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Image a section, grey levels around 0 in, 0..255 out."""
    image = ndimage.gaussian_filter(grey, exposure.blur, mode="nearest")
    coarse = smooth_noise((8, 8), 1.5, rng)
    zoom = (image.shape[0] / 8, image.shape[1] / 8)
    shading = ndimage.zoom(coarse, zoom, order=1, mode="nearest", grid_mode=True)
    image = image + _SHADING * shading
    image = _MEAN + exposure.brightness + exposure.contrast * image
    variance = options.noise**2 * (_DARK_NOISE + (1 - _DARK_NOISE) * np.maximum(image, 0) / 128)
    noise = np.sqrt(variance) * smooth_noise(image.shape, _DETECTOR, rng)
    image = image + noise.astype(np.float32)
    section: NDArray[np.uint8] = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return section
