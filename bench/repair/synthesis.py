"""Slices between two sound ones, synthesised window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from bench.base.errors import UserError
from bench.repair.neighbours import Neighbours
from bench.repair.slices import Grey, Window
from methods.interface import Interpolator
from methods.timed import at_time

WINDOW = 1024  # pixels
_MARGIN = 32  # pixels around a window that are computed and thrown away


class Synthesised(NamedTuple):
    """A window of a slice, with a margin that is only there to be looked at.

    Attributes:
        inside: rows and columns of the window itself.
        grey: HW in [0, 1], what was synthesised.
        before: HW in [0, 1], what the slice before shows there.
        after: HW in [0, 1], what the slice after shows there.
    """

    inside: tuple[slice, slice]
    grey: Grey
    before: Grey
    after: Grey


def synthesise(
    beside: Neighbours, z: int, window: Window, model: Interpolator, device: torch.device
) -> Synthesised:
    """A window of a slice of a gap.

    Args:
        beside: the slices around the gap.
        z: of the slice.
        window: of it.
        model: that takes the slice's time, in evaluation mode on the device.
        device: where to compute.

    Raises:
        UserError: the method returned NaN or infinity.
    """
    larger = window.grown(_MARGIN, beside.slices.shape)
    before, after = beside.laid_on(z, larger)
    grey = between(model, before, after, beside.gap.time(z), device)
    return Synthesised(window.within(larger), grey, before, after)


def windows(shape: tuple[int, int]) -> Iterator[Window]:
    """The windows that cover a slice, each pixel once."""
    height, width = shape
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            yield Window(top, left, min(WINDOW, height - top), min(WINDOW, width - left))


def between(
    model: Interpolator, before: Grey, after: Grey, time: float, device: torch.device
) -> Grey:
    """What a method puts between two windows, HW in [0, 1].

    Raises:
        UserError: it returned NaN or infinity.
    """
    one, other = (
        torch.from_numpy(np.ascontiguousarray(grey))[None, None].to(device)
        for grey in (before, after)
    )
    with torch.inference_mode():
        middle = at_time(model, one, other, time).middle[0, 0].float()
    if not torch.isfinite(middle).all():
        raise UserError(
            f"The method '{model.info.name}' returned NaN or infinity; fill with another --method."
        )
    grey: Grey = middle.clamp(0, 1).cpu().numpy()
    return grey
