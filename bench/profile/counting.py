"""Multiply-adds and memory of a pass, found from shapes alone: nothing is computed.

One multiply-add (MAC) is half of what torch's counter calls a FLOP. Convolutions and matrix
products are the counter's; each operator that it does not see has a formula here. Element-wise
arithmetic (activations, softmax, biases, residuals) is left out, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

import methods.layers.correlation
import methods.layers.warp  # noqa: F401 (they register their operators)
from bench.base.live_storages import LiveStorages
from bench.profile.subjects import Subject
from methods.interface import Interpolation
from methods.layers.separable import separable_macs

Shape = Sequence[int]
_CORNERS = 4  # pixels that a bilinear value is read from


class Count(NamedTuple):
    """The cost of a pass.

    Attributes:
        macs: multiply-adds by operator, largest first.
        peak: most bytes of tensors alive at once, beyond parameters and inputs and without what
            an operator takes inside itself.
    """

    macs: dict[str, int]
    peak: int

    @property
    def total(self) -> int:
        """Multiply-adds of all operators."""
        return sum(self.macs.values())


def count(subject: Subject, *, backward: bool) -> Count:
    """Count one pass of a subject, forward or forward and backward.

    Raises:
        UncountedError: the subject computes outside torch.
    """
    with FakeTensorMode():
        module = subject.build().train(backward)
        inputs = subject.inputs(torch.device("cpu"), backward=backward)
        return count_pass(module, inputs, backward=backward)


class UncountedError(Exception):
    """Arithmetic that is not torch's cannot be counted."""


def count_pass(module: nn.Module, inputs: list[Tensor], *, backward: bool) -> Count:
    """Count one pass of a module on inputs that may be fake.

    Raises:
        UncountedError: the module computes outside torch.
    """
    live = LiveStorages([*module.parameters(), *module.buffers(), *inputs])
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    try:
        with counter, live:
            run_pass(module, inputs, backward=backward)
    except (RuntimeError, TypeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise UncountedError(str(error)) from error
    flops = counter.get_flop_counts().get("Global", {})
    ordered = sorted(flops.items(), key=lambda item: -item[1])
    return Count({str(operator): flop // 2 for operator, flop in ordered}, live.peak)


def how(operator: str) -> str:
    """What counts an operator: torch's ``counter`` or a ``formula`` of ours."""
    return "formula" if operator in map(str, _FORMULAS) else "counter"


def run_pass(module: nn.Module, inputs: list[Tensor], *, backward: bool) -> None:
    """Run a module once as in prediction, or as in training with a gradient of ones."""
    with torch.set_grad_enabled(backward):
        result = module(*inputs)
    if backward:
        output = result.middle if isinstance(result, Interpolation) else result
        output.backward(torch.ones_like(output))


# Formulas get the operator's arguments with shapes in the place of tensors.


def _attention(query: Shape, key: Shape, value: Shape, *_: Any, **__: Any) -> int:
    return prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _attention_backward(
    grad: Shape, query: Shape, key: Shape, value: Shape, *_: Any, **__: Any
) -> int:
    del grad
    # The affinities again, their gradients, and those of query, key and value.
    return prod(query[:-1]) * key[-2] * (3 * query[-1] + 2 * value[-1])


def _bilinear(*_: Any, out_shape: Shape, **__: Any) -> int:
    return _CORNERS * prod(out_shape)


def _bilinear_backward(grad: Shape, *_: Any, **__: Any) -> int:
    return _CORNERS * prod(grad)


def _sample_backward(grad: Shape, *rest: Any, **__: Any) -> int:
    to_image, to_grid = map(int, rest[-1])
    # A position has two coordinates.
    return _CORNERS * prod(grad) * (to_image + 2 * to_grid)


def _pool(image: Shape, kernel: Shape, *_: Any, out_shape: Shape, **__: Any) -> int:
    del image
    return prod(out_shape) * _area(kernel)


def _pool_backward(grad: Shape, image: Shape, kernel: Shape, *_: Any, **__: Any) -> int:
    del image
    return prod(grad) * _area(kernel)


def _area(kernel: Shape) -> int:
    return kernel[0] * kernel[-1]  # one number may stand for both sides


def _separable(padded: Shape, vertical: Shape, *_: Any, **__: Any) -> int:
    batch, taps, height, width = vertical
    return batch * separable_macs(padded[1], taps, height, width)


def _separable_backward(
    grad: Shape, padded: Shape, vertical: Shape, horizontal: Shape, needed: list[bool], **_: Any
) -> int:
    del grad, horizontal
    return sum(needed) * _separable(padded, vertical)


def _correlation(first: Shape, second: Shape, radius: int, **_: Any) -> int:
    del second
    return (2 * radius + 1) ** 2 * prod(first)


def _correlation_backward(grad: Shape, first: Shape, second: Shape, radius: int, **_: Any) -> int:
    del grad
    return 2 * _correlation(first, second, radius)


def _window_sum(table: Shape, weights: Shape, *_: Any, **__: Any) -> int:
    return prod(weights) * table[1]


def _window_sum_backward(grad: Shape, table: Shape, weights: Shape, *rest: Any, **_: Any) -> int:
    del grad
    return sum(map(int, rest[-1])) * _window_sum(table, weights)


def _flops(formula: Callable[..., int]) -> Callable[..., int]:
    """A formula in the unit of torch's counter: two for each multiply-add."""
    return lambda *args, **words: 2 * formula(*args, **words)


_ATEN, _OWN = torch.ops.aten, torch.ops.interslice
_MACS: dict[Any, Callable[..., int]] = {
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _attention,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    _ATEN.grid_sampler_2d: _bilinear,
    _ATEN.grid_sampler_2d_backward: _sample_backward,
    _ATEN.upsample_bilinear2d: _bilinear,
    _ATEN.upsample_bilinear2d_backward: _bilinear_backward,
    _ATEN.avg_pool2d: _pool,
    _ATEN.avg_pool2d_backward: _pool_backward,
    _OWN.separable: _separable,
    _OWN.separable_backward: _separable_backward,
    _OWN.correlation: _correlation,
    _OWN.correlation_backward: _correlation_backward,
    _OWN.window_sum: _window_sum,
    _OWN.window_sum_backward: _window_sum_backward,
}
_FORMULAS = {operator: _flops(formula) for operator, formula in _MACS.items()}
