"""Each promise, broken on purpose, is found; a method that keeps them all passes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from tiny import Tiny
from torch import Tensor
from typer.testing import CliRunner

from bench.check.contract import CHECKS, Verdict, check_method
from bench.commands.main import app
from methods.classical import Average
from methods.interface import Interpolation, Interpolator, MethodInfo
from methods.linear import Linear

pytestmark = pytest.mark.usefixtures("one_thread")


def info(**changes: object) -> MethodInfo:
    facts = {"name": "broken", "title": "Broken", "reference": "none", "kind": "classical"}
    return MethodInfo(**(facts | changes))  # type: ignore[arg-type]


class Half(Interpolator):
    """The average, to be broken in one place by each class below."""

    info = info(swap_symmetric=True)

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2)


class NoTitle(Half):
    info = info(title="")


class NotFitted(Half):
    info = info(kind="fitted")


class Late(Half):
    """It takes the times up to 1/2, and stays there."""

    info = info(swap_symmetric=True, any_time=True)

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        share = min(time, 0.5)
        return Interpolation((1 - share) * before + share * after)


class Early(Half):
    """It does not take the middle for what is asked without a time."""

    info = info(any_time=True)

    def forward(self, before: Tensor, after: Tensor, time: float = 0.25) -> Interpolation:
        return Interpolation((1 - time) * before + time * after)


class TimedFit(Linear):
    info = replace(Linear.info, any_time=True)


class Thawed(Half):
    @dataclass
    class Options:
        width: int = 1


class StrangePreset(Half):
    presets = MappingProxyType({"huge": None})


class Motionless(Half):
    info = info(motion=("flow",))


class Crops(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(((before + after) / 2)[..., :64, :64])


class Doubles(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(((before + after) / 2).double())


class Divides(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / torch.zeros_like(before))


class Normalises(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        middle = (before + after) / 2
        spread = middle.std(dim=(1, 2, 3), keepdim=True)
        return Interpolation((middle - 0.5) / spread * spread + 0.5)


class Scribbles(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(before.add_(after).div_(2))


class Unnamed(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2, {"flow": before})


class Mixes(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        middle = (before + after) / 2
        return Interpolation(middle - middle.mean() + 0.5)


class Throws(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2 + torch.rand(1) * 0.1)


class Forgets(Half):
    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.offset = torch.rand(1) / 10  # no buffer: the disk does not get it
        Forgets.made = getattr(Forgets, "made", 0) + 1
        self.offset += Forgets.made

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(self.weight * (before + after) / 2 + self.offset)


class Leans(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(0.4 * before + 0.6 * after)


class Brightens(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2 + 0.1)


class Stubborn(Half):
    info = info(kind="trained")

    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(self.weight * (before + after) / 2)


class Crashes(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        raise KeyError("width")


BROKEN = {
    NoTitle: "title or reference is empty",
    NotFitted: "FittedInterpolator",
    Thawed: "not a frozen dataclass",
    StrangePreset: "there is no preset huge",
    Motionless: "there is no submodule flow",
    Crops: "(96, 160) came back as (1, 1, 64, 64)",
    Doubles: "not float32",
    Divides: "not finite",
    Normalises: "two black slices",
    Scribbles: "written to",
    Unnamed: "flow",
    Mixes: "a batch differs",
    Throws: "other bits",
    Forgets: "saving and loading",
    Leans: "exchanging before and after",
    Late: "exchanging both changes the slice at 0.25",
    Early: "without a time",
    TimedFit: "told no time",
    Brightens: "constant slice of 0.0",
    Stubborn: "200 steps",
    Crashes: "KeyError",
}


def broken(method: type[Interpolator]) -> list[Verdict]:
    return [verdict for verdict in check_method(method) if not verdict.kept]


@pytest.mark.parametrize("method", BROKEN, ids=lambda method: method.__name__)
def test_a_broken_promise_is_found_and_said(method: type[Interpolator]) -> None:
    assert any(BROKEN[method] in verdict.reason for verdict in broken(method))


def test_every_promise_but_fitting_is_broken_by_one_of_these() -> None:
    found = {verdict.title for method in BROKEN for verdict in broken(method)}
    assert {check.title for check in CHECKS} - found == {"it can be fitted"}


@pytest.mark.parametrize("method", [Average, Tiny])
def test_a_method_that_keeps_them_all_passes(method: type[Interpolator]) -> None:
    assert broken(method) == []


def test_the_command_reads_a_module_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_method.py").write_text(
        "from methods.interface import Interpolation, Interpolator, MethodInfo\n"
        "class Mine(Interpolator):\n"
        "    info = MethodInfo('mine', 'Mine', 'none', 'classical')\n"
        "    def forward(self, before, after):\n"
        "        return Interpolation(before)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    result = CliRunner().invoke(app, ["check-method", "their_method:Mine", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["kept"] is True
