"""The attention-aware layer beside explicit one-level attention, and fused beside explicit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from methods.layers.attention import AttentionAwareLayer, Form
from speed.figures import Equality, Figure, Result, Setting
from speed.racing import demand_memory, race, same

SIZE = 512
_CHANNELS = 64
_SMALL = 64
_AAL, _SSA = (8, 4), (8,)
_GIB_AT_512 = (10, 14)  # forward, and with backward, of the explicit one-level layer: a bound


def measure_layer(setting: Setting, *, backward: bool) -> Result:
    """Fused two-level attention against explicit one-level attention, P = 8."""
    side = setting.size or SIZE
    demand_memory(_GIB_AT_512[backward] * (side / SIZE) ** 4 + 0.5)
    equal = [
        _fused_equals_explicit(partition, form) for partition in (_AAL, _SSA) for form in FORMS
    ]
    figures: list[Figure] = []
    for form in _TARGETS[backward]:
        image = _map(side)
        passes = [
            _Pass(layer(_SSA, form, fused=False), image, backward=backward),
            _Pass(layer(_AAL, form, fused=True), image, backward=backward),
        ]
        what = f"{form}, {'forward + backward' if backward else 'forward'}"
        figures += race(what, *passes, 0.08, setting, memory=0.06)
    return Result(figures, equal, side)


FORMS: tuple[Form, ...] = ("equation", "released")
_TARGETS: tuple[tuple[Form, ...], ...] = (FORMS, ("released",))  # forward; with backward


def measure_fused(setting: Setting) -> Result:
    """The two-level layer, fused against its explicit softmax."""
    side = setting.size or SIZE
    figures: list[Figure] = []
    for form, backward, slower, larger in (
        ("equation", False, 0.5, 0.5), ("equation", True, 0.65, 0.5),
        ("released", False, 1.0, None), ("released", True, 1.0, None),
    ):  # fmt: skip
        image = _map(side)
        passes = [
            _Pass(layer(_AAL, form, fused=fused), image, backward=backward)
            for fused in (False, True)
        ]
        what = f"{form}, {'forward + backward' if backward else 'forward'}"
        target = "" if larger else "not slower"
        figures += race(what, *passes, slower, setting, memory=larger, target=target)
    return Result(figures, [_fused_equals_explicit(_AAL, form) for form in FORMS], side)


def layer(
    partition: tuple[int, ...], form: Form, *, fused: bool, channels: int = _CHANNELS
) -> AttentionAwareLayer:
    """A layer that does attend: with its initial gamma of 0 there would be nothing to compare."""
    torch.manual_seed(0)
    made = AttentionAwareLayer(channels, partition, form, 8, fused)
    for name, parameter in made.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    return made


class _Pass:
    """A pass of a layer, to be called."""

    def __init__(self, module: nn.Module, image: Tensor, *, backward: bool) -> None:
        self.module, self.image, self.backward = module, image, backward

    def __call__(self) -> Any:
        with torch.set_grad_enabled(self.backward):
            result = self.module(self.image)
        if self.backward:
            self.module.zero_grad()
            self.image.grad = None
            result.backward(torch.ones_like(result))
        return result.detach()


def _fused_equals_explicit(partition: tuple[int, ...], form: Form) -> Equality:
    image = _map(_SMALL).detach().double().requires_grad_()
    found = []
    for fused in (False, True):
        one = _Pass(layer(partition, form, fused=fused).double(), image, backward=True)
        found.append([one(), image.grad, *(p.grad for p in one.module.parameters())])
    what = f"fused and explicit, {partition}, {form}, float64, {_SMALL} x {_SMALL}"
    return same(what, *found, 1e-10)


def _map(side: int) -> Tensor:
    image = torch.randn(1, _CHANNELS, side, side, generator=torch.manual_seed(0))
    return image.contiguous(memory_format=torch.channels_last).requires_grad_()
