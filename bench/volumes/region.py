"""A part of a volume that is taken as the whole: how it is written, and which voxels it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from bench.base.errors import UserError
from bench.volumes.formats.stack import Box, Resolution, Stack
from bench.volumes.formats.voxel_size import nanometres

_SIDE = re.compile(r"([^:]*):([^:]*)")
_BOUND = re.compile(r"(\d+(?:\.\d+)?)\s*([^\d\s.]*)")
_EXAMPLE = "give z0:z1,y0:y1,x0:x1 in voxels or with a unit, for instance 0:2um,:,1000:3000"

_Bound = tuple[float, str] | None  # a number and its unit; None for an open end
_Bounds = tuple[tuple[_Bound, _Bound], ...]


def parse_region(value: Any) -> Any:
    """The bounds along z, y and x of ``0:100,512:,1um:3um``; empty for the empty text.

    Raises:
        ValueError: it is not written like that.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return ()
    sides = [_SIDE.fullmatch(side.strip()) for side in value.split(",")]
    if len(sides) != 3 or None in sides:
        raise ValueError(_EXAMPLE)
    return tuple((_bound(side[1]), _bound(side[2])) for side in sides if side)


Region = Annotated[_Bounds, BeforeValidator(parse_region)]


def _bound(text: str) -> _Bound:
    if not text.strip():
        return None
    found = _BOUND.fullmatch(text.strip())
    known = found is not None and (nanometres(found[2]) if found[2] else "." not in found[1])
    if found is None or not known:
        raise ValueError(_EXAMPLE)
    return float(found[1]), found[2]


@dataclass(frozen=True)
class Part:
    """Which part of a volume is taken.

    Attributes:
        bounds: as ``parse_region`` gives them; empty for all of the volume.
        said: the size of a voxel in nm (z, y, x) that counts before that of the volume's file.
        known: the one that counts where the file does not say any.
    """

    bounds: Region = ()
    said: Resolution | None = None
    known: Resolution | None = None

    def box(self, volume: Stack) -> Box | None:
        """The voxels that are taken; None for all of them.

        Lengths are counted from the first voxel, and rounded to the nearest border of two voxels.

        Raises:
            UserError: the part is empty or not within the volume, or the size of a voxel is needed
                but not known.
        """
        if not self.bounds:
            return None
        sizes = self.said or volume.resolution or self.known or (None, None, None)
        sides = list[slice]()
        for axis, bounds, length, size in zip("zyx", self.bounds, volume.shape, sizes, strict=True):
            low, high = (_voxels(volume.where, bound, size) for bound in bounds)
            start, stop = 0 if low is None else low, length if high is None else high
            if not start < stop <= length:
                raise UserError(
                    f"{volume.where} has {length} voxels along {axis}, and --region asks for "
                    f"{start} to {stop}; give a part that lies within it."
                )
            sides.append(slice(start, stop))
        z, y, x = sides
        return z, y, x


def _voxels(where: str, bound: _Bound, side: float | None) -> int | None:
    if bound is None:
        return None
    number, unit = bound
    if not unit:
        return int(number)
    if side is None:
        raise UserError(
            f"{where} does not say the size of its voxels, which --region in {unit} needs; say it "
            "with --voxel-size Z,Y,X in nm, or give the region in voxels."
        )
    return round(number * (nanometres(unit) or 1.0) / side)


def label_part(labels: Stack, box: Box, region: Box) -> tuple[Stack, Box] | None:
    """The labels within a region, and where they lie in it; None where nothing is labelled.

    Args:
        labels: of a part of the whole volume.
        box: that part.
        region: of the whole volume.
    """
    here = [
        slice(max(one.start, other.start), min(one.stop, other.stop))
        for one, other in zip(box, region, strict=True)
    ]
    if any(side.start >= side.stop for side in here):
        return None
    z, y, x = (_shifted(side, -low.start) for side, low in zip(here, box, strict=True))
    part = labels.crop((z, y, x))
    z, y, x = (_shifted(side, -low.start) for side, low in zip(here, region, strict=True))
    return part, (z, y, x)


def mask_part(mask: Stack, region: Box) -> Stack:
    """A mask within a region; one slice may hold for all."""
    depth, *sides = region
    return mask.crop((depth if mask.shape[0] > 1 else slice(0, 1), sides[0], sides[1]))


def _shifted(side: slice, by: int) -> slice:
    return slice(side.start + by, side.stop + by)
