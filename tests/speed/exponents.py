"""How the time of layers and methods grows with the image, beside their operation counts."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from bench.base.freed_memory import keep_freed_memory
from bench.cells.variants import parse_variant
from bench.profile.counting import UncountedError, count_pass
from methods.layers.correlation import correlation
from methods.layers.separable import separable_convolution
from methods.layers.warp import adaptive_warp, project_flow
from speed.attention import layer
from speed.figures import Figure, Result, Setting
from speed.racing import timed
from speed.warping import smooth_flow

SIZE = 1024
_FEWEST = 128
_TURNS = 9
_METHODS = ("average", "linear", "ssan", "sepconv", "dain")
_CHANNELS = 64  # of a map that attends to itself, the paper's
_FEATURES = 16  # of one that is warped or correlated
_LEAST = 0.02  # seconds of a turn: shorter ones measure the clock

Build = Callable[[int], tuple[nn.Module, list[Tensor]]]


def measure(setting: Setting) -> Result:
    """Forward, from 128 pixels a side by doubling to the largest; slopes of the logarithms."""
    keep_freed_memory()  # as a run does
    largest = setting.size or SIZE
    sides = [_FEWEST << step for step in range((largest // _FEWEST).bit_length())]
    figures = []
    for name, make in SUBJECTS.items():
        setting.say(name)
        figures.append(_figure(name, make, sides, setting.patience))
    return Result(figures, [], largest)


def slope(sides: list[int], values: list[float]) -> float:
    """Exponent of the power law that fits best."""
    return float(np.polyfit(np.log(sides), np.log(values), 1)[0])


def operations(make: Build, side: int) -> float:
    """Multiply-adds at a size; its pixels where nothing is multiplied or torch does not see it."""
    try:
        with FakeTensorMode():
            module, inputs = make(side)
            return float(count_pass(module, inputs, backward=False).total or side**2)
    except UncountedError:
        return float(side**2)


def _figure(name: str, make: Build, sides: list[int], patience: float) -> Figure:
    seconds = [_seconds(make, side, patience) for side in sides]
    counted = slope(sides, [operations(make, side) for side in sides])
    words = ", ".join(f"{value:.3g}" for value in seconds)
    return Figure(f"{name}: exponent", "", counted, slope(sides, seconds), 0.15,
                  compare="difference", note=f"seconds: {words}")  # fmt: skip


def _seconds(make: Build, side: int, patience: float) -> float:
    """Seconds of a pass: the median of as many as patience allows, or else of the first."""
    module, inputs = make(side)
    module = module.to(memory_format=torch.channels_last)  # here: fake tensors cannot be moved

    def once() -> None:
        with torch.inference_mode():
            module(*inputs)

    first = timed(once)
    calls = 1 + int(_LEAST / first)
    turns = min(_TURNS, int(patience / (calls * first)))

    def turn() -> float:
        return timed(lambda: [once() for _ in range(calls)]) / calls

    return statistics.median([turn() for _ in range(turns)] or [first])


class _Call(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def _method(name: str, side: int) -> tuple[nn.Module, list[Tensor]]:
    torch.manual_seed(0)
    model = parse_variant(name, "quick").build().eval()
    return model, [torch.rand(1, 1, side, side) for _ in range(2)]


def _attention(partition: tuple[int, ...], side: int) -> tuple[nn.Module, list[Tensor]]:
    made = layer(partition, "equation", fused=True, channels=_CHANNELS).eval()
    return made, [_map(_CHANNELS, side)]


def _map(channels: int, side: int) -> Tensor:
    image = torch.randn(1, channels, side, side)
    return image.contiguous(memory_format=torch.channels_last)


def _separable(side: int) -> tuple[nn.Module, list[Tensor]]:
    kernels = [torch.rand(1, 25, side, side) for _ in range(2)]
    return _Call(separable_convolution), [torch.rand(1, 1, side, side), *kernels]


def _correlation(side: int) -> tuple[nn.Module, list[Tensor]]:
    return _Call(partial(correlation, radius=2)), [_map(_FEATURES, side) for _ in range(2)]


def _projection(side: int) -> tuple[nn.Module, list[Tensor]]:
    return _Call(project_flow), [smooth_flow(side), torch.rand(1, 1, side, side)]


def _warping(side: int) -> tuple[nn.Module, list[Tensor]]:
    return _Call(adaptive_warp), [_map(_FEATURES, side), smooth_flow(side), _map(16, side)]


SUBJECTS: dict[str, Build] = {
    "ssa": partial(_attention, (8,)),
    "aal": partial(_attention, (8, 4)),
    "separable": _separable,
    "cost volume": _correlation,
    "flow projection": _projection,
    "adaptive warping": _warping,
    **{name: partial(_method, name) for name in _METHODS},
}
