"""Damage planted into sound slices: every kind at a stated size, the same for the same seed.

Each function takes a slice (HW uint8) and a generator, and returns the damaged slice with the mask
of what was damaged. Where it lies and how it bends is drawn from the generator; sizes are in
pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Draw = np.random.Generator

LENGTH = 0.5  # of the slice's shorter side: how long folds, cracks and streaks are
_REACH = 48.0  # pixels: how far beside a fold or crack the tissue has given way
_NOISE = 6.0  # grey levels: standard deviation where there is no tissue
_BARE = 235.0  # grey level: where there is no tissue


class Planted(NamedTuple):
    """A damaged slice.

    Attributes:
        grey: HW.
        mask: HW, what was damaged.
    """

    grey: Grey
    mask: Mask


def fold(grey: Grey, draw: Draw, width: float, strength: float = 1.0) -> Planted:
    """A band in which two layers lie on each other: what they let through is multiplied.

    The tissue on both sides has moved towards the band by half of its width.

    Args:
        grey: HW.
        draw: of the place.
        width: of the band.
        strength: 1 for two whole layers; less where the second one darkens less.
    """
    across, along = _line(grey.shape, draw)
    inside = (np.abs(across) <= width / 2) & (np.abs(along) <= _length(grey) / 2)
    moved = _moved(grey, across, along, -width / 2)
    second = _moved(grey, across, along, width)
    layers = moved * (1 - strength * (1 - second / 255.0))
    soft = _soft(inside)
    return _planted(moved * (1 - soft) + layers * soft, inside)


def crack(grey: Grey, draw: Draw, width: float) -> Planted:
    """A jagged gap without tissue; both sides have moved apart by half of its width."""
    across, along = _line(grey.shape, draw)
    jag = ndimage.gaussian_filter1d(draw.normal(size=4096), 6) * 12
    across = across + jag[np.clip(along + 2048, 0, 4095).astype(int)]
    inside = (np.abs(across) <= width / 2) & (np.abs(along) <= _length(grey) / 2)
    moved = _moved(grey, across, along, width / 2)
    return _planted(_bare(moved, _soft(inside), draw), inside)


def stain(grey: Grey, draw: Draw, width: float, strength: float = 0.6) -> Planted:
    """A dark blot of uneven outline: it lets ``1 - strength`` of the light through."""
    y, x = _centred(grey.shape, draw, margin=width / 2)
    angle = np.arctan2(y, x)
    radius = np.full(grey.shape, width / 2)
    for waves in (2, 3, 5):
        phase, depth = draw.uniform(0, 2 * np.pi), draw.uniform(0.03, 0.12)
        radius *= 1 + depth * np.cos(waves * angle + phase)
    inside = np.hypot(y, x) <= radius
    return _planted(grey * (1 - strength * _soft(inside)), inside)


def tear(grey: Grey, draw: Draw, width: float) -> Planted:
    """A corner that is torn off along an uneven line; ``width`` along the slice's edges."""
    height, length = grey.shape
    y, x = np.mgrid[:height, :length].astype(float)
    if draw.integers(2):
        y = height - 1 - y
    if draw.integers(2):
        x = length - 1 - x
    ragged = ndimage.gaussian_filter(draw.normal(size=grey.shape), 8) * 60
    inside = x + y + ragged < width
    return _planted(_bare(grey.astype(float), _soft(inside), draw), inside)


def streak(grey: Grey, draw: Draw, width: float, strength: float = 70.0) -> Planted:
    """Rows that charging has made brighter, by ``strength`` grey levels."""
    top = int(draw.integers(0, max(1, grey.shape[0] - int(width))))
    length = int(_length(grey))
    left = int(draw.integers(0, grey.shape[1] - length))
    inside = np.zeros(grey.shape, np.bool_)
    inside[top : top + int(width), left : left + length] = True
    return _planted(grey + strength * _soft(inside), inside)


def blur(grey: Grey, draw: Draw, width: float) -> Planted:
    """A slice out of focus: a Gaussian of that standard deviation, and the detector's noise."""
    soft = ndimage.gaussian_filter(grey.astype(float), width)
    return _planted(soft + draw.normal(scale=3.0, size=grey.shape), np.ones(grey.shape, np.bool_))


def blank(grey: Grey, draw: Draw, width: float) -> Planted:
    """A slice of one grey value."""
    return _planted(np.full(grey.shape, width), np.ones(grey.shape, np.bool_))


def duplicate(grey: Grey, draw: Draw, width: float) -> Planted:
    """A copy that was imaged or stored anew: shifted by ``width``, with noise."""
    there = np.roll(grey.astype(float), (int(width), -int(width)), (0, 1))
    return _planted(there + draw.normal(scale=3.0, size=grey.shape), np.ones(grey.shape, np.bool_))


def elsewhere(grey: Grey, draw: Draw, width: float) -> Planted:
    """A slice of another place: the same one upside down."""
    return _planted(grey[::-1, ::-1].astype(float), np.ones(grey.shape, np.bool_))


Kind = Callable[[Grey, Draw, float], Planted]
PLACES: dict[str, Kind] = {
    "fold": fold, "crack": crack, "stain": stain, "tear": tear, "streak": streak,
}  # fmt: skip
WHOLE: dict[str, Kind] = {
    "blur": blur, "blank": blank, "duplicate": duplicate,
    "elsewhere": elsewhere,
}  # fmt: skip


def _line(shape: tuple[int, ...], draw: Draw) -> tuple[NDArray, NDArray]:
    """Distance across and along a bent line through the slice, in pixels."""
    y, x = _centred(shape, draw, margin=min(shape) / 5)
    angle = draw.uniform(0, np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    bend = draw.uniform(-1, 1) * 0.08
    reach = min(shape) / 4
    across = y * np.cos(angle) - x * np.sin(angle) - bend * along**2 / reach
    return across, along


def _centred(shape: tuple[int, ...], draw: Draw, margin: float) -> tuple[NDArray, NDArray]:
    middle = [draw.uniform(margin, side - margin) for side in shape]
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return y - middle[0], x - middle[1]


def _length(grey: Grey) -> float:
    return LENGTH * min(grey.shape)


def _moved(grey: Grey, across: NDArray, along: NDArray, by: float) -> NDArray:
    """The tissue beside a line moved away from it (towards it where ``by`` is negative)."""
    gy, gx = np.gradient(across)
    size = np.maximum(np.hypot(gy, gx), 1e-6)
    fade = np.exp(-np.abs(across) / _REACH) * (np.abs(along) <= _length(grey) / 2)
    push = -by * np.sign(across) * ndimage.gaussian_filter(fade, 4)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(float)
    places = [y + push * gy / size, x + push * gx / size]
    return ndimage.map_coordinates(grey.astype(float), places, order=1, mode="nearest")


def _soft(inside: Mask) -> NDArray:
    return ndimage.gaussian_filter(inside.astype(float), 1.0)


def _bare(tissue: NDArray, soft: NDArray, draw: Draw) -> NDArray:
    return tissue * (1 - soft) + (_BARE + draw.normal(scale=_NOISE, size=tissue.shape)) * soft


def _planted(values: NDArray, inside: Mask) -> Planted:
    return Planted(np.clip(np.rint(values), 0, 255).astype(np.uint8), np.asarray(inside))
