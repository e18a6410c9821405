"""The cost volume equals its definition, displacement by displacement."""

import pytest
import torch
from torch.autograd import gradcheck

from methods.layers.correlation import correlation

pytestmark = pytest.mark.usefixtures("one_thread")


def features(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_cost_volume_equals_the_double_loop(radius):
    first, second = features(0, 2, 5, 4, 6), features(1, 2, 5, 4, 6)
    volume = correlation(first, second, radius)
    side = 2 * radius + 1
    assert volume.shape == (2, side * side, 4, 6)
    for row in range(4):
        for column in range(6):
            for place in range(side * side):
                y, x = row + place // side - radius, column + place % side - radius
                expected = torch.zeros(2, dtype=torch.float64)
                if 0 <= y < 4 and 0 <= x < 6:
                    expected = (first[..., row, column] * second[..., y, x]).mean(1)
                torch.testing.assert_close(
                    volume[:, place, row, column], expected, rtol=1e-10, atol=1e-10
                )


def test_best_match_names_the_displacement():
    first = features(0, 1, 32, 12, 12)
    second = first.roll((1, -2), dims=(2, 3))  # what was at x is now at x + (-2, 1)
    best = correlation(first, second, 2)[0, :, 3:-3, 3:-3].argmax(0)
    assert (best == 5 * (1 + 2) + (-2 + 2)).all()


def test_gradients():
    first, second = (
        features(0, 2, 3, 4, 5).requires_grad_(),
        features(1, 2, 3, 4, 5).requires_grad_(),
    )
    assert gradcheck(lambda a, b: correlation(a, b, 2), (first, second))
