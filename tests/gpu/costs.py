"""Time and memory of our layers beside their straightforward forms, on one device."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from speed.attention import FORMS, layer
from speed.separable import reference_separable
from speed.warping import reference_projection, reference_warp, smooth_flow
from torch import Tensor, nn

from bench.profile.measuring import PeakMeter
from gpu.deadline import Deadline, first_line
from methods.layers.attention import Form
from methods.layers.separable import separable_convolution
from methods.layers.warp import adaptive_warp, project_flow

SIDES = (256, 512, 1024)
_TURNS = 9
_PATIENCE = 2.0  # seconds that the turns of one pass may take, about
_CHANNELS = 64  # of attention
_TAPS = 51
_WARPED = 12  # channels, as many as the context of `dain` has in the preset `quick`


class Pair(NamedTuple):
    """Two functions that do the same, and what they are given."""

    reference: Callable[..., Tensor]
    ours: Callable[..., Tensor]
    inputs: list[Tensor]


Make = Callable[[torch.device], Pair]


def pairs(sides: tuple[int, ...] = SIDES) -> Iterator[tuple[str, Make]]:
    """All of them by name, small images first."""
    for side in sides:
        size = f"{side} x {side}"
        for form in FORMS:
            yield f"attention, {form}, {size}", partial(_attention, form, side)
        yield f"separable operation, {size}", partial(_separable, side)
        yield f"flow projection, {size}", partial(_projection, side)
        yield f"adaptive warping, {size}", partial(_warping, side)


def _attention(form: Form, side: int, device: torch.device) -> Pair:
    """The fused two-level layer; the reference is explicit one-level attention, P = 8."""
    image = torch.randn(1, _CHANNELS, side, side).contiguous(memory_format=torch.channels_last)
    ours = layer((8, 4), form, fused=True).to(device)
    return Pair(layer((8,), form, fused=False).to(device), ours, _wanting(device, image))


def _separable(side: int, device: torch.device) -> Pair:
    kernels = [torch.randn(1, _TAPS, side, side) / _TAPS for _ in range(2)]
    inputs = _wanting(device, torch.rand(1, 1, side, side), *kernels)
    return Pair(reference_separable, separable_convolution, inputs)


def _projection(side: int, device: torch.device) -> Pair:
    inputs = _wanting(device, smooth_flow(side), torch.rand(1, 1, side, side) + 0.1)
    return Pair(reference_projection, lambda *given: project_flow(*given)[0], inputs)


def _warping(side: int, device: torch.device) -> Pair:
    image, kernels = torch.rand(1, _WARPED, side, side), torch.rand(1, 16, side, side)
    return Pair(reference_warp, adaptive_warp, _wanting(device, image, smooth_flow(side), kernels))


def _wanting(device: torch.device, *tensors: Tensor) -> list[Tensor]:
    return [tensor.to(device).requires_grad_() for tensor in tensors]


def measure(
    work: Iterable[tuple[str, Make]],
    device: torch.device,
    deadline: Deadline,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Rows of seconds and MiB, forward, and forward + backward, of both sides of each pair.

    A side that the memory does not suffice for is None.
    """
    rows = []
    for name, make in deadline.admit(work):
        torch.manual_seed(0)
        pair = make(device)
        for backward in (False, True):
            words = f"{name}, {'forward + backward' if backward else 'forward'}"
            say(words)
            rows.append({"name": words} | _row(pair, device, backward=backward))
    return {"rows": rows}


def _row(pair: Pair, device: torch.device, *, backward: bool) -> dict[str, Any]:
    try:
        return {
            "reference": cost(pair.reference, pair.inputs, device, backward=backward),
            "ours": cost(pair.ours, pair.inputs, device, backward=backward),
        }
    except RuntimeError as error:
        return {"error": first_line(error)}


def cost(
    function: Callable[..., Tensor], inputs: list[Tensor], device: torch.device, *, backward: bool
) -> dict[str, Any] | None:
    """The median seconds of a pass and its peak of memory beyond its inputs, in MiB."""
    once = partial(_pass, function, inputs, backward=backward)
    try:
        first = seconds_of(once, device)  # compiles and fills caches
        meter = PeakMeter(device)
        seconds_of(once, device)
        peak = meter.peak()
        turns = max(1, min(_TURNS, int(_PATIENCE / first)))
        found = [seconds_of(once, device) for _ in range(turns)]
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return {"seconds": statistics.median(found), "peak_mib": None if peak is None else peak / 2**20}


def _pass(function: Callable[..., Tensor], inputs: list[Tensor], *, backward: bool) -> None:
    weights = list(function.parameters()) if isinstance(function, nn.Module) else []
    for tensor in (*inputs, *weights):
        tensor.grad = None
    with torch.set_grad_enabled(backward):
        result = function(*inputs)
    if backward:
        result.backward(torch.ones_like(result))


def seconds_of(once: Callable[[], None], device: torch.device) -> float:
    """How long a call takes: by the card's own events, or by the clock of a CPU."""
    if device.type != "cuda":
        start = time.perf_counter()
        once()
        return time.perf_counter() - start
    begun, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    begun.record()
    once()
    ended.record()
    ended.synchronize()
    return begun.elapsed_time(ended) / 1000
