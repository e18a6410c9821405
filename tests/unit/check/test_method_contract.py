"""Each promise, broken on purpose, is found; a method that keeps them all passes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest
import torch
from tiny import Tiny, TinyOptions
from torch import Tensor
from typer.testing import CliRunner

from bench.check.contract import CHECKS, Verdict, check_method
from bench.commands.main import app
from methods.classical import Average
from methods.interface import Interpolation, Interpolator, MethodInfo, Triplets
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


class Hides(Half):
    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.extra = {"last": [torch.nn.Conv2d(1, 1, 3, padding=1)]}

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(self.extra["last"][0]((before + after) / 2))


class FitForgets(Linear):
    """What it was fitted to is in no buffer."""

    def fit(self, triplets: Iterable[Triplets]) -> None:
        self.offset = next(iter(triplets)).middle.mean()

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2 + getattr(self, "offset", 0.0))


class Leans(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(0.4 * before + 0.6 * after)


class Brightens(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation((before + after) / 2 + 0.1)


class Weighs(Half):
    """A pure weighted average: one parameter, which is as good as it gets from the start."""

    info = info(kind="trained", swap_symmetric=False)
    start = 0.5

    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.weight = torch.nn.Parameter(torch.tensor(self.start))

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(before.lerp(after, self.share()))

    def share(self) -> Tensor:
        return self.weight


class WeighsUnequally(Weighs):
    start = 0.9


class Masks(Half):
    """A weighted average with a weight for each pixel, and thousands of parameters.

    The head's bias cancels: no gradient arrives there, and none is missed.
    """

    info = info(kind="trained", swap_symmetric=True)

    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.body = torch.nn.Conv2d(2, 16, 5, padding=2)
        self.head = torch.nn.Conv2d(16, 1, 5, padding=2)
        torch.nn.init.zeros_(self.head.weight)

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        one = self.head(self.features(torch.cat([before, after], 1)))
        other = self.head(self.features(torch.cat([after, before], 1)))
        return Interpolation(before.lerp(after, torch.sigmoid(other - one)))

    def features(self, both: Tensor) -> Tensor:
        return torch.relu(self.body(both - 0.5))


class DetachedBody(Masks):
    def features(self, both: Tensor) -> Tensor:
        return super().features(both).detach()


class FrozenBody(Masks):
    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.body.requires_grad_(False)


class Frozen(Weighs):
    def __init__(self, options: object = None) -> None:
        super().__init__(options)
        self.weight.requires_grad_(False)


class Detached(Weighs):
    def share(self) -> Tensor:
        return self.weight.detach()


class Rounds(Weighs):
    def share(self) -> Tensor:
        return (self.weight * 100).round() / 100


class Ignores(Weighs):
    def share(self) -> Tensor:
        return 0.5 + 0 * self.weight


class Saturates(Weighs):
    start = 10.0

    def share(self) -> Tensor:
        return torch.sigmoid(self.weight)


class Climbs(Weighs):
    """Its gradient has the wrong sign, so that the error rises."""

    def share(self) -> Tensor:
        return 2 * self.weight.detach() - self.weight


class Backwards(Half):
    """It takes 0 for the time of after."""

    info = info(swap_symmetric=True, any_time=True)

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        return Interpolation(time * before + (1 - time) * after)


class KeepsDefaults(Tiny):
    """Each of its variants is the same network."""

    def __init__(self, options: TinyOptions | None = None) -> None:
        del options
        super().__init__()


class ScribblesInTraining(Masks):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        if self.training:
            before.clamp_(0.1, 0.9)
        return super().forward(before, after)


class ScribblesAtOddSides(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        if before.shape[-1] % 2:
            before[..., -1] = 0
        return super().forward(before, after)


class FitsNothing(Linear):
    def fit(self, triplets: Iterable[Triplets]) -> None:
        del triplets


class LearnsInVain(Masks):
    """It predicts the average, whatever it learned."""

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        if not self.training:
            return Interpolation((before + after) / 2)
        return super().forward(before, after)


class Unbuilt(Half):
    def __init__(self) -> None:
        super().__init__()


class Bare(Half):
    def forward(self, before: Tensor, after: Tensor) -> Tensor:  # type: ignore[override]
        return (before + after) / 2


class Flat(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(((before + after) / 2)[0])


class Timeless(Half):
    info = info(any_time=True)

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        return super().forward(before, after)


class Bytes(Masks):
    """Its slices are of 0 to 255."""

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(255 * super().forward(before, after).middle)


class Signed(Masks):
    """Its slices are of -1 to 1."""

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        return Interpolation(2 * super().forward(before, after).middle - 1)


class Couples(Tiny):
    """The members of a batch see each other in training."""

    def __init__(self, options: TinyOptions | None = None) -> None:
        super().__init__(options)
        self.body = torch.nn.Sequential(self.body, torch.nn.BatchNorm2d(self.options.width))


class Crashes(Half):
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        raise KeyError("width")


ONCE = {  # what breaks everything, and is said once
    Unbuilt: "`__init__(self, options=None)` is wanted",
    Bare: "returned a Tensor; `Interpolation(middle, extras)` is expected",
    Flat: "(1, 64, 64) came back, (1, 1, 64, 64) is expected",
    Crashes: "KeyError",
}
BROKEN = {
    NoTitle: "title or reference is empty",
    NotFitted: "FittedInterpolator",
    Thawed: "not a frozen dataclass",
    StrangePreset: "there is no preset huge",
    Motionless: "there is no submodule flow",
    Crops: "(1, 1, 64, 64) came back, (1, 1, 96, 160) is expected",
    Doubles: "not float32",
    Divides: "not finite",
    Normalises: "two black slices",
    Scribbles: "written to",
    Unnamed: "flow",
    Mixes: "a batch differs",
    Throws: "other bits",
    Forgets: "look at `offset`",
    Hides: "look at `extra`",
    FitForgets: "look at `offset`",
    Leans: "exchanging before and after",
    Late: "exchanging both changes the slice at 0.25",
    Early: "without a time",
    TimedFit: "told no time",
    Brightens: "constant slice of 0.0",
    DetachedBody: "`body.weight` and `body.bias`, but no gradient arrives",
    FrozenBody: "`body.weight` and `body.bias`, but no gradient arrives",
    Frozen: "no parameter that can be learnt",
    Detached: "no gradient arrives at any parameter",
    Rounds: "`weight`, but no gradient arrives",
    Ignores: "other weights make no other slice",
    Saturates: "other weights make no other slice",
    Climbs: "200 steps",
    Backwards: "the neighbour that is farther off",
    KeepsDefaults: "has to pass them on",
    ScribblesInTraining: "written to at (64, 64), in training",
    ScribblesAtOddSides: "written to at (65, 97), in evaluation",
    FitsNothing: "`fit` changes nothing",
    LearnsInVain: "look for `self.training`",
    Timeless: "does not depend on the time",
    Bytes: "[0, 1] is wanted, neither 0 to 255",
    Signed: "[0, 1] is wanted, neither 0 to 255",
    **ONCE,
}


def broken(method: type[Interpolator]) -> list[Verdict]:
    return [verdict for verdict in check_method(method) if not verdict.kept]


@pytest.mark.parametrize("method", BROKEN, ids=lambda method: method.__name__)
def test_a_broken_promise_is_found_and_said(method: type[Interpolator]) -> None:
    assert any(BROKEN[method] in verdict.reason for verdict in broken(method))


@pytest.mark.parametrize("method", ONCE, ids=lambda method: method.__name__)
def test_one_mistake_is_one_line(method: type[Interpolator]) -> None:
    assert len(broken(method)) == 1


def test_a_layer_that_couples_crops_is_noted() -> None:
    (note,) = [verdict.note for verdict in check_method(Couples) if "normalises" in verdict.note]
    assert "`body.1`, a BatchNorm2d" in note


def test_every_promise_is_broken_by_one_of_these() -> None:
    found = {verdict.title for method in BROKEN for verdict in broken(method)}
    assert {check.title for check in CHECKS} == found


@pytest.mark.parametrize("method", [Average, Tiny])
def test_a_method_that_keeps_them_all_passes(method: type[Interpolator]) -> None:
    assert broken(method) == []


@pytest.mark.parametrize(
    ("method", "parameters"),
    [(Weighs, "1 parameter,"), (WeighsUnequally, "1 parameter,"), (Masks, "1,217 parameters,")],
)
def test_a_small_method_is_not_called_broken(method: type[Interpolator], parameters: str) -> None:
    verdicts = list(check_method(method))
    assert [verdict for verdict in verdicts if not verdict.kept] == []
    (note,) = [verdict.note for verdict in verdicts if verdict.note]
    assert "did not learn the triplet by heart" in note
    assert parameters in note


def test_what_learns_by_heart_has_no_note() -> None:
    assert [verdict.note for verdict in check_method(Tiny) if verdict.note] == []


def test_the_command_prints_the_note_below_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cells.registry.load_target", lambda _: Weighs)
    result = CliRunner().invoke(app, ["check-method", "theirs:Weighs"])
    assert result.exit_code == 0
    *_, promise, note, last = result.stdout.splitlines()
    assert promise.startswith("kept    it learns")
    assert note.startswith("note    it did not learn the triplet by heart")
    assert last == "theirs:Weighs keeps every promise"


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
