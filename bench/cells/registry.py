"""Names to the code behind them, without importing that code until it is chosen."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import UserError
from bench.base.words import unknown

if TYPE_CHECKING:
    from methods.interface import Interpolator, Kind

ENTRY_POINTS = "interslice.methods"


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

# What methods are trained with, the paper's and ours; ``methods.losses`` builds them.
LOSSES: Mapping[str, str] = {
    "l1": "Charbonnier",
    "lf": "Charbonnier + VGG16 features",
    "ls": "Charbonnier + VGG16 features + style balance (after the paper)",
    "lm": "Charbonnier + membranes through a frozen segmenter (ours, not the paper's)",
}


def method_names() -> list[str]:
    """Every known method: the built-in ones, then those of other packages."""
    return [*METHODS, *(name for name in _entry_points() if name not in METHODS)]


def require_method(name: str) -> None:
    """Refuse a name that no method has, without importing any.

    Raises:
        UserError: there is none; the nearest that there is.
    """
    if name not in (names := method_names()):
        unknown("method", name, names)


def require_loss(name: str) -> None:
    """Refuse a name that no loss has.

    Raises:
        UserError: there is none; the nearest that there is.
    """
    if name not in LOSSES:
        unknown("loss", name, list(LOSSES))


def load_method(name: str) -> type[Interpolator]:
    """Import the class behind a method's name.

    Raises:
        UserError: no method of that name, two of them, or its package cannot be imported.
    """
    points = _entry_points()
    if name in METHODS and name in points:
        raise UserError(
            f"A plug-in ({points[name]}) calls its method '{name}', as a built-in one is called; "
            "give it another name in its package, or uninstall it."
        )
    if name in METHODS:
        return _load(METHODS[name].target)
    require_method(name)
    try:
        return _load(points[name])
    except Exception as error:
        raise UserError(
            f"The method '{name}' ({points[name]}) cannot be imported: {error}."
        ) from error


def load_target(text: str) -> type[Interpolator]:
    """Import a class named as ``module:Class``, or a method by its name.

    Raises:
        UserError: it cannot be imported, or is no method.
    """
    if ":" not in text:
        return load_method(text)
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))  # a module beside which the command is typed
    try:
        loaded = _load(text)
    except Exception as error:
        raise UserError(f"'{text}' cannot be imported: {error}.") from error
    from methods.interface import Interpolator

    if not (isinstance(loaded, type) and issubclass(loaded, Interpolator)):
        raise UserError(f"'{text}' is not a class derived from methods.interface.Interpolator.")
    return loaded


def _entry_points() -> dict[str, str]:
    return {point.name: point.value for point in metadata.entry_points(group=ENTRY_POINTS)}


def _load(target: str) -> type[Interpolator]:
    module, _, attribute = target.partition(":")
    loaded: type[Interpolator] = getattr(importlib.import_module(module), attribute)
    return loaded
