"""Alignment of two slices by template matching: integer shift, normalised cross-correlation."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from bench.base.errors import UserError

MAX_TEMPLATE = 2048
_MIN_TEMPLATE = 32
_ROUNDING = 1e-5  # float32 transforms of 2,048 x 2,048 pixels err by less than 1e-6

Slice = NDArray[np.uint8]


class Match(NamedTuple):
    """Where a neighbour continues the middle slice.

    Attributes:
        y: pixel (y, x) of the middle lies at (y + shift, x + shift) in the neighbour.
        x: see ``y``.
        peak: normalised cross-correlation of the central patch there, in [-1, 1].
    """

    y: int
    x: int
    peak: float


class Prepared(NamedTuple):
    """What each slice contributes to every match it takes part in, computed once.

    Attributes:
        grey: central part of the slice, template plus search radius on each side.
        image: spectrum of that part, its mean taken off.
        template: conjugate spectrum of the central patch, its mean taken off.
        energy: sum of squares of the patch about its mean.
        window_energy: the same of every window the template can lie on.
    """

    grey: Slice
    image: NDArray[np.complex64]
    template: NDArray[np.complex64]
    energy: float
    window_energy: NDArray[np.float64]


class Aligner:
    """Matches slices of one size within a search radius.

    The template is the central patch of the middle slice, as large as the search radius
    allows and at most 2,048 pixels a side; it is searched for in the neighbour. Matching
    z + 1 against z is not the reverse of matching z against z + 1, as another patch is the
    template, so both are measured; each slice is transformed only once for all its matches.
    Gives the shifts of ``skimage.feature.match_template`` with the same template.

    Args:
        height: of the slices, in pixels.
        width: of the slices, in pixels.
        search: largest shift along each axis, in pixels.

    Raises:
        UserError: the search radius leaves no template.
    """

    def __init__(self, height: int, width: int, search: int) -> None:
        check_search(height, width, search)
        self.search = search
        self._patch = tuple(min(side - 2 * search, MAX_TEMPLATE) for side in (height, width))
        self._corner = tuple(
            (side - patch) // 2 - search
            for side, patch in zip((height, width), self._patch, strict=True)
        )
        # Wrap-around reaches only shifts beyond the search radius, so no padding is needed.
        self._size = tuple(
            fft.next_fast_len(patch + 2 * search, real=True) for patch in self._patch
        )

    def prepare(self, grey: Slice) -> Prepared:
        """Transform a slice, HW uint8."""
        (top, left), (height, width), margin = self._corner, self._patch, 2 * self.search
        part = grey[top : top + height + margin, left : left + width + margin].copy()
        patch = self._patch_of(part)
        return Prepared(
            part,
            self._spectrum(part),
            self._spectrum(patch).conj(),
            _energy(patch),
            self._window_energy(part),
        )

    def match(self, middle: Prepared, neighbour: Prepared) -> Match:
        """The shift of ``neighbour`` against ``middle``.

        Where one of them is constant there is nothing to match: shift 0, peak 0.
        """
        side = 2 * self.search + 1
        product = neighbour.image * middle.template
        correlation = fft.irfft2(product, self._size)[:side, :side].astype(np.float64)
        scale = np.sqrt(middle.energy * neighbour.window_energy)
        score = np.divide(correlation, scale, out=np.full((side, side), -2.0), where=scale > 0)
        if score.max() < -1.5:
            return Match(0, 0, 0.0)
        # Shifts nearer to the best than float32 can tell apart are compared exactly.
        near = np.argwhere(score >= score.max() - _ROUNDING)
        patch = self._patch_of(middle.grey)
        peaks = [ncc(patch, self._window(neighbour.grey, int(y), int(x))) for y, x in near]
        best = int(np.argmax(peaks))
        y, x = (int(position) - self.search for position in near[best])
        return Match(y, x, peaks[best])

    def _patch_of(self, part: Slice) -> Slice:
        return self._window(part, self.search, self.search)

    def _window(self, part: Slice, y: int, x: int) -> Slice:
        height, width = self._patch
        return part[y : y + height, x : x + width]

    def _spectrum(self, grey: Slice) -> NDArray[np.complex64]:
        values = grey.astype(np.float32)
        values -= values.mean(dtype=np.float64).astype(np.float32)
        spectrum: NDArray[np.complex64] = fft.rfft2(values, self._size)
        return spectrum

    def _window_energy(self, part: Slice) -> NDArray[np.float64]:
        height, width = self._patch
        total = _window_sums(part, height, width)
        squares = _window_sums(np.square(part, dtype=np.uint16), height, width)
        # In integers the sum over n pixels of (v - mean)^2 is exact: (n sum v^2 - (sum v)^2) / n.
        pixels = height * width
        energy = squares - total.astype(np.float64) ** 2 / pixels
        return np.where(energy > 0.5, energy, 0.0)


def check_search(height: int, width: int, search: int) -> None:
    """Make sure that slices of this size can be matched.

    Raises:
        UserError: the search radius leaves no template.
    """
    if min(height, width) - 2 * search < _MIN_TEMPLATE:
        raise UserError(
            f"A search radius of {search} leaves less than {_MIN_TEMPLATE} pixels of slices "
            f"of {height} x {width} to match; choose a smaller --search."
        )


def ncc(one: Slice, other: Slice) -> float:
    """Normalised cross-correlation of two windows of one size, in [-1, 1]; 0 for a constant one.

    Computed from exact integer sums, so it is the same number on every machine.
    """
    # Sums of products of 8-bit values stay below 2^53, so float64 holds them exactly.
    a, b = one.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    n, sum_a, sum_b = a.size, int(a.sum()), int(b.sum())
    covariance = n * int(a @ b) - sum_a * sum_b
    energies = (n * int(a @ a) - sum_a**2) * (n * int(b @ b) - sum_b**2)
    return 0.0 if energies == 0 else covariance / math.sqrt(energies)


def _energy(patch: Slice) -> float:
    values = patch.astype(np.float64).ravel()
    total = int(values.sum())
    return (values.size * int(values @ values) - total**2) / values.size


def _window_sums(values: NDArray[Any], height: int, width: int) -> NDArray[np.int64]:
    """Sums over every window of height x width, exact; one per position of its corner."""
    return _running_sums(_running_sums(values, height).T, width).T


def _running_sums(values: NDArray[Any], length: int) -> NDArray[np.int64]:
    first = values[:length].sum(axis=0, dtype=np.int64)
    steps = values[length:].astype(np.int64) - values[: len(values) - length]
    return np.cumsum(np.concatenate([first[None], steps]), axis=0)
