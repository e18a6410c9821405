"""Both neighbours moved halfway towards each other along a flow that is found both ways."""

from __future__ import annotations

from abc import abstractmethod
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from methods.interface import Interpolation, Interpolator
from methods.layers.warp import backward_warp

Slice = NDArray[np.float32]  # HW in [0, 1]
SliceFlow = NDArray[np.float32]  # 2HW in pixels, x then y


class Halfway(Interpolator):
    """Both neighbours moved halfway towards each other by optical flow, then averaged.

    The flow is found in both directions. Their difference, halved, says roughly where the
    middle is; each flow is read there, and half of it moves its neighbour.
    """

    @torch.no_grad()
    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Interpolate; extras point from the middle into each neighbour (B2HW, x then y)."""
        forward = self.flow(before, after).to(before)
        backward = self.flow(after, before).to(before)
        half = (forward - backward) / 4
        return meet(
            before,
            after,
            backward_warp(backward, half) / 2,
            backward_warp(forward, -half) / 2,
        )

    def flow(self, reference: Tensor, moving: Tensor) -> Tensor:
        """Where ``moving`` shows what ``reference`` shows (both B1HW): B2HW in pixels, x then y."""
        pairs = zip(slices(reference), slices(moving), strict=True)
        return torch.from_numpy(np.stack([self._estimate(*pair) for pair in pairs]))

    @abstractmethod
    def _estimate(self, reference: Slice, moving: Slice) -> SliceFlow:
        """Where ``moving`` shows what ``reference`` shows at 0."""


def meet(before: Tensor, after: Tensor, flow_before: Tensor, flow_after: Tensor) -> Interpolation:
    """The average of both neighbours (B1HW), each read along its flow (B2HW, in pixels)."""
    warped = backward_warp(before, flow_before), backward_warp(after, flow_after)
    extras = {"flow_before": flow_before, "flow_after": flow_after}
    return Interpolation((warped[0] + warped[1]) / 2, extras)


def slices(images: Tensor) -> NDArray[np.float32]:
    """B1HW to BHW as NumPy has it."""
    return images.detach().to("cpu", torch.float32).numpy()[:, 0]


def require_package(module: str, title: str, install: str) -> None:
    """Refuse to go on without a package that is imported only where it is used.

    Raises:
        ImportError: it is not installed; how to install it.
    """
    if find_spec(module) is None:
        raise ImportError(f"{title} is not installed; run: pip install {install}.")
