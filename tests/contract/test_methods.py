"""What every registered method promises, whoever wrote it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.presets import PRESETS
from bench.registry import METHODS, load_method
from bench.weights import load_weights, save_weights
from methods.interface import Interpolator

NAMES = list(METHODS)
LEARNING = [name for name in NAMES if METHODS[name].kind == "trained"]


def build(name: str) -> Interpolator:
    torch.manual_seed(0)
    method = load_method(name)
    return method(method.presets.get("quick")).eval()


def awake(name: str) -> Interpolator:
    """A method whose zero-initialised heads are filled, so that its whole body matters."""
    model = build(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def slices(batch: int, height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(batch, 1, height, width, generator=generator),
        torch.rand(batch, 1, height, width, generator=generator),
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_says_what_the_class_says(name: str) -> None:
    info = load_method(name).info
    assert (info.name, info.kind) == (name, METHODS[name].kind)
    assert info.title
    assert info.reference


@pytest.mark.parametrize("name", NAMES)
def test_options_are_frozen_and_presets_are_of_their_type(name: str) -> None:
    method = load_method(name)
    assert dataclasses.is_dataclass(method.Options)
    assert method.Options.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert set(method.presets) <= set(PRESETS)
    assert all(isinstance(options, method.Options) for options in method.presets.values())
    if METHODS[name].kind == "trained":
        assert set(method.presets) == set(PRESETS)


@pytest.mark.parametrize("size", [(64, 64), (96, 160), (65, 97)])
@pytest.mark.parametrize("name", NAMES)
def test_any_size_comes_back_finite_and_the_inputs_unchanged(
    name: str, size: tuple[int, int]
) -> None:
    before, after = slices(1, *size)
    copies = before.clone(), after.clone()
    with torch.inference_mode():
        output = awake(name)(before, after)
    assert output.middle.shape == (1, 1, *size)
    assert output.middle.dtype == torch.float32
    assert torch.isfinite(output.middle).all()
    assert torch.equal(before, copies[0])
    assert torch.equal(after, copies[1])
    assert set(output.extras) <= set(load_method(name).info.extras)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_its_members_one_by_one(name: str) -> None:
    before, after = slices(3, 64, 96)
    model = awake(name)
    with torch.inference_mode():
        together = model(before, after).middle
        alone = [model(before[i : i + 1], after[i : i + 1]).middle for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_call_gives_the_same_bits(name: str) -> None:
    before, after = slices(1, 64, 64)
    model = awake(name)
    with torch.inference_mode():
        assert torch.equal(model(before, after).middle, model(before, after).middle)


@pytest.mark.parametrize("name", NAMES)
def test_weights_survive_the_disk(name: str, tmp_path: Path) -> None:
    before, after = slices(1, 64, 64)
    model, other = awake(name), build(name)
    save_weights(tmp_path / "w.safetensors", model, {})
    load_weights(tmp_path / "w.safetensors", other)
    with torch.inference_mode():
        assert torch.equal(model(before, after).middle, other(before, after).middle)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("before", "after")])
def test_swap_symmetry_where_it_is_declared(name: str) -> None:
    if not load_method(name).info.swap_symmetric:
        pytest.skip(f"{name} does not declare it")
    before, after = slices(1, 64, 96)
    model = awake(name)
    with torch.inference_mode():
        one, other = model(before, after).middle, model(after, before).middle
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", LEARNING)
def test_untrained_it_returns_the_average(name: str, preset: str) -> None:
    torch.manual_seed(0)
    method = load_method(name)
    before, after = slices(1, 64, 96)
    with torch.inference_mode():
        middle = method(method.presets[preset]).eval()(before, after).middle
    torch.testing.assert_close(middle, (before + after) / 2, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if METHODS[n].kind == "classical"])
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_a_classical_method_leaves_a_constant_constant(name: str, grey: float) -> None:
    flat = torch.full((1, 1, 64, 64), grey)
    with torch.inference_mode():
        torch.testing.assert_close(build(name)(flat, flat).middle, flat, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", LEARNING)
def test_it_learns_one_triplet_by_heart(name: str) -> None:
    """A smooth texture that moves by 2 pixels: 200 steps must bring more than 35 dB."""
    before, middle, after = _moving()
    torch.manual_seed(0)
    method = load_method(name)
    model = method(method.presets["quick"]).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    error = float("inf")
    for _ in range(200):
        squared = (model(before, after).middle - middle).square().mean()
        optimiser.zero_grad()
        squared.backward()
        optimiser.step()
        error = min(error, float(squared.detach()))
        if error < 10**-3.5:
            return
    pytest.fail(f"{name} came to an error of {error:.2e}, above 10^-3.5 (35 dB)")


def _moving() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    canvas = torch.rand(1, 1, 18, 18, generator=generator)
    canvas = torch.nn.functional.interpolate(
        canvas, size=(72, 72), mode="bicubic", align_corners=False
    )
    before, middle, after = (canvas[..., 4:68, x : x + 64] for x in (0, 2, 4))
    return before, middle, after
