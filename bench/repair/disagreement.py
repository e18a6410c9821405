"""Both neighbours of a missing slice moved to where it lies, and how much they disagree there."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from methods.layers.warp import backward_warp
from methods.opencv_flow import Dis, DisOptions

Map = NDArray[np.float32]
Slice = NDArray[np.uint8]

_PEAK = 255.0
# At a quarter of the resolution: error maps foretell as much as from a flow at half of it, in a
# third of the time (docs/decisions/0026).
_FLOW = DisOptions(preset="fast")


class Moved(NamedTuple):
    """Both neighbours where the plain flow moves them, at the time of the slice between them.

    Attributes:
        before: HW, grey levels.
        after: likewise.
        rough: HW, how much the flow changes from pixel to pixel: where tissue is torn apart or
            shows up, and where the flow is lost.
        past: HW, how far the flow there and the flow back lead past each other, in pixels.
    """

    before: Map
    after: Map
    rough: Map
    past: Map


class _Asked(NamedTuple):
    """Two slices to remember what came of them by, for which comparing them is enough."""

    before: bytes
    after: bytes
    shape: tuple[int, ...]
    time: float

    def __hash__(self) -> int:
        return hash((self.shape, self.time))


def moved(before: Slice, after: Slice, time: float = 0.5) -> Moved:
    """Move both neighbours along the flow between them (DIS), each by its part of it.

    The flow is found both ways; half of their difference says where a pixel of the slice between
    lies in each neighbour, and each flow is read there.

    Args:
        before: HW, grey levels.
        after: HW, on it but for what the flow finds.
        time: of the slice between them: 0 at before, 1 at after.
    """
    return _moved(_Asked(before.tobytes(), after.tobytes(), before.shape, time))


@lru_cache(maxsize=1)
@torch.no_grad()
def _moved(asked: _Asked) -> Moved:
    """A slice of one window is asked for twice: may it be filled, and how wrong is it."""
    method, time = Dis(_FLOW), asked.time
    before, after = (np.frombuffer(each, np.uint8).reshape(asked.shape) for each in asked[:2])
    one, other = _tensor(before), _tensor(after)
    there, back = method.flow(one, other), method.flow(other, one)
    between = (there - back) / 2
    there = backward_warp(there, -time * between)
    back = backward_warp(back, (1 - time) * between)
    return Moved(
        _PEAK * _map(backward_warp(one, time * back)),
        _PEAK * _map(backward_warp(other, (1 - time) * there)),
        _rough(_map((there - back) / 2)),
        np.hypot(*_map(there + back)),
    )


def _tensor(grey: Slice) -> Tensor:
    return torch.from_numpy(grey.astype(np.float32) / _PEAK)[None, None]


def _map(values: Tensor) -> Map:
    found: Map = values[0].squeeze(0).numpy()
    return found


def _rough(flow: Map) -> Map:
    """The length of the gradient of both components (2HW)."""
    down, across = np.zeros_like(flow), np.zeros_like(flow)
    np.subtract(flow[:, 1:], flow[:, :-1], out=down[:, 1:])
    np.subtract(flow[:, :, 1:], flow[:, :, :-1], out=across[:, :, 1:])
    rough: Map = np.sqrt((down**2 + across**2).sum(axis=0))
    return rough
