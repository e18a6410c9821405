"""Slices at a time: between before (0) and after (1), not halfway alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from methods.bspline import BSpline
from methods.classical import After, Average, Before, Flow, Phase
from methods.dain import Dain
from methods.halfway import Halfway, slices
from methods.interface import Interpolator, Triplets
from methods.layers.warp import backward_warp
from methods.linear import Linear, LinearOptions
from methods.opencv_flow import Dis, Farneback
from methods.rife import Rife, RifeOptions
from methods.sepconv import SepConv
from methods.timed import Timed, at_time, for_times

FLOWS = [Flow(), Dis(), Farneback(), BSpline()]
THIRDS = (1 / 3, 2 / 3)


def _texture(x: float, y: float) -> Tensor:
    """A smooth texture that has moved by (x, y) pixels: B1HW, 96 x 112."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(160, 160)), 3)
    whole = (0.5 + 0.15 * noise / noise.std()).clip(0, 1)
    moved = ndimage.shift(whole, (y, x), order=3, mode="nearest")[32:128, 24:136]
    return torch.from_numpy(np.ascontiguousarray(moved, np.float32))[None, None]


def _pair(batch: int = 1) -> tuple[Tensor, Tensor]:
    before, after = torch.rand(2, batch, 1, 64, 80, generator=torch.Generator().manual_seed(0))
    return before, after


def _halfway_as_it_was(model: Halfway, before: Tensor, after: Tensor) -> Tensor:
    forward, backward = model.flow(before, after), model.flow(after, before)
    half = (forward - backward) / 4
    flows = backward_warp(backward, half) / 2, backward_warp(forward, -half) / 2
    return (backward_warp(before, flows[0]) + backward_warp(after, flows[1])) / 2


def _phase_as_it_was(model: Phase, before: Tensor, after: Tensor) -> Tensor:
    shifts = np.stack(
        [model._shift(*pair) for pair in zip(slices(before), slices(after), strict=True)]
    )
    half = torch.from_numpy(shifts / 2).to(before)[:, :, None, None]
    half = half.expand(-1, -1, *before.shape[-2:])
    return (backward_warp(before, -half) + backward_warp(after, half)) / 2


AS_THEY_WERE: list[tuple[Interpolator, Callable[..., Tensor]]] = [
    (Average(), lambda _, before, after: (before + after) / 2),
    (Phase(), _phase_as_it_was),
    *((model, _halfway_as_it_was) for model in FLOWS),
]


@pytest.mark.parametrize(("model", "formula"), AS_THEY_WERE, ids=lambda x: type(x).__name__)
def test_halfway_every_bit_is_that_of_before_there_were_times(
    model: Interpolator, formula: Callable[..., Tensor]
) -> None:
    for before, after in ((_texture(-1.7, 0.6), _texture(1.3, -0.8)), _pair(2)):
        expected = formula(model, before, after)
        assert torch.equal(model(before, after).middle, expected)
        assert torch.equal(at_time(model, before, after, 0.5).middle, expected)


@pytest.mark.parametrize("time", [0.25, 1 / 3, 2 / 3])
@pytest.mark.parametrize("model", [Phase(), *FLOWS], ids=lambda m: m.info.name)
def test_a_shift_is_followed_to_any_time(model: Interpolator, time: float) -> None:
    x, y = 6.0, -3.0
    before, after = _texture(0, 0), _texture(x, y)
    found = at_time(model, before, after, time)
    inner = (..., slice(16, -16), slice(16, -16))
    error = (found.middle - _texture(time * x, time * y))[inner].square().mean()
    mixed = ((1 - time) * before + time * after - _texture(time * x, time * y))[inner]
    assert error < 0.02 * mixed.square().mean()
    for name, part in (("flow_before", -time), ("flow_after", 1 - time)):
        flow = found.extras[name][0, :, 20:-20, 20:-20].mean((1, 2))
        np.testing.assert_allclose(flow, (part * x, part * y), atol=0.3)


def _waving(time: float) -> Tensor:
    """A texture whose points go along x by up to 6 pixels from 0 to 1, as a sine has it."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(160, 160)), 3)
    y, x = np.mgrid[:160, :160].astype(float)
    origin = x
    for _ in range(100):
        origin = x - time * 6 * np.sin(2 * np.pi * origin / 160)
    moved = ndimage.map_coordinates((0.5 + 0.15 * noise / noise.std()).clip(0, 1), [y, origin])
    return torch.from_numpy(moved.astype(np.float32))[None, None]


@pytest.mark.parametrize("time", [0.25, 2 / 3])
def test_motion_that_differs_from_place_to_place_is_followed_to_any_time(time: float) -> None:
    before, after, truth = _waving(0), _waving(1), _waving(time)
    inner = (..., slice(16, -16), slice(16, -16))
    error = (at_time(Flow(), before, after, time).middle - truth)[inner].square().mean()
    mixed = ((1 - time) * before + time * after - truth)[inner].square().mean()
    assert error < 0.01 * mixed


@pytest.mark.parametrize("model", [Average(), *FLOWS], ids=lambda m: m.info.name)
def test_exchanging_the_slices_and_the_time_gives_the_same_slice(model: Interpolator) -> None:
    before, after = _texture(-1.7, 0.6), _texture(1.3, -0.8)
    one, other = at_time(model, before, after, 0.3), at_time(model, after, before, 0.7)
    torch.testing.assert_close(one.middle, other.middle, rtol=0, atol=1e-5)


def test_copies_and_the_average_at_a_time() -> None:
    before, after = _pair()
    assert torch.equal(at_time(Before(), before, after, 0.9).middle, before)
    assert torch.equal(at_time(After(), before, after, 0.1).middle, after)
    quarter = at_time(Average(), before, after, 0.25).middle
    torch.testing.assert_close(quarter, 0.75 * before + 0.25 * after)


def test_the_time_goes_into_the_clock_of_rife() -> None:
    torch.manual_seed(0)
    model = Rife(RifeOptions((8, 6), (2, 1), depth=2)).eval()
    for step in model.steps:
        torch.nn.init.normal_(step.head.weight, std=0.3)
    before, after = _pair()
    with torch.no_grad():
        early, half, late = (at_time(model, before, after, t).middle for t in (0.25, 0.5, 0.75))
        assert torch.equal(half, model(before, after).middle)
        assert torch.equal(early, model._synthesise(*_padded(before, after), 0.25).middle)
    assert (early - half).abs().max() > 1e-4
    assert (late - half).abs().max() > 1e-4


def _padded(*images: Tensor) -> list[Tensor]:
    return [
        functional.pad(image, (0, -image.shape[-1] % 8, 0, -image.shape[-2] % 8))
        for image in images
    ]


def test_a_method_that_knows_the_middle_alone_refuses_other_times() -> None:
    model, (before, after) = Linear(), _pair()
    assert torch.equal(at_time(model, before, after, 0.5).middle, model(before, after).middle)
    with pytest.raises(
        ValueError, match=r"'linear' knows the slice halfway, not the one at 0\.333"
    ):
        at_time(model, before, after, 1 / 3)


@pytest.mark.parametrize(("method", "times"), [(Linear, (0.5,)), (Rife, THIRDS), (Flow, THIRDS)])
def test_a_method_stays_as_it_is_where_it_knows_the_times(
    method: type[Interpolator], times: tuple[float, ...]
) -> None:
    assert type(for_times(method, None, times)) is method


@pytest.mark.parametrize(
    ("times", "own"), [(THIRDS, (1 / 3,)), ((0.25, 0.5, 0.75), (0.25, 0.5))], ids=["two", "three"]
)
def test_a_later_slice_is_an_earlier_one_of_the_slices_exchanged(
    times: tuple[float, ...], own: tuple[float, ...]
) -> None:
    torch.manual_seed(0)
    model = for_times(SepConv, SepConv.presets["quick"], times)
    assert isinstance(model, Timed)
    assert model.times == own
    for part in model.parts:
        with torch.no_grad():
            for weight in part.parameters():
                weight.add_(torch.randn_like(weight) * 0.02)
    before, after = _pair()
    with torch.no_grad():
        for time in own:
            early = at_time(model, before, after, time).middle
            assert torch.equal(early, model.part(time)(before, after).middle)
            if time < 0.5:
                late = at_time(model, before, after, 1 - time).middle
                assert torch.equal(late, model.part(time)(after, before).middle)
                assert not torch.equal(late, early)


def test_a_time_that_it_was_not_made_for_is_refused() -> None:
    model, (before, after) = for_times(Linear, None, THIRDS), _pair()
    with pytest.raises(ValueError, match=r"'linear' was made for the times 0\.333 and those"):
        at_time(model, before, after, 0.5)


def test_what_estimates_motion_is_found_in_every_part() -> None:
    model = for_times(Dain, Dain.presets["quick"], (0.25, 0.5, 0.75))
    named = {name for name, _ in model.named_modules()}
    assert len(model.info.motion) == 2 * len(Dain.info.motion) > 0
    assert set(model.info.motion) <= named
    assert model.info.name == "dain"


def test_a_filter_is_fitted_for_each_time() -> None:
    """The slice at 1/4 is three parts before and one after: a filter of one pixel says so."""
    model = for_times(Linear, LinearOptions(window=1), (0.25, 0.5, 0.75))
    assert isinstance(model, Timed)
    generator = torch.Generator().manual_seed(0)
    for time in model.times:
        before, after = torch.rand(2, 1, 1, 32, 32, generator=generator)
        part = model.part(time)
        assert isinstance(part, Linear)
        part.fit([Triplets(before, (1 - time) * before + time * after, after)])
    before, after = _pair()
    for time in (0.25, 0.5, 0.75):
        expected = (1 - time) * before + time * after
        torch.testing.assert_close(at_time(model, before, after, time).middle, expected)


@pytest.mark.parametrize("time", [0, 1, 2, -0.5, float("nan")])
def test_a_time_beyond_the_neighbours_is_refused(time: float) -> None:
    """The second missing slice of two is at 2/3, not at 2."""
    with pytest.raises(ValueError, match="lies in"):
        at_time(Average(), *_pair(), time)
