"""Where the time of a training step goes, by torch's profiler."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from bench.cells.presets import PRESETS
from bench.cells.variants import parse_loss
from methods.features import load_features
from methods.interface import Interpolation, Interpolator, Triplets
from methods.losses import TripletLoss, build_loss
from speed.steps import network
from speed.subjects import triplet

NAME = "shares"
METHODS = ("ssan", "sepconv", "dain")
LOSSES = ("l1", "ls")
_STEPS = 2

# Parts of a step by its operators, forward and backward: the outermost that is named here
# has all that it calls. No method multiplies matrices but in the layers that are its own.
_OPERATORS = {
    # By the names of their autograd functions: their operators show in the backward pass alone.
    "_SeparableConvolution": "own layers",
    "_WindowSum": "own layers",
    "_Correlation": "own layers",
    "aten::grid_sampler": "own layers",
    "aten::scaled_dot_product": "own layers",
    "aten::_scaled_dot_product": "own layers",
    "aten::matmul": "own layers",
    "aten::bmm": "own layers",
    "aten::softmax": "own layers",
    "aten::_softmax": "own layers",
    "aten::convolution": "convolutions",
    "aten::conv2d": "convolutions",
    "aten::linear": "own layers",
    "aten::mm": "own layers",
    "aten::addmm": "own layers",
}
_STAGES = ("loss", "optimiser")
PARTS = ("convolutions", "own layers", "the rest", *_STAGES)


def shares(size: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    """The document: seconds of each part of a step of each method, as `quick` trains it."""
    preset = PRESETS["quick"]
    side = size or preset.crop
    features = load_features("random")
    rows = []
    for method in METHODS:
        model, batch = network(method, "quick", last=True), triplet(side, preset.batch)
        for name in LOSSES:
            say(f"{method}, {name}")
            options = parse_loss(name, preset).options
            loss = build_loss(name, options, None if name == "l1" else features)
            rows.append({"method": method, "loss": name, "parts": seconds(model, loss, batch)})
    return {"size": side, "batch": preset.batch, "steps": _STEPS, "rows": rows}


def seconds(model: Interpolator, loss: TripletLoss, batch: Triplets) -> dict[str, float]:
    """Seconds of the clock of each part, the least of a few steps: a neighbour only adds."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-6)
    _step(model, loss, optimiser, batch)  # warms up
    found = []
    for _ in range(_STEPS):
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
            _step(model, loss, optimiser, batch)
        found.append(_sums(profiler.events() or []))
    return {part: min(sums[part] for sums in found) for part in PARTS}


def _step(
    model: Interpolator, loss: TripletLoss, optimiser: torch.optim.Optimizer, batch: Triplets
) -> None:
    """A training step in which the gradient of the loss is computed apart from the network's."""
    optimiser.zero_grad(set_to_none=True)
    middle = model(batch.before, batch.after).middle
    with record_function("loss"):
        prediction = middle.detach().requires_grad_()
        loss(Interpolation(prediction), batch).total.backward()
    middle.backward(prediction.grad)
    with record_function("optimiser"):
        optimiser.step()


def _sums(events: list[FunctionEvent]) -> dict[str, float]:
    sums = dict.fromkeys(PARTS, 0.0)
    for event in events:
        sums[_part(event)] += event.self_cpu_time_total / 1e6
    return sums


def _part(event: FunctionEvent) -> str:
    """The part that an event belongs to: what it is called by decides before what it is."""
    names = [caller.name for caller in _callers(event)]
    for name in names:
        if name in _STAGES:
            return name
    for name in names:
        for prefix, part in _OPERATORS.items():
            if name.startswith(prefix):
                return part
    return "the rest"


def _callers(event: FunctionEvent) -> Iterator[FunctionEvent]:
    """The event and what it is called by, outermost first."""
    if event.cpu_parent is not None:
        yield from _callers(event.cpu_parent)
    yield event


def markdown(folder: Path) -> str:
    """The shares that were measured, as a Markdown table; empty if they were not."""
    path = folder / f"{NAME}.json"
    if not path.exists():
        return ""
    lines = [f"| | step | {' | '.join(PARTS)} |", f"|---|---|{'---|' * len(PARTS)}"]
    for row in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        total = sum(row["parts"].values())
        cells = [f"{row['parts'][part] / total:.0%}" for part in PARTS]
        lines.append(f"| {row['method']}, `{row['loss']}` | {total:.3g} s | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
