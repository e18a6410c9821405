"""What a method is tried with, and how a broken promise is told."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from methods.interface import Interpolator, Triplets

Method = type[Interpolator]
_BEYOND = 0.25  # of [0, 1] on either side: what learns comes far closer


class BrokenPromiseError(Exception):
    """A method does not do what every method promises."""


def require(kept: bool, otherwise: str) -> None:
    """Go on where a promise is kept.

    Args:
        kept: whether it is.
        otherwise: what was seen where it is not.

    Raises:
        BrokenPromiseError: it is not kept.
    """
    if not kept:
        raise BrokenPromiseError(otherwise)


def require_close(one: Tensor, other: Tensor, otherwise: str) -> None:
    """The same for two slices that have to be equal but for rounding."""
    difference = float((one - other).abs().max())
    require(torch.allclose(one, other, rtol=1e-4, atol=1e-5), f"{otherwise}: by {difference:.1e}")


def far_outside(middle: Tensor) -> str:
    """The greys of a slice, but for some pixels, where they are not those of slices; else empty."""
    ends = torch.tensor([0.05, 0.95])
    low, high = torch.quantile(middle.flatten(), ends).tolist()
    if not math.isfinite(low + high) or (low > -_BEYOND and high < 1 + _BEYOND):
        return ""
    return f"from {low:.3g} to {high:.3g}; [0, 1] is wanted, neither 0 to 255 nor -1 to 1"


def require_range(middle: Tensor) -> None:
    """Go on where a slice that was learned has the grey values of slices, but for some pixels."""
    found = far_outside(middle)
    require(not found, f"after it learned, the greys of its slice go {found}")


def build(method: Method, seed: int = 0) -> Interpolator:
    """A method with fixed initial weights, in its smallest preset."""
    torch.manual_seed(seed)
    return method(method.presets.get("quick")).eval()


def awake(method: Method, seed: int = 0) -> Interpolator:
    """A method whose zero-initialised heads are filled, so that its whole body matters."""
    model = build(method, seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


def run(model: Interpolator, *inputs: Any) -> Any:
    """What a method makes of its inputs, without gradients."""
    with torch.inference_mode():
        return model(*inputs)


def noise(batch: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Noise before and after, B1HW in [0, 1]: the same at each call."""
    generator = torch.Generator().manual_seed(0)
    before, after = torch.rand(2, batch, 1, height, width, generator=generator)
    return before, after


def moving(seed: int) -> Triplets:
    """A smooth texture of 64 x 64 pixels that moves by 2 of them a slice."""
    generator = torch.Generator().manual_seed(seed)
    canvas = torch.rand(1, 1, 18, 18, generator=generator)
    canvas = torch.nn.functional.interpolate(
        canvas, size=(72, 72), mode="bicubic", align_corners=False
    )
    return Triplets(*(canvas[..., 4:68, x : x + 64] for x in (0, 2, 4)))
