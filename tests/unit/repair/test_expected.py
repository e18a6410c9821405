"""Expected scores and their intervals."""

import numpy as np
import pytest

from bench.repair.expected import FEWEST, expected_score


def slow_jackknife(here, differences, scores):
    """Jackknife+ as it is written down, at 9 in 10."""
    x, y = np.log(differences), np.asarray(scores)
    low, high = [], []
    for i in range(len(y)):
        line = np.polyfit(np.delete(x, i), np.delete(y, i), 1)
        residual = abs(y[i] - np.polyval(line, x[i]))
        low.append(np.polyval(line, np.log(here)) - residual)
        high.append(np.polyval(line, np.log(here)) + residual)
    last = int(np.ceil(0.9 * (len(y) + 1)))
    first = len(y) + 1 - last
    return sorted(low)[first - 1], sorted(high)[last - 1]


def drawn(seed: int, count: int):
    draw = np.random.default_rng(seed)
    differences = draw.uniform(0.2, 0.6, count)
    return differences, 20 - 4 * np.log(differences) + draw.standard_t(4, count)


@pytest.mark.parametrize("count", [9, 12, 19, 40])
def test_the_interval_is_the_jackknife_plus(count):
    differences, scores = drawn(count, count)
    told = expected_score(0.4, differences, scores)
    assert (told.low, told.high) == pytest.approx(slow_jackknife(0.4, differences, scores))
    assert told.score == pytest.approx(
        np.polyval(np.polyfit(np.log(differences), scores, 1), np.log(0.4))
    )
    assert (told.hidden, told.coverage) == (count, 0.9)


@pytest.mark.parametrize("count", [9, 15, 40])
def test_the_interval_holds_the_score_nine_times_in_ten(count):
    held = []
    for seed in range(400):
        differences, scores = drawn(seed, count + 1)
        told = expected_score(differences[0], differences[1:], scores[1:])
        held.append(told.low <= scores[0] <= told.high)
    # 400 draws of 0.9 have a standard deviation of 0.015.
    assert 0.855 < np.mean(held) < 0.97


def test_scores_on_a_line_are_foretold_exactly():
    differences = np.linspace(1, 3, 12)
    told = expected_score(5.0, differences, 30 - 2 * np.log(differences))
    assert told[:3] == pytest.approx([30 - 2 * np.log(5)] * 3)


def test_of_few_hidden_slices_the_interval_is_the_range_and_says_so():
    differences, scores = drawn(0, FEWEST - 1)
    told = expected_score(0.4, differences, scores)
    assert (told.low, told.high, told.coverage) == (min(scores), max(scores), None)


def test_slices_without_the_score_do_not_count():
    differences, scores = drawn(0, 12)
    with_gaps = np.append(scores, [np.nan, np.inf])
    assert expected_score(0.4, np.append(differences, [9, 9]), with_gaps) == expected_score(
        0.4, differences, scores
    )
    assert expected_score(0.4, [0.3, 0.4], [np.nan, np.nan]) is None


def test_an_interval_ends_where_scores_do():
    differences = np.linspace(1, 2, 10)
    scores = 0.98 + 0.02 * np.sin(np.arange(10))
    told = expected_score(1.5, differences, scores, (0, 1))
    assert told.high == 1
    assert told.low > 0.9


def test_neighbours_that_all_differ_alike_give_the_mean():
    scores = np.arange(10.0)
    told = expected_score(0.5, np.full(10, 0.5), scores)
    assert told.score == pytest.approx(4.5)
