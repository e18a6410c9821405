"""`methods` by itself: a method by its name, with weights, between slices of NumPy."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import methods
from bench.cells.presets import PRESETS
from bench.store.weights import save_weights
from methods.interface import Interpolation, Interpolator, MethodInfo
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


class Dropping(Interpolator):
    """Returns another slice in training mode, and remembers that it did."""

    info = MethodInfo(name="dropping", title="Dropping", reference="none", kind="trained")

    def __init__(self) -> None:
        super().__init__()
        self.rest = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Dropout(0.5))

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(self.rest((before + after) / 2))


def test_a_method_in_training_mode_makes_the_slice_of_one_that_is_evaluated() -> None:
    before, after = slices()
    method = Dropping().eval()
    expected = methods.synthesise(method, before, after)
    method.train()
    method.rest[1].eval()
    np.testing.assert_array_equal(methods.synthesise(method, before, after), expected)
    assert [part.training for part in method.modules()] == [True, True, True, False]
    assert method.rest[0].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("ssan", {"extractor": "SRDN"}, "extractor has to be one of srdn, rdn, sunet, unet"),
        ("ssan", {"fusion": "masks"}, "fusion has to be one of mask, mean, not masks"),
        ("ssan", {"form": "eq"}, "form has to be one of equation, released"),
        ("ssan", {"norm": "batch"}, "norm has to be one of none, syncbn"),
        ("ssan", {"levels": 7}, "levels has to be one of 1, 2, 3, not 7"),
        ("flow", {"algorithm": "TVL1"}, "algorithm has to be one of tvl1, ilk"),
        ("flow", {"attachment": -1.0}, "attachment has to be more than 0"),
        ("phase", {"reach": float("nan")}, "reach has to be more than 0"),
        ("dis", {"smoothing": -2.0}, "smoothing has to be at least 0"),
        ("farneback", {"window": 0}, "window has to be at least 1"),
        ("dain", {"kernel_scale": 0}, "kernel_scale has to be at least 1"),
    ],
)
def test_an_option_that_would_pass_for_another_is_refused(
    name: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        methods.load(name, **options)


def test_weights_with_unknown_options_and_gaps_of_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, SepConv(), {"method": "sepconv", "options": {"width": 3}})
    with pytest.raises(ValueError, match="'sepconv' with options that it does not have"):
        methods.load("sepconv", path)
    with pytest.raises(ValueError, match="at least one slice, not 0"):
        methods.load("ssan", gap=0)
