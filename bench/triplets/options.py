"""How triplets are made: every option of a build, checked."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.triplets.histogram import ReferenceName
from bench.triplets.reject import Rules
from bench.triplets.split import Axis, SplitName
from bench.volumes.cards import SAID, LabelKind, LabelZero, VoxelSize

LEAST_TILE = 32
WIDEST_GAP = 3


class BuildOptions(BaseModel):
    """How triplets are made; all of it is written into the file.

    Attributes:
        every: which of the volume's slices are taken: every one, every second and so on, so that
            thin slices become thicker sections. All sizes in z are those of the slices taken.
        gap: how many slices in a row are missing; a triplet is made for each of them.
        tile: side of a triplet's frames in pixels; where it is not given, the build takes the
            largest of 512, 256 and 128 that fits.
        stride: step of the grid on the middle slice in pixels; the tile's side if not given.
        tiles: about how many triplets are drawn from each volume, evenly; None for all of them.
        align: whether neighbours are aligned to the middle by template matching.
        search: largest shift looked for along each axis, in pixels.
        histogram: what slices are mapped to: ``dataset``, the mean quantile function of the
            slices of training triplets, each slice by itself, so that nothing leaks;
            ``before``, middle and after to the slice before; ``middle``, both neighbours
            to the middle, which a real repair does not have (all slices around a wider gap to
            the one that the alignment starts from); ``none``.
        split: ``blocked`` into five equal blocks along ``split_axis``, or ``paper``: at
            random, whatever neighbouring triplets share.
        split_axis: z, y or x.
        fold: which block is the test split; 0 is the last.
        seed: of the ``paper`` split.
        rules: thresholds of rejection.
        label_kind: ``ids`` or ``membrane_mask``; None where the card is believed.
        label_zero: what id 0 means, ``membrane`` or ``ignore``; likewise.
        voxel_size: of the volume in nm (z, y, x), believed before its own; None where the
            volume, or else the card, is believed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: int = Field(default=1, ge=1)
    gap: int = Field(default=1, ge=1, le=WIDEST_GAP)
    tile: int = Field(default=512, ge=LEAST_TILE)
    stride: int = Field(default=512, ge=1)
    tiles: int | None = Field(default=None, ge=1)
    align: bool = True
    search: int = Field(default=16, ge=0)
    histogram: ReferenceName = "dataset"
    split: SplitName = "blocked"
    split_axis: Axis = "z"
    fold: int = Field(default=0, ge=0, le=4)
    seed: int = Field(default=0, ge=0)
    rules: Rules = Rules()
    label_kind: LabelKind | None = None
    label_zero: LabelZero | None = None
    voxel_size: VoxelSize | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What the options say of the volume, in the words of its card."""
        return self.model_dump(include=set(SAID), exclude_none=True)

    def as_json(self) -> dict[str, Any]:
        """The options as the file stores them; that ``every`` or ``gap`` is 1 is not said."""
        usual = {name for name in ("every", "gap") if getattr(self, name) == 1}
        return self.model_dump(mode="json", exclude_none=True, exclude=usual)

    @property
    def slices(self) -> int:
        """How many slices a triplet is cut from, with the other missing ones of its gap."""
        return self.gap + 2

    @property
    def reference(self) -> int:
        """Which of those slices, from 0, the tiles are laid on and the alignment starts from."""
        return (self.gap + 1) // 2

    @property
    def reach(self) -> int:
        """How many pixels a slice has to be wider than a tile, whatever the shifts.

        Each slice may lie as far from the next one as is searched, all to the same side.
        """
        return (self.gap + 1) * self.search if self.align else 0

    @model_validator(mode="before")
    @classmethod
    def _tiles_touch(cls, values: Any) -> Any:
        if isinstance(values, dict) and "tile" in values:
            return {"stride": values["tile"], **values}
        return values

    @model_validator(mode="after")
    def _search_is_used(self) -> Self:
        if self.align and self.search == 0:
            raise ValueError("search is 0; turn the alignment off instead")
        return self

    @model_validator(mode="after")
    def _zero_is_an_id(self) -> Self:
        if self.label_kind == "membrane_mask" and self.label_zero is not None:
            raise ValueError(
                "label-zero is for ids; in a mask anything but 0 is membrane, so invert one that "
                "is 0 on membranes"
            )
        return self
