"""From which numbers on something is damage."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Limits of the rules; docs/reference/damage.md says on what they were chosen.

    Attributes:
        blank: share of a slice's tissue that has one grey value, or is black or white.
        duplicate: how much more alike two neighbouring slices are than usual, in robust
            standard deviations of Fisher's z.
        continuity: how much less alike, in the same unit.
        blur: how many times less fine detail a slice has than usual.
        departure: how far a place departs from both neighbours, summed over its cells of 4 x 4
            pixels and divided by the root of their number, in robust standard deviations.
        texture: how much less texture than both neighbours a place has, in the same unit.
        unusual: how many times further than the strongest place of a usual slice of the volume.
        rare: likewise, how many times as far beyond it as that of the upper quartile of slices; if
            numbers fall off exponentially, one slice in 12 has a stronger one.
        most: how many times further ``rare`` asks for at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    blank: float = Field(default=0.5, gt=0, le=1)
    duplicate: float = Field(default=10.0, gt=0)
    continuity: float = Field(default=4.0, gt=0)
    blur: float = Field(default=1.7, ge=1)
    departure: float = Field(default=35.0, gt=0)
    texture: float = Field(default=40.0, gt=0)
    unusual: float = Field(default=1.8, ge=1)
    rare: float = Field(default=2.4, gt=0)
    most: float = Field(default=2.4, ge=1)

    def least(self, rule: str) -> float:
        """The limit of places that are found by a rule, in any volume; the lowest there is."""
        return self.texture if rule == "texture" else self.departure
