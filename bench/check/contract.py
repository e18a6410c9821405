"""What every method promises, whoever wrote it: the checks of ``bench check-method``."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from bench.cells.presets import PRESETS
from bench.check.learning import LEARNT_DB, learns
from bench.check.probes import (
    BrokenPromiseError,
    Method,
    awake,
    build,
    moving,
    noise,
    require,
    require_close,
    require_range,
    run,
)
from bench.stages.training_step import couples_crops
from bench.store.weights import left_out, load_weights, save_weights
from methods.interface import FittedInterpolator, Interpolation, Interpolator, Kind, MethodInfo

SIZES = ((64, 64), (96, 160), (65, 97))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        title: what is promised.
        function: raises ``BrokenPromiseError``, with what it saw, where the promise is broken;
            it may return a note on how far the promise is kept.
        applies: whether a method of these facts makes this promise.
        first: whether nothing else can be tried where it is broken.
    """

    title: str
    function: Callable[[Method], str | None]
    applies: Callable[[MethodInfo], bool] = lambda _: True
    first: bool = False


@dataclass(frozen=True)
class Verdict:
    """The outcome of one check.

    Attributes:
        title: what is promised.
        reason: why the promise is broken; empty where it is kept.
        note: what its author should know of a promise that is kept; mostly empty.
    """

    title: str
    reason: str = ""
    note: str = ""

    @property
    def kept(self) -> bool:
        """Whether the promise is kept."""
        return not self.reason

    def lines(self) -> Iterator[str]:
        """The verdict as ``bench check-method`` prints it, line by line."""
        yield f"kept    {self.title}" if self.kept else f"BROKEN  {self.title}: {self.reason}"
        if self.note:
            yield f"note    {self.note}"


def check_method(method: Method) -> Iterator[Verdict]:
    """Check a method against everything that is promised; a crash breaks a promise too.

    What cannot be built, or returns another thing, breaks all promises: that is said once.
    """
    for check in CHECKS:
        if check.first or check.applies(method.info):
            verdict = _verdict(check, method)
            yield verdict
            if check.first and not verdict.kept:
                return


def _verdict(check: Check, method: Method) -> Verdict:
    try:
        note = check.function(method)
    except BrokenPromiseError as broken:
        return Verdict(check.title, str(broken))
    except Exception as error:  # a stranger's code may raise anything
        return Verdict(check.title, f"{type(error).__name__}: {error}")
    return Verdict(check.title, note=note or "")


def _facts(method: Method) -> None:
    info = getattr(method, "info", None)
    require(isinstance(info, MethodInfo), "the class has no `info`, a MethodInfo")
    info = method.info
    require(bool(_NAME.fullmatch(info.name)), f"the name {info.name!r} is no word for a command")
    require(info.kind in get_args(Kind), f"the kind {info.kind!r} is none of {get_args(Kind)}")
    require(bool(info.title and info.reference), "title or reference is empty")
    fitted = issubclass(method, FittedInterpolator)
    require(fitted == (info.kind == "fitted"), "kind 'fitted' and FittedInterpolator go together")
    require(not (fitted and info.any_time), "`fit` is told no time, so `any_time` cannot hold")


def _built(method: Method) -> None:
    try:
        build(method)
    except Exception as error:  # a stranger's code may raise anything
        raise BrokenPromiseError(
            f"{type(error).__name__}: {error}; `__init__(self, options=None)` is wanted, which "
            "begins with `super().__init__(options)`"
        ) from error


def _returns(method: Method) -> None:
    output = run(awake(method), *noise(1, 64, 64))
    kind = type(output).__name__
    require(
        isinstance(output, Interpolation),
        f"`forward` returned a {kind}; `Interpolation(middle, extras)` is expected",
    )
    kind = type(output.middle).__name__
    require(isinstance(output.middle, Tensor), f"the slice is a {kind}, not a Tensor")
    _require_shape(output.middle, (64, 64))


def _require_shape(middle: Tensor, size: tuple[int, int], when: str = "") -> None:
    came, expected = tuple(middle.shape), (1, 1, *size)
    require(came == expected, f"{came} came back{when}, {expected} is expected")


def _motion(method: Method) -> None:
    parts = dict(build(method).named_modules())
    strange = [name for name in method.info.motion if name not in parts]
    require(not strange, f"there is no submodule {', '.join(strange)}")


def _options(method: Method) -> None:
    options = method.Options
    frozen = dataclasses.is_dataclass(options) and options.__dataclass_params__.frozen  # type: ignore[attr-defined]
    require(frozen, "`Options` is not a frozen dataclass")
    strange = [name for name in method.presets if name not in PRESETS]
    require(not strange, f"there is no preset {', '.join(strange)}")
    for name, value in method.presets.items():
        require(isinstance(value, options), f"the preset '{name}' is not of the type `Options`")
    given = options()
    require(
        method(given).options is given,
        "the options that it is given are not those that it has: `__init__` has to pass them on, "
        "`super().__init__(options)`, or each variant is the same network",
    )


def _sizes(method: Method) -> None:
    model = awake(method)
    for size in SIZES:
        middle = run(model, *noise(1, *size)).middle
        _require_shape(middle, size)
        require(middle.dtype == torch.float32, f"the slice is {middle.dtype}, not float32")
        require(bool(torch.isfinite(middle).all()), f"at {size} the slice is not finite")


def _flat(method: Method) -> None:
    model = awake(method)
    for word, grey in (("black", 0.0), ("grey", 0.5), ("white", 1.0)):
        slices = torch.full((1, 1, 64, 64), grey)
        finite = bool(torch.isfinite(run(model, slices, slices.clone()).middle).all())
        require(finite, f"of two {word} slices it makes one that is not finite")


def _inputs(method: Method) -> None:
    for training, size in ((True, SIZES[0]), *((False, size) for size in SIZES)):
        slices, copies = noise(1, *size), noise(1, *size)
        run(awake(method).train(training), *slices)
        same = all(map(torch.equal, slices, copies))
        when = f" at {size}, in {'training' if training else 'evaluation'}"
        require(same, f"an input was written to{when}")


def _extras(method: Method) -> None:
    output = run(awake(method), *noise(1, 64, 64))
    unnamed = sorted(set(output.extras) - set(method.info.extras))
    require(not unnamed, f"extras that `info` does not name: {', '.join(unnamed)}")


def _batches(method: Method) -> str:
    before, after = noise(3, 64, 96)
    model = awake(method)
    together = run(model, before, after).middle
    alone = [run(model, before[i : i + 1], after[i : i + 1]).middle for i in range(3)]
    require_close(together, torch.cat(alone), "a batch differs from its members one by one")
    layer = couples_crops(model)
    if layer is None:
        return ""
    return (
        f"in training it is not: `{layer}`, a {type(model.get_submodule(layer)).__name__}, "
        "normalises over all crops of a step. Training then differs from prediction and hangs on "
        "how many crops a step has; GroupNorm or no normalisation does not"
    )


def _determinism(method: Method) -> None:
    model, slices = awake(method), noise(1, 64, 64)
    same = torch.equal(run(model, *slices).middle, run(model, *slices).middle)
    require(same, "the same call gave other bits the second time")


def _weights(method: Method) -> None:
    _survives(awake(method), method)


def _survives(model: Interpolator, method: Method) -> None:
    """Require that the weights of a model make its slice in one that is built otherwise."""
    slices, other = noise(1, 64, 64), build(method, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_weights(path, model, {})
        load_weights(path, other)
    names = ", ".join(f"`{name}`" for name in left_out(model))
    require(
        torch.equal(run(model, *slices).middle, run(other, *slices).middle),
        "after saving and loading the weights into a network that was built anew the slice is "
        f"another: not all that it depends on is in state_dict; look at {names or 'its buffers'} "
        "(layers in a list belong into nn.ModuleList, a tensor into register_buffer)",
    )


def _swap(method: Method) -> None:
    before, after = noise(1, 64, 96)
    model = awake(method)
    one, other = run(model, before, after).middle, run(model, after, before).middle
    require_close(one, other, "exchanging before and after changes the slice")


def _times(method: Method) -> None:
    before, after = noise(1, 64, 96)
    model = awake(method)
    for time in (0.25, 2 / 3):
        middle = run(model, before, after, time).middle
        _require_shape(middle, (64, 96), f" at {time:.3g}")
        require(bool(torch.isfinite(middle).all()), f"at {time:.3g} the slice is not finite")
        if method.info.swap_symmetric:
            other = run(model, after, before, 1 - time).middle
            require_close(middle, other, f"exchanging both changes the slice at {time:.3g}")
    early, late = (run(model, before, after, time).middle for time in (1 / 3, 2 / 3))
    copied = any(torch.equal(early, one) for one in (before, after))  # a copy is one at any time
    require(
        copied or not torch.equal(early, late),
        "declared any_time, but the slice does not depend on the time: at 1/3 and at 2/3 it is "
        "the same, between two different neighbours",
    )
    if method.info.kind == "classical" and not copied:
        _require_order(model)
    half = run(model, before, after, 0.5).middle
    same = torch.equal(half, run(model, before, after).middle)
    require(same, "without a time the slice is not the one at 1/2")


def _require_order(model: Interpolator) -> None:
    """Require that an early slice of what moves is more like before, a late one like after."""
    before, _, after = moving(3)
    for time, near, far in ((0.25, before, after), (0.75, after, before)):
        middle = run(model, before, after, time).middle
        require(
            bool((middle - near).abs().mean() < (middle - far).abs().mean()),
            f"at {time} the slice is more like the neighbour that is farther off: the time is 0 at "
            "`before` and 1 at `after`",
        )


def _constant(method: Method) -> None:
    for grey in (0.0, 0.5, 1.0):
        flat = torch.full((1, 1, 64, 64), grey)
        middle = run(build(method), flat, flat).middle
        error = float((middle - flat).abs().max())
        require(error <= 1e-5, f"a constant slice of {grey} is changed by up to {error:.1e}")


def _fits(method: Method) -> None:
    model = build(method)
    if not isinstance(model, FittedInterpolator):
        raise TypeError(f"{method.__name__} cannot be fitted")
    triplet = moving(3)
    unfitted = run(model, triplet.before, triplet.after).middle
    model.fit(iter([moving(seed) for seed in range(3)]))
    middle = run(model, triplet.before, triplet.after).middle
    require(not torch.equal(middle, unfitted), "`fit` changes nothing of the slice that it makes")
    require(bool(torch.isfinite(middle).all()), "fitted on three triplets the slice is not finite")
    _survives(model, method)
    require_range(middle)


def _predicts(method: Method) -> None:
    """Require that weights which matter in training do so in evaluation, where slices are made."""
    slices, models = noise(1, 64, 64), (awake(method), awake(method, seed=1))

    def same(training: bool) -> bool:
        one, other = (run(model.train(training), *slices).middle for model in models)
        return torch.equal(one, other)

    require(
        same(True) or not same(False),
        "in evaluation (`eval()`) other weights make no other slice, though they do in training: "
        "look for `self.training`",
    )


def _trained(info: MethodInfo) -> bool:
    return info.kind == "trained"


CHECKS = (
    Check("it says who it is", _facts, first=True),
    Check("it can be built", _built, first=True),
    Check("two slices make an Interpolation", _returns, first=True),
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
    Check("what it learns is in the slices that it predicts", _predicts, _trained),
    Check(
        f"it learns: one triplet by heart (above {LEARNT_DB:.0f} dB), or what it can make",
        learns,
        _trained,
    ),
)
