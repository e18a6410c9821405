"""Methods without weights, on motion that is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from methods.classical import After, Average, Before, Flow, FlowOptions, Phase, PhaseOptions
from methods.interface import Interpolator
from methods.opencv_flow import Dis

METHODS = [Before(), After(), Average(), Phase(), Flow(), Flow(FlowOptions(algorithm="ilk"))]


def _texture(side: int = 160, sigma: float = 3.0, seed: int = 0) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), sigma)
    return (0.5 + 0.15 * noise / noise.std()).clip(0, 1).astype(np.float32)


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image))[None, None]


def _shifted(x: int, y: int) -> Tensor:
    """A window of the texture that has moved by (x, y): what was at 0 is now there."""
    return _tensor(_texture()[20 - y : 116 - y, 20 - x : 132 - x])


def _mean_square(one: Tensor, other: Tensor, border: int = 12) -> float:
    inner = (..., slice(border, -border), slice(border, -border))
    return float(((one - other)[inner] ** 2).mean())


def test_copies_and_average() -> None:
    before, after = torch.rand(2, 1, 5, 7), torch.rand(2, 1, 5, 7)
    assert torch.equal(Before()(before, after).middle, before)
    assert torch.equal(After()(before, after).middle, after)
    torch.testing.assert_close(Average()(before, after).middle, (before + after) / 2)


@pytest.mark.parametrize("level", [0.0, 0.375, 1.0])
@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_constant_in_constant_out(method: Interpolator, level: float) -> None:
    flat = torch.full((2, 1, 33, 47), level)
    torch.testing.assert_close(method(flat, flat).middle, flat)


@pytest.mark.parametrize("method", METHODS[3:], ids=repr)
def test_a_shift_is_halved(method: Interpolator) -> None:
    before, middle, after = _shifted(-4, 2), _shifted(0, 0), _shifted(4, -2)
    found = method(before, after)
    average = _mean_square((before + after) / 2, middle)
    assert _mean_square(found.middle, middle) < 0.02 * average
    for name, expected in (("flow_before", (-4.0, 2.0)), ("flow_after", (4.0, -2.0))):
        inner = found.extras[name][0, :, 20:-20, 20:-20].mean((1, 2))
        np.testing.assert_allclose(inner, expected, atol=0.3)


def test_flow_follows_motion_that_differs_from_place_to_place() -> None:
    texture = _texture(128)
    y, x = np.mgrid[:128, :128].astype(float)

    def speed(place: np.ndarray) -> np.ndarray:
        return 4 * np.sin(2 * np.pi * place / 128)

    def moved(step: float) -> Tensor:
        """Every point of the texture has gone ``step`` times its speed along x."""
        origin = x
        for _ in range(100):
            origin = x - step * speed(origin)
        return _tensor(ndimage.map_coordinates(texture, [y, origin], mode="nearest"))

    before, middle, after = moved(-1), moved(0), moved(1)
    average = _mean_square((before + after) / 2, middle)
    found = Flow()(before, after)
    assert _mean_square(found.middle, middle) < 0.003 * average
    expected = np.stack([speed(x), np.zeros_like(x)])[:, 16:-16, 16:-16]
    error = found.extras["flow_after"][0, :, 16:-16, 16:-16].numpy() - expected
    assert np.sqrt((error**2).mean()) < 0.2
    assert _mean_square(Phase()(before, after).middle, middle) > 0.5 * average


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_flow_is_found_at_any_reduction(reduction: int) -> None:
    before, middle, after = _shifted(-4, 2), _shifted(0, 0), _shifted(4, -2)
    found = Flow(FlowOptions(reduction=reduction))(before, after).middle
    assert _mean_square(found, middle) < 0.02 * _mean_square((before + after) / 2, middle)


def test_flow_treats_both_neighbours_alike() -> None:
    before, after = _shifted(-3, 1), _tensor(_texture(seed=1)[20:116, 20:132])
    one, other = Flow()(before, after), Flow()(after, before)
    torch.testing.assert_close(one.middle, other.middle, rtol=0, atol=1e-5)
    torch.testing.assert_close(one.extras["flow_before"], other.extras["flow_after"])


@pytest.mark.parametrize("method", METHODS[2:], ids=repr)
def test_a_black_neighbour_does_not_break_it(method: Interpolator) -> None:
    before = _shifted(0, 0)
    found = method(before, torch.zeros_like(before)).middle
    assert found.isfinite().all()
    assert found.max() <= 0.5 + 1e-6


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("method", METHODS[3:], ids=repr)
def test_a_flat_neighbour_does_not_move_the_other(method: Interpolator, level: float) -> None:
    before = _tensor(_texture(97)[:, :91])
    flat = torch.full_like(before, level)
    for one, other in ((before, flat), (flat, before)):
        torch.testing.assert_close(method(one, other).middle, (one + other) / 2)


@pytest.mark.parametrize("method", [*METHODS[3:], Dis()], ids=repr)
def test_grey_levels_that_were_not_divided_are_refused(method: Interpolator) -> None:
    grey = (255 * _shifted(0, 0)).round()
    with pytest.raises(ValueError, match="divide 8-bit ones by 255"):
        method(grey, grey)


def test_a_shift_beyond_reach_is_not_taken() -> None:
    before, after = _shifted(-4, 2), _shifted(4, -2)
    found = Phase(PhaseOptions(reach=0.05))(before, after)  # 4.8 of 96 pixels; it moved by 8
    torch.testing.assert_close(found.middle, (before + after) / 2)


@pytest.mark.parametrize("method", [Phase(), Flow()], ids=repr)
def test_images_of_a_batch_do_not_see_each_other(method: Interpolator) -> None:
    before = torch.cat([_shifted(-4, 2), _shifted(1, 1)])[..., :61, :75]
    after = torch.cat([_shifted(4, -2), _shifted(-1, 0)])[..., :61, :75]
    together = method(before, after)
    assert together.middle.shape == before.shape
    assert together.extras["flow_after"].shape == (2, 2, 61, 75)
    for i in range(2):
        alone = method(before[i : i + 1], after[i : i + 1]).middle
        torch.testing.assert_close(together.middle[i : i + 1], alone)


def test_precision_of_the_caller_is_kept() -> None:
    before, after = _shifted(-1, 0).double(), _shifted(1, 0).double()
    for method in METHODS:
        assert method(before, after).middle.dtype == torch.float64
