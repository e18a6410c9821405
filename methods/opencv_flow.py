"""Optical flow as OpenCV has it: DIS and Farneback, fast enough for whole volumes on one core."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from methods.halfway import Halfway, Slice, SliceFlow, require_package
from methods.interface import MethodInfo
from methods.option_checks import require_numbers

Grey = NDArray[np.uint8]  # HW

_LEAST_SIDE = 16  # in pixels: DIS refuses slices below 12, and at 8 x 200 its flow is not finite
_EIGHT_BITS = (
    "flow is found both ways on slices clipped to [0, 1], smoothed and rounded to 8 bits; the "
    "slices that it moves are not rounded"
)


class _OpenCv(Halfway):
    """Flow that OpenCV finds on 8-bit slices, with as many threads as torch has."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        require_package("cv2", "OpenCV", "opencv-python-headless")

    def _estimate(self, reference: Slice, moving: Slice) -> SliceFlow:
        import cv2

        cv2.setNumThreads(torch.get_num_threads())
        flow = self._search(cv2, self._grey(reference), self._grey(moving))
        height, width = reference.shape
        return np.ascontiguousarray(flow[:height, :width].transpose(2, 0, 1))

    def _grey(self, image: Slice) -> Grey:
        """Clip, smooth and round to 8 bits; the edge is replicated where a side is too short."""
        from scipy.ndimage import gaussian_filter

        smooth = gaussian_filter(image.clip(0, 1), self.options.smoothing)
        missing = [(0, max(0, _LEAST_SIDE - side)) for side in image.shape]
        return np.pad(np.rint(255 * smooth).astype(np.uint8), missing, mode="edge")

    @abstractmethod
    def _search(self, cv2: ModuleType, reference: Grey, moving: Grey) -> NDArray[np.float32]:
        """Flow from ``reference`` to ``moving``: HW2 in pixels, x then y."""


@dataclass(frozen=True)
class DisOptions:
    """How DIS finds the flow.

    Attributes:
        preset: OpenCV's name for how dense and fine the search is; the flow of ``medium`` is
            found at half of the resolution, that of the others at a quarter.
        smoothing: deviation in pixels of the Gaussian that both slices see first.
    """

    preset: Literal["ultrafast", "fast", "medium"] = "medium"
    smoothing: float = 2.0

    def __post_init__(self) -> None:
        require_numbers(self, {"smoothing": 0})


class Dis(_OpenCv):
    """Both neighbours moved towards each other by DIS optical flow, then averaged."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="dis",
        title="DIS flow",
        reference="Kroeger, Timofte, Dai and Van Gool, ECCV 2016 (OpenCV)",
        kind="classical",
        swap_symmetric=True,
        any_time=True,
        extras=("flow_before", "flow_after"),
        deviations=(_EIGHT_BITS,),
    )
    Options = DisOptions

    def _search(self, cv2: ModuleType, reference: Grey, moving: Grey) -> NDArray[np.float32]:
        preset = getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{self.options.preset.upper()}")
        flow: NDArray[np.float32] = cv2.DISOpticalFlow_create(preset).calc(reference, moving, None)
        return flow


@dataclass(frozen=True)
class FarnebackOptions:
    """How Farneback's method finds the flow; the defaults are those of IsoFlow.

    Attributes:
        levels: of the pyramid, each at half of the resolution of the one before.
        window: side in pixels of the window over which motion is averaged.
        iterations: at each level.
        smoothing: deviation in pixels of the Gaussian that both slices see first.
    """

    levels: int = 3
    window: int = 33
    iterations: int = 3
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        require_numbers(self, {"levels": 1, "window": 1, "iterations": 1, "smoothing": 0})


class Farneback(_OpenCv):
    """Both neighbours moved towards each other by Farneback's flow, then averaged."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="farneback",
        title="Farneback flow",
        reference="Farneback, SCIA 2003 (OpenCV); levels and window as in IsoFlow",
        kind="classical",
        swap_symmetric=True,
        any_time=True,
        extras=("flow_before", "flow_after"),
        deviations=(_EIGHT_BITS,),
    )
    Options = FarnebackOptions

    def _search(self, cv2: ModuleType, reference: Grey, moving: Grey) -> NDArray[np.float32]:
        options = self.options
        # Halves from level to level; polynomials over 5 pixels, weighted by 1.2 (OpenCV's advice).
        settings = (0.5, options.levels, options.window, options.iterations, 5, 1.2, 0)
        flow: NDArray[np.float32] = cv2.calcOpticalFlowFarneback(reference, moving, None, *settings)
        return flow
