"""Slices between two sound ones, synthesised window by window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.repair.gaps import Gap
from bench.repair.neighbours import Slice, Slices, Window, laid_on
from bench.triplets.align import Match
from methods.interface import Interpolator
from methods.timed import at_time

WINDOW = 1024  # pixels
MARGIN = 32  # pixels around a window that are computed and thrown away

Grey = NDArray[np.float32]  # HW in [0, 1]


class Synthesised(NamedTuple):
    """A window of a slice.

    Attributes:
        window: where it lies.
        grey: HW in [0, 1], what was synthesised.
        before: HW, what the slice before shows there.
        after: HW, what the slice after shows there.
    """

    window: Window
    grey: Grey
    before: Slice
    after: Slice


def synthesised(
    slices: Slices, gap: Gap, z: int, match: Match, model: Interpolator, device: torch.device
) -> Iterator[Synthesised]:
    """A slice of a gap, window by window.

    Args:
        slices: of the volume.
        gap: that the slice is in.
        z: of the slice.
        match: of the neighbours, which lie on each other by it.
        model: that takes the slice's time, in evaluation mode on the device.
        device: where to compute.

    Raises:
        UserError: the method returned NaN or infinity.
    """
    _, *shape = slices.volume.shape
    for window in windows((shape[0], shape[1])):
        larger = window.grown(MARGIN, (shape[0], shape[1]))
        before, after = laid_on(slices, gap, z, match, larger)
        grey = between(model, before, after, gap.time(z), device)
        inside = window.within(larger)
        yield Synthesised(window, grey[inside], before[inside], after[inside])


def windows(shape: tuple[int, int]) -> Iterator[Window]:
    """The windows that cover a slice, each pixel once."""
    height, width = shape
    for top in range(0, height, WINDOW):
        for left in range(0, width, WINDOW):
            yield Window(top, left, min(WINDOW, height - top), min(WINDOW, width - left))


def between(
    model: Interpolator, before: Slice, after: Slice, time: float, device: torch.device
) -> Grey:
    """What a method puts between two windows, HW in [0, 1].

    Raises:
        UserError: it returned NaN or infinity.
    """
    one, other = (
        torch.from_numpy(np.ascontiguousarray(grey)).float().div_(255.0)[None, None].to(device)
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
