"""What the triplet file keeps of a volume beside its pixels, for whoever reads it later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from bench.volumes.formats.stack import Resolution
from bench.volumes.grey_range import GreyFacts, GreyRange
from bench.volumes.tissue import PaddingFacts
from bench.volumes.volume import Volume


class VolumeFacts(BaseModel):
    """A volume as the triplet file describes it.

    Attributes:
        name: in the keys of the triplets.
        shape: z, y, x, of the slices that were taken.
        voxel_size: in nm (z, y, x) where its file says so; z may be None.
        grey_range: the source values that became 0 and 255; None where values were 8-bit.
        sha256: of shape, holes and grey values.
        padding: what shows no tissue; None where everything is tissue.
        grey: what the grey range left of the values; None where values were 8-bit.
        missing: the z that have no slice.
        every: which slices of the source were taken; its z are those of the source.
        region: where the voxels that were taken begin and end in the source, along z, y and x;
            None for all of them. Positions in the keys are those of the source.
        source_shape: z, y, x of the source, where a region of it was taken.
        level: which scale of the source was read.
        first: the number that the source gives to z = 0; 0 where no slice is missing.
        axes: a letter for each stored axis, where the user gave them.
        channel: which one was read, where the user said so.
        notes: what was decided about its files that a user has to know, in sentences.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    shape: tuple[int, int, int]
    voxel_size: Resolution | None
    grey_range: GreyRange | None
    sha256: str
    padding: PaddingFacts | None = None
    grey: GreyFacts | None = None
    missing: tuple[int, ...] = ()
    every: int = 1
    region: tuple[tuple[int, int], ...] | None = None
    source_shape: tuple[int, int, int] | None = None
    level: int = 0
    first: int = 0
    axes: str | None = None
    channel: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def slices(self) -> int:
        """How many slices there are: the depth less what is missing."""
        return self.shape[0] - len(self.missing)

    @property
    def corner(self) -> tuple[int, int, int]:
        """The voxel of the source (z, y, x) where the volume begins."""
        if self.region is None:
            return 0, 0, 0
        z, y, x = (low for low, _ in self.region)
        return z, y, x

    def as_json(self) -> dict[str, Any]:
        """The facts as the file stores them, without what has its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


def facts_of(volume: Volume, sha256: str, padding: PaddingFacts | None) -> VolumeFacts:
    """What is known of a volume once all of it has been read.

    Args:
        volume: the source stack.
        sha256: its digest.
        padding: what of it shows no tissue.
    """
    use, asked = volume.grey, volume.asked
    return VolumeFacts(
        name=volume.name,
        shape=volume.shape,
        voxel_size=volume.voxel_size,
        grey_range=None if use is None else use.range,
        sha256=sha256,
        padding=padding,
        grey=None if use is None else use.facts,
        missing=tuple(sorted(volume.corner[0] + z * volume.every for z in volume.missing)),
        every=volume.every,
        region=None if asked.box is None else tuple((s.start, s.stop) for s in asked.box),
        source_shape=None if asked.box is None else volume.source_shape,
        level=asked.level,
        first=volume.first - volume.corner[0] if volume.missing else 0,
        axes=None if asked.axes is None else asked.axes.lower(),
        channel=asked.channel,
        notes=volume.notes,
    )


def missing_by_volume(volumes: Iterable[VolumeFacts]) -> dict[str, list[int]]:
    """The missing z of each volume that lacks any."""
    return {volume.name: list(volume.missing) for volume in volumes if volume.missing}
