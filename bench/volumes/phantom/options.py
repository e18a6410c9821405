"""What a phantom is made with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.base.errors import UserError


@dataclass(frozen=True)
class PhantomOptions:
    """Size and dials of a phantom; the defaults lie near SNEMI3D AC4 (mouse cortex).

    Attributes:
        seed: everything random follows from it.
        depth: number of slices.
        height: pixels along y.
        width: pixels along x.
        voxel: edge of a pixel in nm; sizes of structures are fixed in nm.
        thickness: section thickness in nm; thicker sections differ more from their neighbours.
        deformation: smooth elastic displacement left in each slice, standard deviation in pixels.
        drift: shift left in each slice, standard deviation in pixels.
        blur: spread of defocus between slices, in pixels on top of a common sharpness.
        noise: detector noise, standard deviation in grey levels at medium grey.
        flicker: standard deviation of a slice's mean brightness in grey levels; its contrast
            varies along by a relative ``flicker / 300``.
    """

    seed: int = 0
    depth: int = 60
    height: int = 512
    width: int = 512
    voxel: float = 6.0
    thickness: float = 30.0
    deformation: float = 0.6
    drift: float = 0.8
    blur: float = 0.25
    noise: float = 4.2
    flicker: float = 22.0

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            UserError: a size below 1 pixel, a length of 0 nm or a dial below 0.
        """
        for name in ("depth", "height", "width"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("voxel", "thickness"):
            self._require(name, 0 < getattr(self, name) < math.inf, "a length in nm above 0")
        for name in ("deformation", "drift", "blur", "noise", "flicker"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "0 or more")

    def _require(self, name: str, good: bool, wanted: str) -> None:
        if not good:
            raise UserError(f"The phantom's {name} cannot be {getattr(self, name)}: give {wanted}.")

    @property
    def spacing(self) -> float:
        """Distance of two sections in pixels."""
        return self.thickness / self.voxel

    @property
    def extent(self) -> tuple[float, float, float]:
        """Edges of the volume in pixels (z, y, x)."""
        return self.depth * self.spacing, float(self.height), float(self.width)
