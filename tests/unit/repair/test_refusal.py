"""A gap whose neighbours differ beyond what was seen is not filled."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import t

from bench.repair.disagreement import Moved, moved
from bench.repair.refusal import Difference, difference, refusal


def tissue(seed: int, fine: float = 1.5) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(192, 192))
    grey = gaussian_filter(noise, fine)
    return np.clip(np.rint(128 + 40 * grey / grey.std()), 0, 255).astype(np.uint8)


def differ(before: np.ndarray, after: np.ndarray) -> Difference:
    return difference(before, after, moved(before, after))


def seen(seed: int, count: int) -> list[Difference]:
    draw = np.random.default_rng(seed)
    likeness = np.exp(draw.normal(-1, 0.1, count))
    return [Difference(each, np.exp(abs(draw.normal(0, 0.05)))) for each in likeness]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_slices_of_a_known_correlation_differ_by_what_it_lacks(correlation):
    one, other = np.random.default_rng(0).normal(size=(2, 600, 600))
    two = correlation * one + np.sqrt(1 - correlation**2) * other
    grey = [np.rint(128 + 30 * each).clip(0, 255).astype(np.uint8) for each in (one, two)]
    nothing = np.zeros((600, 600), np.float32)
    unmoved = Moved(*(each.astype(np.float32) for each in grey), nothing, nothing)
    assert difference(*grey, unmoved) == pytest.approx((1 - correlation, 1), abs=0.01)


def test_the_same_slice_does_not_differ():
    assert differ(tissue(0), tissue(0)) == pytest.approx((0, 1), abs=1e-5)


def test_brightness_and_contrast_are_no_difference():
    dim = np.rint(30 + 0.5 * tissue(0)).astype(np.uint8)
    found = differ(tissue(0), dim)
    assert found.unlikeness < 0.05
    assert found.detail < 1.1


def test_a_blurred_neighbour_has_less_detail_whichever_it_is():
    sharp = tissue(0, 1)
    soft = gaussian_filter(sharp, 2)
    assert differ(sharp, soft).detail > 1.4
    assert differ(sharp, soft).detail == pytest.approx(differ(soft, sharp).detail)


def test_flat_slices_have_numbers():
    flat = np.full((64, 64), 128, np.uint8)
    assert np.isfinite(differ(flat, flat)).all()


def test_a_gap_like_the_hidden_ones_is_filled():
    hidden = seen(0, 18)
    assert refusal(hidden[3], hidden) == ""
    most = Difference(*(max(each) for each in zip(*hidden, strict=True)))
    assert refusal(most, hidden) == ""


def test_a_gap_far_beyond_them_is_refused_and_the_numbers_are_said():
    hidden = seen(0, 18)
    words = refusal(Difference(0.9, 1.0), hidden)
    most = max(each.unlikeness for each in hidden)
    assert "is 0.90" in words
    assert f"at most {most:.2f} in 18 hidden slices" in words
    assert "detail" in refusal(Difference(0.3, 2.0), hidden)


def test_the_limit_is_the_end_of_a_prediction_interval():
    hidden = [Difference(each, 1.0) for each in (0.30, 0.33, 0.36, 0.40, 0.35)]
    logs = np.log([each.unlikeness for each in hidden])
    limit = np.exp(logs.mean() + t.ppf(0.99, 4) * logs.std(ddof=1) * np.sqrt(1 + 1 / 5))
    assert limit > 0.4
    assert not refusal(Difference(limit * 0.999, 1.0), hidden)
    assert refusal(Difference(limit * 1.001, 1.0), hidden)


@pytest.mark.parametrize("count", [3, 10, 40])
def test_one_sound_gap_in_a_hundred_is_refused_at_most(count):
    refused = [
        bool(refusal(seen(seed, count + 1)[0], seen(seed, count + 1)[1:])) for seed in range(600)
    ]
    assert np.mean(refused) < 0.02


def test_detail_below_what_a_blur_costs_is_never_refused():
    hidden = [Difference(0.3 + 0.01 * n, 1.0 + 0.001 * n) for n in range(12)]
    assert not refusal(Difference(0.3, 1.35), hidden)
    assert refusal(Difference(0.3, 1.45), hidden)


def test_of_a_single_hidden_slice_nothing_is_refused():
    assert not refusal(Difference(0.9, 3.0), [Difference(0.3, 1.0)])
