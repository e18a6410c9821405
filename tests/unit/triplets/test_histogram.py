"""Histogram specification: equal to scikit-image within rounding to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.exposure import match_histograms

from bench.triplets.histogram import (
    Reference,
    grey_counts,
    identity_table,
    lookup_table,
    mean_reference,
    reference_of,
)


def slice_of(mean: float, spread: float, seed: int) -> np.ndarray:
    grey = np.random.default_rng(seed).normal(mean, spread, (64, 80))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


PAIRS = [
    (slice_of(90, 20, 0), slice_of(150, 45, 1)),
    (slice_of(150, 45, 2), slice_of(60, 8, 3)),  # into a narrower range
    (slice_of(250, 60, 4), slice_of(128, 30, 5)),  # saturated
    (slice_of(100, 20, 6) // 16 * 16, slice_of(128, 30, 7)),  # few grey values
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_equals_scikit_image_within_rounding(source: np.ndarray, target: np.ndarray) -> None:
    table = lookup_table(grey_counts(source), reference_of(grey_counts(target)))
    expected = match_histograms(source, target)
    np.testing.assert_array_equal(table[source], np.rint(expected).astype(np.uint8))


def test_tables_never_turn_the_order_of_grey_values_around() -> None:
    for source, target in PAIRS:
        table = lookup_table(grey_counts(source), reference_of(grey_counts(target)))
        assert (np.diff(table.astype(int)) >= 0).all()


def test_the_mean_reference_averages_quantile_functions() -> None:
    # Uniform over 0..99 and over 100..199: the mean quantile function runs over 50..149.
    one = np.bincount(np.arange(100), minlength=256)
    other = np.bincount(np.arange(100, 200), minlength=256)
    mean = mean_reference([one, other])
    at = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(np.interp(at, *mean), 49 + 100 * at, atol=1e-9)
    assert mean.quantiles[0] == 0
    assert mean.quantiles[-1] == 1


def test_a_slice_keeps_its_grey_values_under_its_own_reference() -> None:
    grey = slice_of(120, 30, 8)
    for reference in (reference_of(grey_counts(grey)), mean_reference([grey_counts(grey)] * 3)):
        table = lookup_table(grey_counts(grey), reference)
        assert np.abs(table[grey].astype(int) - grey).max() <= 1
    np.testing.assert_array_equal(identity_table()[grey], grey)


def test_slices_of_different_staining_get_one_distribution() -> None:
    scene = np.random.default_rng(0).normal(size=(200, 200))
    stains = [(90, 20), (150, 45), (120, 30)]
    slices = [np.clip(np.rint(m + s * scene), 0, 255).astype(np.uint8) for m, s in stains]
    reference: Reference = mean_reference([grey_counts(grey) for grey in slices])
    mapped = [lookup_table(grey_counts(grey), reference)[grey].astype(float) for grey in slices]
    assert all(abs(m.mean() - 120) < 1 and abs(m.std() - 95 / 3) < 1 for m in mapped)
    # The same scene under another stain becomes the same picture.
    assert all(np.abs(m - mapped[0]).mean() < 2 for m in mapped)
