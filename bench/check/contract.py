"""What every method promises, whoever wrote it: the checks of ``bench check-method``."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from bench.cells.presets import PRESETS
from bench.store.weights import load_weights, save_weights
from methods.interface import FittedInterpolator, Interpolator, Kind, MethodInfo, Triplets

SIZES = ((64, 64), (96, 160), (65, 97))
LEARNT_DB = 35.0
_STEPS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

Method = type[Interpolator]


class BrokenPromiseError(Exception):
    """A method does not do what every method promises."""


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        title: what is promised.
        function: raises ``BrokenPromiseError``, with what it saw, where the promise is broken.
        applies: whether a method of these facts makes this promise.
    """

    title: str
    function: Callable[[Method], None]
    applies: Callable[[MethodInfo], bool] = lambda _: True


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check; ``reason`` is empty where the promise is kept."""

    title: str
    reason: str

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        return not self.reason


def check_method(method: Method) -> Iterator[Verdict]:
    """Check a method against everything that is promised; a crash breaks a promise too."""
    facts = _verdict(CHECKS[0], method)
    yield facts
    if not facts.kept:
        return  # the other checks read the facts
    for check in CHECKS[1:]:
        if check.applies(method.info):
            yield _verdict(check, method)


def _verdict(check: Check, method: Method) -> Verdict:
    try:
        check.function(method)
    except BrokenPromiseError as broken:
        return Verdict(check.title, str(broken))
    except Exception as error:  # a stranger's code may raise anything
        return Verdict(check.title, f"{type(error).__name__}: {error}")
    return Verdict(check.title, "")


def build(method: Method) -> Interpolator:
    """A method with fixed initial weights, in its smallest preset."""
    torch.manual_seed(0)
    return method(method.presets.get("quick")).eval()


def _facts(method: Method) -> None:
    info = getattr(method, "info", None)
    _require(isinstance(info, MethodInfo), "the class has no `info`, a MethodInfo")
    info = method.info
    _require(bool(_NAME.fullmatch(info.name)), f"the name {info.name!r} is no word for a command")
    _require(info.kind in get_args(Kind), f"the kind {info.kind!r} is none of {get_args(Kind)}")
    _require(bool(info.title and info.reference), "title or reference is empty")
    fitted = issubclass(method, FittedInterpolator)
    _require(fitted == (info.kind == "fitted"), "kind 'fitted' and FittedInterpolator go together")
    _require(not (fitted and info.any_time), "`fit` is told no time, so `any_time` cannot hold")


def _motion(method: Method) -> None:
    parts = dict(build(method).named_modules())
    strange = [name for name in method.info.motion if name not in parts]
    _require(not strange, f"there is no submodule {', '.join(strange)}")


def _options(method: Method) -> None:
    options = method.Options
    frozen = dataclasses.is_dataclass(options) and options.__dataclass_params__.frozen  # type: ignore[attr-defined]
    _require(frozen, "`Options` is not a frozen dataclass")
    strange = [name for name in method.presets if name not in PRESETS]
    _require(not strange, f"there is no preset {', '.join(strange)}")
    for name, value in method.presets.items():
        _require(isinstance(value, options), f"the preset '{name}' is not of the type `Options`")


def _sizes(method: Method) -> None:
    model = _awake(method)
    for size in SIZES:
        middle = _run(model, *_slices(1, *size)).middle
        _require(middle.shape == (1, 1, *size), f"{size} came back as {tuple(middle.shape)}")
        _require(middle.dtype == torch.float32, f"the slice is {middle.dtype}, not float32")
        _require(bool(torch.isfinite(middle).all()), f"at {size} the slice is not finite")


def _flat(method: Method) -> None:
    model = _awake(method)
    for word, grey in (("black", 0.0), ("grey", 0.5), ("white", 1.0)):
        slices = torch.full((1, 1, 64, 64), grey)
        finite = bool(torch.isfinite(_run(model, slices, slices.clone()).middle).all())
        _require(finite, f"of two {word} slices it makes one that is not finite")


def _inputs(method: Method) -> None:
    before, after = _slices(1, 64, 64)
    copies = before.clone(), after.clone()
    _run(_awake(method), before, after)
    same = torch.equal(before, copies[0]) and torch.equal(after, copies[1])
    _require(same, "an input was written to")


def _extras(method: Method) -> None:
    output = _run(_awake(method), *_slices(1, 64, 64))
    unnamed = sorted(set(output.extras) - set(method.info.extras))
    _require(not unnamed, f"extras that `info` does not name: {', '.join(unnamed)}")


def _batches(method: Method) -> None:
    before, after = _slices(3, 64, 96)
    model = _awake(method)
    together = _run(model, before, after).middle
    alone = [_run(model, before[i : i + 1], after[i : i + 1]).middle for i in range(3)]
    _require_close(together, torch.cat(alone), "a batch differs from its members one by one")


def _determinism(method: Method) -> None:
    model, slices = _awake(method), _slices(1, 64, 64)
    same = torch.equal(_run(model, *slices).middle, _run(model, *slices).middle)
    _require(same, "the same call gave other bits the second time")


def _weights(method: Method) -> None:
    slices = _slices(1, 64, 64)
    model, other = _awake(method), build(method)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_weights(path, model, {})
        load_weights(path, other)
    same = torch.equal(_run(model, *slices).middle, _run(other, *slices).middle)
    _require(same, "after saving and loading the weights the slice is another")


def _swap(method: Method) -> None:
    before, after = _slices(1, 64, 96)
    model = _awake(method)
    one, other = _run(model, before, after).middle, _run(model, after, before).middle
    _require_close(one, other, "exchanging before and after changes the slice")


def _times(method: Method) -> None:
    before, after = _slices(1, 64, 96)
    model = _awake(method)
    for time in (0.25, 2 / 3):
        middle = _run(model, before, after, time).middle
        _require(middle.shape == before.shape, f"at {time:.3g} the slice is {tuple(middle.shape)}")
        _require(bool(torch.isfinite(middle).all()), f"at {time:.3g} the slice is not finite")
        if method.info.swap_symmetric:
            other = _run(model, after, before, 1 - time).middle
            _require_close(middle, other, f"exchanging both changes the slice at {time:.3g}")
    half = _run(model, before, after, 0.5).middle
    same = torch.equal(half, _run(model, before, after).middle)
    _require(same, "without a time the slice is not the one at 1/2")


def _constant(method: Method) -> None:
    for grey in (0.0, 0.5, 1.0):
        flat = torch.full((1, 1, 64, 64), grey)
        middle = _run(build(method), flat, flat).middle
        error = float((middle - flat).abs().max())
        _require(error <= 1e-5, f"a constant slice of {grey} is changed by up to {error:.1e}")


def _fits(method: Method) -> None:
    model = build(method)
    if not isinstance(model, FittedInterpolator):
        raise TypeError(f"{method.__name__} cannot be fitted")
    model.fit(iter([_moving(seed) for seed in range(3)]))
    triplet = _moving(3)
    middle = _run(model, triplet.before, triplet.after).middle
    _require(bool(torch.isfinite(middle).all()), "fitted on three triplets the slice is not finite")


def _learns(method: Method) -> None:
    triplet = _moving(3)
    model = build(method).train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    least, goal = float("inf"), 10 ** (-LEARNT_DB / 10)
    for _ in range(_STEPS):
        middle = model(triplet.before, triplet.after).middle
        squared = (middle - triplet.middle).square().mean()
        optimiser.zero_grad()
        squared.backward()
        optimiser.step()
        least = min(least, float(squared.detach()))
        if least < goal:
            return
    raise BrokenPromiseError(
        f"{_STEPS} steps of Adam on one triplet, a texture that moves by 2 pixels, came to a "
        f"squared error of {least:.1e}, not below {goal:.1e}"
    )


def _trained(info: MethodInfo) -> bool:
    return info.kind == "trained"


CHECKS = (
    Check("it says who it is", _facts),
    Check("its options are a frozen dataclass, its presets known ones", _options),
    Check("what `info` says estimates motion is there", _motion),
    Check("any size comes back, finite, in float32", _sizes),
    Check("black, grey and white slices come back finite", _flat),
    Check("the inputs stay as they are", _inputs),
    Check("every extra is named in `info`", _extras),
    Check("a batch is its members one by one", _batches),
    Check("the same call gives the same bits", _determinism),
    Check("weights survive the disk", _weights),
    Check("before and after may be exchanged, as declared", _swap, lambda i: i.swap_symmetric),
    Check("it takes any time, as declared", _times, lambda i: i.any_time),
    Check("a constant stays constant", _constant, lambda i: i.kind == "classical"),
    Check("it can be fitted", _fits, lambda i: i.kind == "fitted"),
    Check(f"it learns one triplet by heart (above {LEARNT_DB:.0f} dB)", _learns, _trained),
)


def _awake(method: Method) -> Interpolator:
    """A method whose zero-initialised heads are filled, so that its whole body matters."""
    model = build(method)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def _run(model: Interpolator, *inputs: Any) -> Any:
    with torch.inference_mode():
        return model(*inputs)


def _slices(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    before, after = torch.rand(2, batch, 1, height, width, generator=generator)
    return before, after


def _moving(seed: int) -> Triplets:
    """A smooth texture that moves by 2 pixels a slice."""
    generator = torch.Generator().manual_seed(seed)
    canvas = torch.rand(1, 1, 18, 18, generator=generator)
    canvas = torch.nn.functional.interpolate(
        canvas, size=(72, 72), mode="bicubic", align_corners=False
    )
    return Triplets(*(canvas[..., 4:68, x : x + 64] for x in (0, 2, 4)))


def _require(kept: bool, otherwise: str) -> None:
    if not kept:
        raise BrokenPromiseError(otherwise)


def _require_close(one: Tensor, other: Tensor, otherwise: str) -> None:
    difference = float((one - other).abs().max())
    _require(torch.allclose(one, other, rtol=1e-4, atol=1e-5), f"{otherwise}: by {difference:.1e}")
