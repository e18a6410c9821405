"""Voxel sizes: from the units that files use to nm, and which sizes cannot be one."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from bench.base.errors import UserError
from bench.volumes.formats.stack import Resolution

# Slices for electron microscopy are cut from 4 to some 100 nm thick; pixels are finer than a
# light microscope's and coarser than an atom.
FINEST, COARSEST = 0.1, 1000.0  # nm, of a pixel's side
THICKEST = 10_000.0  # nm
LEAST_SQUARE = 2.0  # a pixel is less than so many times as long as wide
SAME = 0.01  # relative difference that rounding explains
ASSUMED_PIXEL = 5.0  # nm, where neither the volume nor its card says

_NANOMETRES = {
    "pm": 1e-3, "a": 0.1, "å": 0.1, "angstrom": 0.1, "angstroms": 0.1, "nm": 1.0,
    "nanometer": 1.0, "nanometers": 1.0, "nanometre": 1.0, "nanometres": 1.0, "um": 1e3,
    "µm": 1e3, "micron": 1e3, "microns": 1e3, "micrometer": 1e3, "micrometers": 1e3,
    "micrometre": 1e3, "micrometres": 1e3, "mm": 1e6, "millimeter": 1e6, "millimetre": 1e6,
    "cm": 1e7, "inch": 2.54e7, "m": 1e9, "meter": 1e9, "metre": 1e9,
}  # fmt: skip
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")  # as ImageJ writes the micro sign


def nanometres(unit: str) -> float | None:
    """How many nm a unit has; None for what is no known length."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), unit).strip().lower()
    return _NANOMETRES.get(plain.replace("\u03bc", "µ"))


def rounded(side: float) -> float:
    """A length in six digits: what single precision adds to them is noise."""
    return float(f"{side:.6g}")


def unit_of(where: str, attributes: Mapping[str, Any]) -> float:
    """How many nm the attribute ``unit`` or ``units`` says; 1 where there is none.

    Args:
        where: what error messages call the array.
        attributes: of the array; a unit is a word, or a list with one for each axis.

    Raises:
        UserError: they name several units, or what is no length.
    """
    for name in ("unit", "units"):
        given = attributes.get(name, ())
        words = {str(each) for each in ([given] if isinstance(given, str) else given)}
        if not words:
            continue
        factor = nanometres(words.pop()) if len(words) == 1 else None
        if factor is None:
            raise UserError(
                f"The attribute '{name}' of {where} is {given}, not one unit of length; write nm "
                "or um."
            )
        return factor
    return 1.0


def unitless(where: str, size: Sequence[float]) -> str:
    """The sentence about a voxel size without a unit."""
    numbers = " x ".join(f"{side:g}" for side in size)
    return (
        f"{where} says a voxel size of {numbers} without a unit, which is not used; say what is "
        "right with --voxel-size."
    )


def lengths(where: str, what: str, values: Any, *, positive: bool = True) -> list[float]:
    """Numbers of metadata that are lengths.

    Args:
        where: what error messages call the array.
        what: the name of the entry.
        values: of the entry.
        positive: whether each has to be above 0; otherwise it has to be finite.

    Raises:
        UserError: they are no such numbers.
    """
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        numbers = [math.nan]
    if not all(math.isfinite(number) and (number > 0 or not positive) for number in numbers):
        raise UserError(
            f"'{what}' in the metadata of {where} is {values}, not a length along each axis; "
            "write it anew."
        )
    return numbers


def check_sizes(sizes: Mapping[str, Resolution | None]) -> None:
    """Refuse voxel sizes that cannot be one, or that differ between the volumes of a dataset.

    Args:
        sizes: in nm (z, y, x) by the name of the volume; None where its file does not say.

    Raises:
        UserError: what a file says, and what it probably means.
    """
    for name, size in sizes.items():
        if size is not None and (meaning := _meaning(size)):
            raise UserError(
                f"The file of '{name}' says that a voxel has {words(size)} nm (z, y, x), which "
                f"cannot be: {meaning}; say what is right with --voxel-size Z,Y,X in nm."
            )
    for (one, size), (other, another) in combinations(sizes.items(), 2):
        if not same_size(size, another):
            raise UserError(
                f"A voxel has {words(size or ())} nm in '{one}' and {words(another or ())} nm in "
                f"'{other}'; build a dataset of each, or say what is right with --voxel-size."
            )


def doubt_size(size: Resolution | None) -> str:
    """One sentence if a voxel size that somebody gave is implausible; empty if not."""
    if size is None or not (meaning := _meaning(size)):
        return ""
    return f"A voxel of {words(size)} nm (z, y, x) is believed as it was given, but {meaning}."


def _meaning(size: Resolution) -> str:
    z, y, x = size
    known = [side for side in size if side is not None]
    if max(y, x) >= COARSEST or max(known) > THICKEST:
        return f"a pixel is finer than {COARSEST:g} nm, and no slice thicker than {THICKEST:g} nm"
    if min(known) < FINEST:
        for unit in ("micrometres", "millimetres", "metres"):
            factor = _NANOMETRES[unit.removesuffix("s")]
            if factor * min(known) >= FINEST and factor * max(y, x) < COARSEST:
                return f"perhaps they are {unit}"
        return f"no pixel is finer than {FINEST:g} nm"
    if max(y, x) >= LEAST_SQUARE * min(y, x):
        square = z is not None and max(z, y) < LEAST_SQUARE * min(z, y)
        return "perhaps the order is x, y, z" if square else "pixels are about as long as wide"
    return ""


def same_size(one: Resolution | None, other: Resolution | None) -> bool:
    """Whether two voxel sizes agree as far as both are known."""
    if one is None or other is None:
        return True
    return all(
        a is None or b is None or math.isclose(a, b, rel_tol=SAME)
        for a, b in zip(one, other, strict=True)
    )


def words(size: Sequence[float | None]) -> str:
    """A voxel size as people write it."""
    return " x ".join("?" if side is None else f"{side:g}" for side in size)
