"""Registration by B-splines, as SimpleITK has it: what a tool for serial sections would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from methods.halfway import Halfway, Slice, SliceFlow, require_package
from methods.interface import MethodInfo
from methods.option_checks import require_numbers

_LEAST_SIDE = 8  # of the reduced slice, in pixels; no motion is looked for in smaller ones
_ACCURACY = 1e-7  # of the optimum: at SimpleITK's own, 1e-5, the finest grid hardly moves


@dataclass(frozen=True)
class BSplineOptions:
    """How the deformation is found.

    The defaults are the best of a score tried on validation slices of SNEMI3D AC4. Correlation over
    the whole slice, mutual information and coarser beginnings found less of the motion.

    Attributes:
        spacing: of the control points of the finest grid, in pixels.
        levels: grids, from coarse to fine; each has half of the spacing of the one before.
        reduction: slices are compared at 1 / reduction of their resolution.
        smoothing: deviation in pixels of the Gaussian that both slices see first, at the finest
            grid; twice that at the grid before.
        radius: of the windows whose correlation is compared, in pixels of the reduced slice.
        iterations: of the optimiser, at most, at each level.
    """

    spacing: int = 32
    levels: int = 2
    reduction: int = 4
    smoothing: float = 1.0
    radius: int = 4
    iterations: int = 30

    def __post_init__(self) -> None:
        counts = dict.fromkeys(("spacing", "levels", "reduction", "radius", "iterations"), 1)
        require_numbers(self, {**counts, "smoothing": 0})


class BSpline(Halfway):
    """Both neighbours moved towards each other by B-spline registration, then averaged.

    Each slice is registered to the other, which gives a displacement both ways.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="bspline",
        title="B-spline registration",
        reference="Penney et al., IEEE Transactions on Medical Imaging 2004; Rueckert et al., "
        "ibid. 1999 (SimpleITK)",
        kind="classical",
        swap_symmetric=True,
        any_time=True,
        extras=("flow_before", "flow_after"),
        deviations=(
            "correlation in small windows instead of mutual information, which found less motion",
            "no penalty on bending: the grid alone keeps the displacement smooth",
            "registered both ways; the displacement at the middle is one step of the fixed-point "
            "iteration that inverts half of it, started from the mean of both ways, so that it "
            "is exact for a shift and approximate where motion differs from place to place",
        ),
    )
    Options = BSplineOptions

    def __init__(self, options: BSplineOptions | None = None) -> None:
        super().__init__(options)
        require_package("SimpleITK", "SimpleITK", "'.[bspline]' in the checkout of interslice")

    def _estimate(self, reference: Slice, moving: Slice) -> SliceFlow:
        height, width = reference.shape
        if min(height, width) < _LEAST_SIDE * self.options.reduction:
            return np.zeros((2, height, width), np.float32)
        import SimpleITK as sitk  # noqa: N813 (its usual name)

        # Of a step of the optimiser that leads out of the slice: it steps back by itself.
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        fixed, other = (sitk.GetImageFromArray(image) for image in (reference, moving))
        method = self._registration(sitk, fixed)
        transform = method.Execute(fixed, other)
        field = sitk.TransformToDisplacementField(
            transform, sitk.sitkVectorFloat32, fixed.GetSize()
        )
        return np.ascontiguousarray(sitk.GetArrayFromImage(field).transpose(2, 0, 1))

    def _registration(self, sitk: Any, fixed: Any) -> Any:
        """The registration of a slice to ``fixed``, from no displacement at all."""
        options = self.options
        factors = [2**level for level in range(options.levels)]
        mesh = [max(1, round(side / options.spacing / factors[-1])) for side in fixed.GetSize()]
        method = sitk.ImageRegistrationMethod()
        method.SetNumberOfThreads(1)  # with more, sums are rounded otherwise
        method.SetMetricAsANTSNeighborhoodCorrelation(options.radius)
        method.SetMetricSamplingStrategy(method.NONE)  # every pixel: nothing is drawn
        method.SetInterpolator(sitk.sitkLinear)
        method.SetShrinkFactorsPerLevel([options.reduction] * options.levels)
        method.SetSmoothingSigmasPerLevel([options.smoothing * by for by in reversed(factors)])
        method.SetOptimizerAsLBFGS2(_ACCURACY, numberOfIterations=options.iterations)
        coarsest = sitk.BSplineTransformInitializer(fixed, mesh)
        method.SetInitialTransformAsBSpline(coarsest, inPlace=False, scaleFactors=factors)
        return method
