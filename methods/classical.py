"""Methods with nothing to learn: a copy, the average, a global shift, an optical flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from methods.halfway import Halfway, Slice, SliceFlow, blend, is_flat, meet, slices
from methods.interface import Interpolation, Interpolator, MethodInfo
from methods.option_checks import require_numbers


class Before(Interpolator):
    """The slice before, unchanged."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="before", title="Before", reference="copy", kind="classical", any_time=True
    )

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Return ``before``, whatever the time."""
        del after, time
        return Interpolation(before)


class After(Interpolator):
    """The slice after, unchanged."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="after", title="After", reference="copy", kind="classical", any_time=True
    )

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Return ``after``, whatever the time."""
        del before, time
        return Interpolation(after)


class Average(Interpolator):
    """The mean of both neighbours."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="average",
        title="Average",
        reference="mean of both neighbours",
        kind="classical",
        swap_symmetric=True,
        any_time=True,
    )

    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Return the mean, in which the nearer slice counts for more."""
        return Interpolation(blend(before, after, time))


@dataclass(frozen=True)
class PhaseOptions:
    """How the global shift is found.

    Attributes:
        smoothing: deviation in pixels of the Gaussian that both slices see first.
        precision: the shift is found to 1 / precision pixels.
        reach: a shift beyond this part of the shorter side is spurious, and none is taken.
    """

    smoothing: float = 2.0
    precision: int = 10
    reach: float = 0.125

    def __post_init__(self) -> None:
        require_numbers(self, {"smoothing": 0, "precision": 1}, above=("reach",))


class Phase(Interpolator):
    """Both neighbours moved towards each other by one global shift, then averaged.

    The cross power is not whitened, as phase correlation proper would have it: neighbouring
    sections share no fine detail, and whitening gives their noise the same say as tissue. On
    SNEMI3D AC4 it finds shifts of tens of pixels where there are none.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="phase",
        title="Global shift",
        reference="Guizar-Sicairos, Thurman and Fienup, Optics Letters 2008 (scikit-image)",
        kind="classical",
        any_time=True,
        extras=("flow_before", "flow_after"),
        deviations=("The cross power is not whitened.",),
    )
    Options = PhaseOptions

    @torch.no_grad()
    def forward(self, before: Tensor, after: Tensor, time: float = 0.5) -> Interpolation:
        """Interpolate; extras are constant flows in pixels (B2HW, x then y)."""
        pairs = zip(slices(before), slices(after), strict=True)
        shifts = np.stack([self._shift(one, other) for one, other in pairs])
        motion = torch.from_numpy(shifts).to(before)[:, :, None, None]
        motion = motion.expand(-1, -1, *before.shape[-2:])
        return meet(before, after, motion, -motion, time)

    def _shift(self, before: Slice, after: Slice) -> NDArray[np.float64]:
        """Where ``after`` shows what ``before`` shows at 0: (x, y) in pixels."""
        from scipy.ndimage import gaussian_filter
        from skimage.registration import phase_cross_correlation

        if is_flat(before) or is_flat(after):
            return np.zeros(2)  # nothing to correlate but the rounding of the Fourier transform
        correlate: Callable[..., Any] = phase_cross_correlation  # scikit-image has no types
        shift, _, _ = correlate(
            gaussian_filter(before, self.options.smoothing),
            gaussian_filter(after, self.options.smoothing),
            upsample_factor=self.options.precision,
            normalization=None,
        )
        spurious = np.abs(shift).max() > self.options.reach * min(before.shape)
        return np.zeros(2) if spurious else -np.asarray(shift)[::-1]


@dataclass(frozen=True)
class FlowOptions:
    """How the optical flow is found.

    Attributes:
        algorithm: ``tvl1`` (Zach, Pock and Bischof 2007) or ``ilk``, the iterative
            Lucas-Kanade of Le Besnerais and Champagnat 2005.
        smoothing: deviation in pixels of the Gaussian that both slices see first.
        reduction: the flow is found on slices average-pooled by this.
        attachment: weight of the data in TV-L1; smaller is smoother. 10 gave the highest FRC on
            training slices of SNEMI3D AC4, of 7, 10, 15 and 20.
        radius: of the window of ILK, in pixels of the slice; 40 was best of 14, 24 and 40 there.
    """

    algorithm: Literal["tvl1", "ilk"] = "tvl1"
    smoothing: float = 1.5
    reduction: int = 2
    attachment: float = 10.0
    radius: int = 40

    def __post_init__(self) -> None:
        least = {"smoothing": 0, "reduction": 1, "radius": 1}
        require_numbers(self, least, above=("attachment",))


class Flow(Halfway):
    """Both neighbours moved towards each other by TV-L1 or ILK, then averaged."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="flow",
        title="Optical flow",
        reference="TV-L1: Zach, Pock and Bischof, DAGM 2007 (scikit-image)",
        kind="classical",
        swap_symmetric=True,
        any_time=True,
        extras=("flow_before", "flow_after"),
    )
    Options = FlowOptions

    def flow(self, reference: Tensor, moving: Tensor) -> Tensor:
        """The flow of the reduced slices, enlarged."""
        return self._enlarge(
            super().flow(self._prepare(reference), self._prepare(moving)), reference
        )

    def _prepare(self, image: Tensor) -> Tensor:
        """Pool and smooth; the edge is replicated where the size is no multiple."""
        reduction = self.options.reduction
        height, width = image.shape[-2:]
        edges = (0, -width % reduction, 0, -height % reduction)
        return functional.avg_pool2d(functional.pad(image, edges, mode="replicate"), reduction)

    def _estimate(self, reference: Slice, moving: Slice) -> SliceFlow:
        """Flow from ``reference`` to ``moving``: 2HW (x, y), in reduced pixels."""
        from scipy.ndimage import gaussian_filter
        from skimage.registration import optical_flow_ilk, optical_flow_tvl1

        options = self.options
        sigma = options.smoothing / options.reduction
        images = gaussian_filter(reference, sigma), gaussian_filter(moving, sigma)
        estimate: Callable[..., Any] = optical_flow_tvl1  # scikit-image has no types
        settings: dict[str, Any] = {"attachment": options.attachment}
        if options.algorithm == "ilk":
            estimate = optical_flow_ilk
            settings = {"radius": max(1, options.radius // options.reduction)}
        rows, columns = estimate(*images, **settings)
        return np.stack([columns, rows]).astype(np.float32)

    def _enlarge(self, flow: Tensor, image: Tensor) -> Tensor:
        reduction = self.options.reduction
        large = functional.interpolate(
            flow, scale_factor=reduction, mode="bilinear", align_corners=False
        )
        height, width = image.shape[-2:]
        return large[..., :height, :width].to(image) * float(reduction)
