"""NRRD files with their data in them, raw or compressed."""

from __future__ import annotations

import bz2
import gzip
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.array_file import ArrayFileStack, check_held
from bench.volumes.formats.axes import NAMELESS
from bench.volumes.formats.stack import Asked
from bench.volumes.formats.unreadable import reading
from bench.volumes.formats.voxel_size import nanometres, unitless

_DTYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long",
           "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_ELSEWHERE = ("data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip")
_IN_SPACE = ("space", "domain", "none", "???")


class NrrdStack(ArrayFileStack):
    """One stack of slices in an NRRD file; mapped into memory where it is raw."""

    def __init__(self, path: Path, asked: Asked) -> None:
        import nrrd

        with reading(str(path)), path.open("rb") as file:
            header = nrrd.read_header(file)
            values = _values(path, header, file)
            axes = _axes(header, values.ndim)
            size, self.notes = _size(str(path), header)
            self.open_array(str(path), values, axes, asked, size)


def _values(path: Path, header: Mapping[str, Any], file: BinaryIO) -> NDArray[Any]:
    """The array, the axis that varies slowest first."""
    if found := [name for name in _ELSEWHERE if header.get(name)]:
        raise UserError(
            f"{path} says with '{found[0]}' that its data begin elsewhere; write one file with "
            "header and data."
        )
    dtype = next((code for code, names in _DTYPES.items() if header["type"] in names), None)
    if dtype is None:
        raise UserError(f"{path} holds values of the type '{header['type']}'; give grey values.")
    kind = np.dtype(f"{'>' if header.get('endian') == 'big' else '<'}{dtype}")
    shape = tuple(int(side) for side in reversed(header["sizes"]))
    if min(shape) < 1:
        raise UserError(f"{path} is empty; give a volume with slices.")
    count, encoding = math.prod(shape) * kind.itemsize, header["encoding"]
    if encoding == "raw":
        return np.memmap(path, kind, "r", file.tell(), shape)
    if encoding not in ("gzip", "gz", "bzip2", "bz2"):
        raise UserError(f"{path} has the encoding '{encoding}'; write it as raw or gzip.")
    check_held(str(path), count)
    # Packers that work in parallel write several members, one after the other.
    with gzip.open(file) if encoding in ("gzip", "gz") else bz2.open(file) as unpacked:
        content = unpacked.read(count)  # no more, whatever a file would swell to
    if len(content) < count:
        raise UserError(f"{path} is cut short or damaged; get it anew.")
    return np.frombuffer(content, kind).reshape(shape)


def _axes(header: Mapping[str, Any], dimensions: int) -> str:
    """A letter for each axis: x, y and z of those in space, in the order in which they vary."""
    kinds = list(header.get("kinds", ())) or ["domain"] * dimensions
    space, letters = iter("XYZ"), list[str]()
    for kind in kinds:
        if str(kind).lower() in _IN_SPACE:
            letters.append(next(space, NAMELESS))
        else:
            letters.append("T" if str(kind).lower() == "time" else "C")
    return "".join(reversed(letters))


def _size(where: str, header: Mapping[str, Any]) -> tuple[list[float] | None, tuple[str, ...]]:
    """Of a voxel in nm along z, y and x, and what is to be said where it has no unit."""
    if "space directions" in header:
        vectors = [v for v in header["space directions"] if np.isfinite(np.asarray(v, float)).all()]
        sides = [float(np.linalg.norm(np.asarray(vector, float))) for vector in vectors]
        units: Sequence[Any] = header.get("space units", ())
    else:
        sides = [float(side) for side in header.get("spacings", ()) if np.isfinite(side)]
        units = header.get("units", ())
    if len(sides) != 3 or not all(0 < side < math.inf for side in sides):
        return None, ()
    factors = {nanometres(str(unit)) for unit in units if str(unit).strip()}
    factor = factors.pop() if len(factors) == 1 else None
    sides.reverse()
    if factor is not None:
        return [side * factor for side in sides], ()
    return None, () if set(sides) == {1.0} else (unitless(where, sides),)
