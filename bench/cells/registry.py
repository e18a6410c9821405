"""Names to the code behind them, without importing that code until it is chosen."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.base.words import unknown
from methods.catalogue import METHODS as METHODS

if TYPE_CHECKING:
    from methods.interface import Interpolator

ENTRY_POINTS = "interslice.methods"

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
    if name in (names := method_names()):
        return
    if ":" in name:
        raise UserError(
            f"'{name}' is a class; only check-method takes one. Give it a name in the entry points "
            f"'{ENTRY_POINTS}' of its package (docs/how-to/add-a-method.md)."
        )
    unknown("method", name, names)


def origin(name: str) -> dict[str, str]:
    """Where the code of another package's method comes from; nothing of a built-in one.

    Returns:
        ``package``, its name and version, and ``source``, the SHA-256 of the module.
    """
    point = _entry_points().get(name)
    if point is None or name in METHODS:
        return {}
    found = {} if point.dist is None else {"package": f"{point.dist.name} {point.dist.version}"}
    path = getattr(sys.modules.get(point.module), "__file__", None)
    return found | ({} if path is None else {"source": file_digest(Path(path))})


def installed_source(name: str) -> str | None:
    """SHA-256 of the module of another package's method as it is installed; else None."""
    try:
        load_method(name)
    except UserError:
        return None
    return origin(name).get("source")


def code_changed(name: str, facts: Mapping[str, Any]) -> bool:
    """Whether another package's method has other code than when ``origin`` was written down.

    Args:
        name: of the method.
        facts: that a record keeps of it; where they or the method have no source, it has not.
    """
    then = facts.get("source")
    return then is not None and installed_source(name) not in (None, then)


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
            f"A plug-in ({points[name].value}) calls its method '{name}', as a built-in one is "
            "called; give it another name in its package, or uninstall it."
        )
    if name in METHODS:
        return _load(METHODS[name].target)
    require_method(name)
    try:
        return _load(points[name].value)
    except Exception as error:
        raise UserError(
            f"The method '{name}' ({points[name].value}) cannot be imported: {error}."
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


def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def _load(target: str) -> type[Interpolator]:
    module, _, attribute = target.partition(":")
    loaded: type[Interpolator] = getattr(importlib.import_module(module), attribute)
    return loaded
