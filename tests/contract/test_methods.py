"""What every registered method promises, whoever wrote it."""

from __future__ import annotations

import pytest
import torch

from bench.cells.presets import PRESETS
from bench.cells.registry import METHODS, load_method
from bench.check.contract import CHECKS, Check
from bench.check.probes import build

NAMES = list(METHODS)
LEARNING = [name for name in NAMES if METHODS[name].kind == "trained"]
PROMISES = [
    pytest.param(name, check, id=f"{name}: {check.title}")
    for name in NAMES
    for check in CHECKS
    if check.applies(load_method(name).info)
]


@pytest.mark.parametrize(("name", "check"), PROMISES)
def test_the_promise_is_kept(name: str, check: Check) -> None:
    assert not check.function(load_method(name))  # nor is there a note


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_says_what_the_class_says(name: str) -> None:
    info = load_method(name).info
    assert (info.name, info.kind) == (name, METHODS[name].kind)


@pytest.mark.parametrize("name", LEARNING)
def test_there_is_a_width_for_every_preset(name: str) -> None:
    assert set(load_method(name).presets) == {p.widths or n for n, p in PRESETS.items()}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", LEARNING)
def test_untrained_it_returns_the_average(name: str, preset: str) -> None:
    torch.manual_seed(0)
    method = load_method(name)
    before, after = torch.rand(2, 1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        middle = (
            method(method.presets[PRESETS[preset].widths or preset]).eval()(before, after).middle
        )
    torch.testing.assert_close(middle, (before + after) / 2, rtol=0, atol=1e-5)


def test_a_built_method_has_the_same_weights_every_time() -> None:
    one, other = build(load_method("ssan")), build(load_method("ssan"))
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
