"""Training crops as they might have looked: turned, in another contrast, blurred, noisy.

Generated frames are smoother than real ones and slightly off in contrast. A segmenter that
has only seen sharp frames would be judged by that alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


class Crop(NamedTuple):
    """A square piece of a slice.

    Attributes:
        frame: float32 HW, nominal [0, 1].
        mask: bool HW, true on membrane.
        valid: bool HW, false where nothing is known.
    """

    frame: NDArray[np.float32]
    mask: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def augment(crop: Crop, random: np.random.Generator) -> Crop:
    """One of the eight orientations of a crop, with another look."""
    turns, flip = int(random.integers(4)), random.random() < 0.5
    frame, mask, valid = (_orient(part, turns, flip) for part in crop)
    return Crop(_look(frame, random), mask, valid)


def _orient(part: NDArray[Any], turns: int, flip: bool) -> NDArray[Any]:
    turned = np.rot90(part, turns)
    return np.fliplr(turned) if flip else turned


def _look(frame: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Gamma, gain and offset always; blur in half of the crops, noise in half."""
    frame = np.clip(frame, 0, 1) ** np.float32(2 ** random.uniform(-0.5, 0.5))
    frame = frame * np.float32(random.uniform(0.7, 1.3)) + np.float32(random.uniform(-0.1, 0.1))
    if random.random() < 0.5:
        frame = ndimage.gaussian_filter(frame, random.uniform(0.3, 1.5), truncate=3)
    if random.random() < 0.5:
        noise = random.standard_normal(frame.shape, np.float32)
        frame = frame + np.float32(random.uniform(0.01, 0.08)) * noise
    return np.ascontiguousarray(frame, np.float32)
