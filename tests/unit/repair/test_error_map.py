"""The expected error of each pixel is what the pixels' error is on average."""

import numpy as np
import pytest

from bench.base.errors import UserError
from bench.repair.disagreement import moved
from bench.repair.error_map import FEATURES, ErrorModel, Features, Sample, features, sample

SHAPE = (120, 100)  # of the cells: where it is the slice's too, nothing is resized


def drawn(seed: int, spread=lambda told: 3 * told[1]) -> tuple[Features, np.ndarray]:
    """Features drawn at random, and errors that are normal with a spread that follows from them."""
    draw = np.random.default_rng(seed)
    values = draw.gamma(2.0, 5.0, (len(FEATURES), *SHAPE)).astype(np.float32)
    values[-1] = 1
    errors = np.abs(draw.normal(size=SHAPE) * spread(values)).astype(np.float32)
    return Features(values, SHAPE), errors


def of(told: Features, errors: np.ndarray) -> Sample:
    return Sample(told.values.reshape(len(FEATURES), -1).T, errors.ravel())


def test_the_map_of_what_it_learned_from_has_the_mean_of_the_errors():
    told, errors = drawn(0)
    learned = ErrorModel.fit([of(told, errors)])
    assert learned.expected(told).mean() == pytest.approx(errors.mean(), rel=1e-4)
    assert all(np.diff(learned.errors) >= 0)


@pytest.mark.parametrize(
    "spread", [lambda told: 3 * told[1], lambda told: 0.2 * told[1] ** 2, lambda told: 4 + told[6]]
)
def test_pixels_with_an_expected_error_have_it_on_average(spread):
    learned = ErrorModel.fit(of(*drawn(seed, spread)) for seed in range(6))
    told, errors = drawn(99, spread)
    expected = learned.expected(told)
    order = np.argsort(expected.ravel())
    for tenth in np.array_split(order, 10):
        assert expected.ravel()[tenth].mean() == pytest.approx(
            errors.ravel()[tenth].mean(), rel=0.1, abs=0.3
        )


def test_the_feature_that_the_error_follows_is_the_one_that_counts():
    learned = ErrorModel.fit([of(*drawn(0)), of(*drawn(1))])
    # The mean absolute value of a normal number is sqrt(2 / pi) of its deviation.
    assert learned.weights[FEATURES[1]] == pytest.approx(3 * np.sqrt(2 / np.pi), rel=0.05)
    assert sum(learned.weights.values()) < 1.1 * learned.weights[FEATURES[1]]


def test_beyond_what_was_seen_the_expected_error_grows_and_stays_a_grey_level():
    learned = ErrorModel.fit([of(*drawn(0))])
    told, _ = drawn(1)
    farther = Features(told.values * 3, SHAPE)
    assert learned.expected(farther).max() > 1.5 * learned.errors[-1]
    assert learned.expected(Features(told.values * 1e4, SHAPE)).max() == 255


def test_a_model_read_from_its_json_gives_the_same_map():
    told, errors = drawn(0)
    learned = ErrorModel.fit([of(told, errors)])
    again = ErrorModel.model_validate_json(learned.model_dump_json())
    assert np.array_equal(again.expected(told), learned.expected(told))


def test_a_feature_that_was_next_to_nothing_does_not_count():
    told, errors = drawn(0)
    told.values[3] *= 1e-7  # as of a slice that is filled by the plain flow itself
    learned = ErrorModel.fit([of(told, errors)])
    assert learned.weights.get(FEATURES[3], 0) < 1


def test_slices_without_any_error_have_none_expected():
    told, errors = drawn(0)
    learned = ErrorModel.fit([of(told, np.zeros_like(errors))])
    assert not learned.expected(told).any()


def test_without_hidden_slices_there_is_no_map():
    with pytest.raises(UserError, match="No slice could be hidden"):
        ErrorModel.fit([])


def hidden(seed: int) -> tuple[Features, np.ndarray, np.ndarray]:
    """A slice filled by the average of two that differ by noise, ten times more on the right."""
    draw = np.random.default_rng(seed)
    still = np.kron(draw.integers(60, 200, (10, 10)), np.ones((13, 13)))[:129, :127]
    spread = np.where(np.arange(127) < 64, 3, 30)
    before, truth, after = (
        np.clip(still + draw.normal(size=still.shape) * spread, 0, 255).astype(np.uint8)
        for _ in range(3)
    )
    filled = np.rint((before.astype(float) + after) / 2).astype(np.uint8)
    return features(before, filled, after, moved(before, after)), filled, truth


def test_where_neighbours_disagree_the_filled_slice_is_expected_to_be_wrong():
    learned = ErrorModel.fit(sample(*hidden(seed)) for seed in range(3))
    told, filled, truth = hidden(9)
    expected = learned.expected(told)
    error = np.abs(filled.astype(float) - truth)
    assert expected.shape == filled.shape == (129, 127)
    for half in (slice(0, 52), slice(76, None)):
        assert expected[:, half].mean() == pytest.approx(error[:, half].mean(), rel=0.1)
