"""The separable operation beside unfolded windows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from methods.layers.separable import separable_convolution
from speed.figures import Result, Setting
from speed.racing import both_passes, demand_memory, race, same

SIZE = 512
_TAPS = 51
_SMALL = 64  # the side at which both are compared in float64
_WINDOWS_AT_ONCE = 5  # measured: how many unfolded images the reference holds


def measure(setting: Setting) -> Result:
    """Forward + backward with gradients of image and kernels."""
    side = setting.size or SIZE
    demand_memory(_WINDOWS_AT_ONCE * _TAPS**2 * side**2 * 4 / 2**30)
    torch.manual_seed(0)
    equal = same(
        f"float64, {_SMALL} x {_SMALL}",
        both_passes(reference_separable, inputs(_SMALL, torch.float64)),
        both_passes(separable_convolution, inputs(_SMALL, torch.float64)),
        1e-10,
    )
    given = inputs(side)
    sides = (
        lambda: both_passes(reference_separable, given),
        lambda: both_passes(separable_convolution, given),
    )
    what = f"{_TAPS} taps, forward + backward"
    return Result(race(what, *sides, 0.03, setting, memory=0.06), [equal], side)


def inputs(side: int, dtype: torch.dtype = torch.float32, taps: int = _TAPS) -> list[Tensor]:
    """A grey image and two kernels for each of its pixels, the same at every call."""
    torch.manual_seed(0)
    image = torch.rand(1, 1, side, side, dtype=dtype)
    kernels = [torch.randn(1, taps, side, side, dtype=dtype) / taps for _ in range(2)]
    return [tensor.requires_grad_() for tensor in (image, *kernels)]


def reference_separable(image: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    """Every pixel's window as a column of its own, then two sums over it."""
    batch, channels, height, width = image.shape
    taps = vertical.shape[1]
    padded = functional.pad(image, (taps // 2,) * 4, mode="replicate")
    windows = functional.unfold(padded, taps).view(batch, channels, taps, taps, height, width)
    rows = torch.einsum("bcijyx,biyx->bcjyx", windows, vertical)
    return torch.einsum("bcjyx,bjyx->bcyx", rows, horizontal)
