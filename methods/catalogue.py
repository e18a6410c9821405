"""Every built-in method by its name, without importing the code behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from methods.interface import Kind


@dataclass(frozen=True)
class Method:
    """Where a method lives, and what is said of it without importing torch.

    Attributes:
        target: module and class.
        kind: as in its ``MethodInfo``.
        title: what ``bench list`` and tables say.
        expected: whether table 4 has its row even where it was not run.
        extra: of the package, which installs what it needs; empty where it needs nothing more.
        module: that the extra installs.
    """

    target: str
    kind: Kind
    title: str
    expected: bool = True
    extra: str = ""
    module: str = ""

    @property
    def installed(self) -> bool:
        """Whether what it needs is there."""
        return not self.module or find_spec(self.module) is not None


METHODS: Mapping[str, Method] = {
    "before": Method("methods.classical:Before", "classical", "Copy of the slice before"),
    "after": Method("methods.classical:After", "classical", "Copy of the slice after"),
    "average": Method("methods.classical:Average", "classical", "Average of both neighbours"),
    "linear": Method("methods.linear:Linear", "fitted", "Linear filter (the null)"),
    "phase": Method("methods.classical:Phase", "classical", "Global shift, averaged"),
    "flow": Method("methods.classical:Flow", "classical", "Optical flow, averaged"),
    "dis": Method("methods.opencv_flow:Dis", "classical", "DIS flow, averaged", expected=False),
    "farneback": Method(
        "methods.opencv_flow:Farneback", "classical", "Farneback flow, averaged", expected=False
    ),
    "bspline": Method(
        "methods.bspline:BSpline",
        "classical",
        "B-spline registration, averaged",
        expected=False,
        extra="bspline",
        module="SimpleITK",
    ),
    "sepconv": Method("methods.sepconv:SepConv", "trained", "SepConv"),
    "dain": Method("methods.dain:Dain", "trained", "DAIN-style"),
    "rife": Method("methods.rife:Rife", "trained", "RIFE"),
    "ssan": Method("methods.ssan:Ssan", "trained", "SSAN"),
    "ifrnet": Method("methods.ifrnet:IfrNet", "trained", "IFRNet"),
}
