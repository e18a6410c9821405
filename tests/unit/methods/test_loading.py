"""`methods` by itself: a method by its name, with weights, between slices of NumPy."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import methods
from bench.cells.presets import PRESETS
from bench.store.weights import save_weights
from methods.loading import SIZES
from methods.sepconv import SepConv
from methods.timed import Timed, at_time, for_times


def slices(side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    before, after = random.integers(0, 256, (2, side, side + 5), np.uint8)
    return before, after


def trained(model: torch.nn.Module) -> None:
    """Weights that are not those a network is born with."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))


def test_the_average_is_that_of_numpy() -> None:
    before, after = slices()
    middle = methods.synthesise(methods.load("average"), before, after)
    assert np.abs(middle - (before.astype(float) + after) / 2).max() < 0.501
    third = methods.synthesise(methods.load("average", gap=2), before, after, time=1 / 3)
    assert np.abs(third - (2 * before.astype(float) + after) / 3).max() < 0.501


def test_weights_come_with_the_gap_and_the_options_that_they_name(tmp_path: Path) -> None:
    """Of a network that knows the slice halfway alone, one for each time of the gap."""
    before, after = slices()
    options = dataclasses.replace(SepConv.presets["quick"], taps=9)
    model = for_times(SepConv, options, (1 / 3, 2 / 3)).eval()
    assert isinstance(model, Timed)
    trained(model)
    facts = {"gap": 2, "method": "sepconv", "options": dataclasses.asdict(options)}
    save_weights(tmp_path / "w.safetensors", model, facts)
    loaded = methods.load("sepconv", tmp_path / "w.safetensors")
    one, other = (torch.from_numpy(grey)[None, None] / 255 for grey in (before, after))
    for time in (1 / 3, 2 / 3):
        with torch.inference_mode():
            middle = at_time(model, one, other, time).middle[0, 0]
        levels = (255 * middle.clamp(0, 1)).round().to(torch.uint8).numpy()
        np.testing.assert_array_equal(methods.synthesise(loaded, before, after, time), levels)
    with pytest.raises(ValueError, match=r"not for 0\.5"):
        methods.synthesise(loaded, before, after)


def test_weights_without_options_take_them_from_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, SepConv(SepConv.presets["medium"]), {})
    assert methods.load("sepconv", path, preset="medium").options == SepConv.presets["medium"]
    with pytest.raises(ValueError, match=r"not of a 'sepconv' of these options.*preset"):
        methods.load("sepconv", path)
    assert {preset.widths or name for name, preset in PRESETS.items()} == set(SIZES)


def test_what_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    code = tmp_path / "code.pt"
    code.write_bytes(pickle.dumps({"weight": 1}))
    save_weights(tmp_path / "w.safetensors", SepConv(), {"method": "sepconv", "options": {}})
    for given, said in (
        (("ssam",), "There is no method 'ssam'; choose from before, after"),
        (("ssan", code), "is no safetensors file"),
        (("ssan", tmp_path / "w.safetensors"), "The weights are of 'sepconv', not of 'ssan'"),
    ):
        with pytest.raises(ValueError, match=said):
            methods.load(*given)
    with pytest.raises(ValueError, match="There is no preset 'large'"):
        methods.load("ssan", preset="large")
    with pytest.raises(ValueError, match="'ssan' has no option 'width'; it has extractor"):
        methods.load("ssan", width=3)
    with pytest.raises(FileNotFoundError, match=r"There is no file of weights none"):
        methods.load("ssan", "none")


def test_what_are_no_two_slices_is_refused() -> None:
    before, after = slices()
    average = methods.load("average")
    for one, other in (
        (before, after[:-1]),
        (before / 255, after / 255),
        (before[None], after[None]),
    ):
        with pytest.raises(ValueError, match="Give two uint8 slices HW of one shape"):
            methods.synthesise(average, one, other)
    with pytest.raises(ValueError, match=r"lies in \(0, 1\); 1.5 does not"):
        methods.synthesise(average, before, after, time=1.5)
    linear = methods.load("linear")
    linear.bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="'linear' returned NaN"):
        methods.synthesise(linear, before, after)
