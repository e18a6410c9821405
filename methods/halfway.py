"""Both neighbours moved towards each other along a flow that is found both ways."""

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

_LEAST_CONTRAST = 1e-3  # a quarter of a grey level
_MOST = 8.0  # far beyond [0, 1], but the darkest pictures of 0 to 255 are brighter somewhere


class Halfway(Interpolator):
    """Both neighbours moved to where the slice between them is by optical flow, then averaged.

    The flow is found in both directions, and what moves is taken to move evenly. The difference
    of both, weighted by nearness, is roughly the motion through a place of the slice between
    them: it says where that place lies in either neighbour. Each flow is read there, and the part
    of it that the time leaves moves its neighbour.
    """

    @torch.no_grad()
    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Interpolate; extras point from the slice into each neighbour (B2HW, x then y)."""
        forward = self.flow(before, after).to(before)
        backward = self.flow(after, before).to(before)
        motion = blend(forward, -backward, time)
        return meet(
            before,
            after,
            backward_warp(forward, -motion * time),
            backward_warp(backward, motion * (1 - time)),
            time,
        )

    def flow(self, reference: Tensor, moving: Tensor) -> Tensor:
        """Where ``moving`` shows what ``reference`` shows (both B1HW): B2HW in pixels, x then y.

        A slice without contrast shows nothing anywhere: then there is no motion. Looked for all the
        same, it would be noise, and bend the other slice.
        """
        pairs = zip(slices(reference), slices(moving), strict=True)
        return torch.from_numpy(np.stack([self._motion(*pair) for pair in pairs]))

    def _motion(self, reference: Slice, moving: Slice) -> SliceFlow:
        if is_flat(reference) or is_flat(moving):
            return np.zeros((2, *reference.shape), np.float32)
        return self._estimate(reference, moving)

    @abstractmethod
    def _estimate(self, reference: Slice, moving: Slice) -> SliceFlow:
        """Where ``moving`` shows what ``reference`` shows at 0."""


def meet(
    before: Tensor, after: Tensor, forward: Tensor, backward: Tensor, time: float
) -> Interpolation:
    """Both neighbours moved to the time of the slice, then averaged.

    Args:
        before: B1HW.
        after: B1HW.
        forward: the motion from before to after through each pixel of the slice, B2HW in pixels.
        backward: that from after to before.
        time: of the slice.
    """
    flow_before, flow_after = backward * time, forward * (1 - time)
    warped = backward_warp(before, flow_before), backward_warp(after, flow_after)
    extras = {"flow_before": flow_before, "flow_after": flow_after}
    return Interpolation(blend(*warped, time), extras)


def blend(before: Tensor, after: Tensor, time: float) -> Tensor:
    """The mean of two tensors, in which the nearer in time counts for more."""
    return (1 - time) * before + time * after


def slices(images: Tensor) -> NDArray[np.float32]:
    """B1HW to BHW as NumPy has it.

    Raises:
        ValueError: these are no grey levels from 0 to 1; clipped to that, all would be white, and
            no motion be found in them.
    """
    grey = images.detach().to("cpu", torch.float32).numpy()[:, 0]
    if not images.is_floating_point() or (grey > _MOST).any():
        raise ValueError("Give slices as float tensors B1HW in [0, 1]; divide 8-bit ones by 255.")
    return grey


def is_flat(image: Slice) -> bool:
    """Whether a slice shows nothing."""
    return bool(np.ptp(image) < _LEAST_CONTRAST)


def require_package(module: str, title: str, install: str) -> None:
    """Refuse to go on without a package that is imported only where it is used.

    Raises:
        ImportError: it is not installed; how to install it.
    """
    if find_spec(module) is None:
        raise ImportError(f"{title} is not installed; run: pip install {install}.")
