"""The expected absolute error of each pixel of a filled slice, learned from hidden slices.

What says how wrong a pixel is: how much both neighbours disagree around it once the flow has moved
them there, how far the filled slice is from the plain flow's, how much texture there is, and how
torn the flow. Each is a map in grey levels or pixels and never below 0. Their sum with weights that
are not negative (least squares on hidden slices) is a score, and a rising curve through the mean
errors of equally many pixels makes the score an expected error: of the pixels for which the map
says 20 grey levels, the mean absolute error is 20.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from bench.base.errors import UserError
from bench.repair.departure import shrunk
from bench.repair.disagreement import Moved

CELL = 2  # pixels: side of the blocks that the map is computed on
FEATURES = (
    "disagreement 4",
    "disagreement 8",
    "disagreement 16",
    "apart 2",
    "apart 8",
    "unmoved 2",
    "unmoved 8",
    "gradient 2",
    "texture",
    "noise 3",
    "noise 12",
    "rough 4",
    "past 12",
    "dark 2",
    "constant",
)
_AXES = ((0, 1), (1, 0))  # derivatives along x and y
_AROUND = 2.0  # pixels: where texture is measured
_NOISE = 1.5  # pixels: what is finer is taken for noise
_CELLS = 10_000  # of a hidden slice: more of them say the same
_KNOTS = 50  # of the curve
_RIDGE = 1e-4  # squared grey levels or pixels: a feature of which the mean square is less is none
_PEAK = 255.0
_ROUNDING = 0.5  # grey levels: how far apart a slice is from itself once it is rounded

Map = NDArray[np.float32]
Values = NDArray[np.float64]
Slice = NDArray[np.uint8]


class Features(NamedTuple):
    """What tells the error of a filled slice.

    Attributes:
        values: FHW of its cells, a map for each of ``FEATURES``.
        shape: of the slice, in pixels.
    """

    values: Map
    shape: tuple[int, int]


class Sample(NamedTuple):
    """Some cells of a hidden slice.

    Attributes:
        values: NF, the features of each.
        errors: N, the mean absolute error of its pixels, in grey levels.
    """

    values: Map
    errors: Map


def features(before: Slice, filled: Slice, after: Slice, neighbours: Moved) -> Features:
    """What tells the error of a filled slice, smoothed over so many pixels as its name says.

    Args:
        before: HW, grey levels.
        filled: HW.
        after: HW.
        neighbours: what ``moved`` makes of before and after at the time of the filled slice.
    """
    here = filled.astype(np.float32)
    one, other = neighbours.before, neighbours.after
    small = shrunk(here, CELL)
    down, across = (np.asarray(cv2.Sobel(small, cv2.CV_32F, *axis) / 8) for axis in _AXES)
    found: dict[str, Map] = {
        "disagreement": shrunk(np.abs(one - other), CELL),
        "apart": shrunk(np.maximum(np.abs(here - _mean(one, other)) - _ROUNDING, 0), CELL),
        "unmoved": shrunk(cv2.absdiff(before, after).astype(np.float32), CELL),
        "gradient": np.hypot(down, across),
        "texture": _mean(_texture(shrunk(one, CELL)), _texture(shrunk(other, CELL))),
        "noise": shrunk(_mean(_noise(one), _noise(other)), CELL),
        "rough": shrunk(neighbours.rough, CELL),
        "past": shrunk(neighbours.past, CELL),
        "dark": _PEAK - small,
        "constant": np.ones_like(small),
    }
    maps = []
    for name in FEATURES:
        what, _, pixels = name.partition(" ")
        maps.append(_smoothed(found[what], float(pixels)) if pixels else found[what])
    return Features(np.stack(maps), (filled.shape[0], filled.shape[1]))


def sample(told: Features, filled: Slice, truth: Slice) -> Sample:
    """Some cells of a hidden slice, drawn evenly, and always the same ones.

    Args:
        told: its features.
        filled: HW, grey levels.
        truth: HW, what it should be.
    """
    errors = shrunk(cv2.absdiff(filled, truth).astype(np.float32), CELL).ravel()
    draw = np.random.default_rng(0)
    chosen = draw.choice(len(errors), min(_CELLS, len(errors)), replace=False)
    return Sample(told.values.reshape(len(FEATURES), -1)[:, chosen].T, errors[chosen])


class ErrorModel(BaseModel):
    """What makes an expected error of features; ``model_dump_json`` writes it down.

    Attributes:
        weights: of each feature that counts, none below 0.
        scores: knots of the curve, ascending.
        errors: expected absolute error at each, in grey levels, never falling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weights: dict[str, float]
    scores: tuple[float, ...]
    errors: tuple[float, ...]

    @classmethod
    def fit(cls, samples: Iterable[Sample]) -> Self:
        """Learn from hidden slices, filled as the missing one is.

        Raises:
            UserError: there are none.
        """
        from scipy.optimize import nnls

        seen = list(samples)
        if not seen:
            raise UserError(
                "No slice could be hidden, so nothing says how wrong a filled one is; give a "
                "volume with three sound slices in a row."
            )
        values = np.concatenate([each.values for each in seen]).astype(np.float64)
        errors = np.concatenate([each.errors for each in seen]).astype(np.float64)
        # The triangle of a QR decomposition has the same least squares, in a few rows.
        triangle = np.linalg.qr(np.column_stack([values, errors]), mode="r")
        # A feature that is next to nothing in what was seen must not count a million times.
        small = np.sqrt(_RIDGE * len(errors)) * np.eye(len(FEATURES), len(FEATURES) + 1)
        rows = np.vstack([triangle, small])
        weights, _ = nnls(rows[:, :-1], rows[:, -1])
        scores, expected = _curve(values @ weights, errors)
        named = zip(FEATURES, weights, strict=True)
        return cls(
            weights={name: float(weight) for name, weight in named if weight > 0},
            scores=tuple(scores.tolist()),
            errors=tuple(expected.tolist()),
        )

    def expected(self, told: Features) -> Map:
        """The expected absolute error of each pixel, HW, in grey levels."""
        weights = np.array([self.weights.get(name, 0.0) for name in FEATURES], np.float32)
        score = np.tensordot(weights, told.values, 1)
        height, width = told.shape
        cells = _on_curve(score, np.array(self.scores), np.array(self.errors))
        return np.asarray(cv2.resize(cells, (width, height)), np.float32)


def _curve(scores: Values, errors: Values) -> tuple[Values, Values]:
    """A rising curve through the mean errors of equally many cells; its mean is theirs."""
    from scipy.optimize import isotonic_regression

    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _KNOTS + 1)))
    bins = np.searchsorted(edges[1:-1], scores, side="right")
    counts = np.bincount(bins)
    full = counts > 0
    counts = counts[full]
    knots, means = (np.bincount(bins, each)[full] / counts for each in (scores, errors))
    rising = isotonic_regression(means, weights=counts).x
    mean = _on_curve(scores, knots, rising).mean(dtype=np.float64)
    return knots, rising * (errors.mean() / mean if mean > 0 else 1.0)


def _on_curve(score: NDArray[np.floating], knots: Values, errors: Values) -> Map:
    """The curve; beyond its last knot the error grows as the score does, up to black for white."""
    beyond = np.maximum(1.0, score / max(float(knots[-1]), 1e-6))
    return np.asarray(np.minimum(np.interp(score, knots, errors) * beyond, _PEAK), np.float32)


def _smoothed(values: Map, pixels: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), pixels / CELL), np.float32)


def _mean(one: Map, other: Map) -> Map:
    return (one + other) / np.float32(2)


def _texture(cells: Map) -> Map:
    """The standard deviation of grey values around each cell."""
    mean, square = (_smoothed(each, _AROUND) for each in (cells, cells * cells))
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), np.float32)


def _noise(grey: Map) -> Map:
    return np.asarray(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), _NOISE)), np.float32)
