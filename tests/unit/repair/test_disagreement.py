"""Neighbours moved to the time of the slice between them."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bench.repair.disagreement import moved

RIM = 24  # pixels: what was moved in from outside is not there to be found


def tissue(across: int) -> np.ndarray:
    """A smooth random texture, moved to the right by so many pixels."""
    noise = np.random.default_rng(0).normal(size=(160, 260))
    grey = gaussian_filter(noise, 4)
    grey = 128 + 50 * grey / grey.std()
    return np.rint(grey[:, 40 - across : 200 - across]).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("time", "across"), [(0.5, 4), (0.25, 2), (0.75, 6)])
def test_both_neighbours_come_to_lie_where_the_slice_between_them_does(time, across):
    found = moved(tissue(0), tissue(8), time)
    inside = (slice(RIM, -RIM), slice(RIM, -RIM))
    truth = tissue(across).astype(float)[inside]
    for each in (found.before, found.after):
        assert np.abs(each[inside] - truth).mean() < 2
    assert np.abs(tissue(0)[inside] - truth).mean() > 5  # had it not moved
    assert np.median(found.past[inside]) < 0.5


def test_the_same_slice_twice_stays_where_it_is():
    found = moved(tissue(0), tissue(0))
    assert np.abs(found.before - tissue(0)).max() < 1e-2
    assert found.past.max() < 1e-3
    assert found.rough.max() < 1e-3
