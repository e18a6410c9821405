"""What every volume is: 8-bit grey slices, read one at a time, and labels where there are any."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.cards import LabelKind
from bench.volumes.formats.stack import MAX_SLICE_PIXELS, Asked, Box, Resolution
from bench.volumes.grey_range import GreyUse

if TYPE_CHECKING:
    from hashlib import _Hash


class Volume(Protocol):
    """A source stack, lazy: what is read of one slice at a time is in memory.

    Attributes:
        name: file stem; goes into the keys of the triplets.
        shape: z, y, x.
        voxel_size: in nm (z, y, x), where the file says so; z may be unknown.
        has_labels: whether ``labels`` ever returns any.
        label_box: the part of the volume that the label file covers.
        missing: positions within the shape for which there is no slice; reading one is an error.
        first: the number that the source gives to the slice at position 0.
        corner: the voxel of the source (z, y, x) where the volume begins.
        every: how far apart in the source two neighbouring slices are.
        notes: what was decided about the files that their user has to know, in sentences.
        asked: what the user said of the source beside its path: axes, channel, scale and part.
        source_shape: z, y, x of the source.
    """

    name: str
    shape: tuple[int, int, int]
    voxel_size: Resolution | None
    has_labels: bool
    label_box: Box
    missing: frozenset[int]
    first: int
    corner: tuple[int, int, int]
    every: int
    notes: tuple[str, ...]
    asked: Asked
    source_shape: tuple[int, int, int]

    @property
    def grey(self) -> GreyUse | None:
        """How the source values became 8-bit ones; None where they were."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 over the shape, the grey values and, where there are any, the missing z."""
        ...

    def slice(self, z: int) -> NDArray[np.uint8]:
        """The grey values of one slice, HW."""
        ...

    def labels(self, z: int, kind: LabelKind = "ids") -> NDArray[np.uint64] | None:
        """The labels of one slice, HW; ``UNLABELLED`` where there are none for a pixel."""
        ...

    def mask(self, z: int) -> NDArray[np.bool_] | None:
        """Where one slice shows tissue, HW, as a mask file has it; None without one."""
        ...

    def crop(self, box: Box) -> Volume:
        """A part of the volume; whoever closes the volume closes the part."""
        ...

    def close(self) -> None:
        """Let go of the files."""
        ...


def check_slices(name: str, shape: tuple[int, int, int]) -> None:
    """Refuse a volume whose slices are too large to be read whole.

    Args:
        name: of the volume.
        shape: of it.

    Raises:
        UserError: they have more pixels than the alignment has memory for.
    """
    _, height, width = shape
    if height * width > MAX_SLICE_PIXELS:
        raise UserError(
            f"The slices of {name} have {height} x {width} pixels, more than the "
            f"{MAX_SLICE_PIXELS:,} that are read at once; give `bench data build` --tiles 400 to "
            "draw so many tiles from it, or --region to take a part."
        )


def present_slices(volume: Volume) -> list[int]:
    """The z that have a slice, in order."""
    return [z for z in range(volume.shape[0]) if z not in volume.missing]


def grey_digest(volume: Volume) -> _Hash:
    """A SHA-256 of shape and holes; the caller adds the grey values of every slice."""
    digest = hashlib.sha256(repr(tuple(volume.shape)).encode())
    if volume.missing:
        digest.update(repr(sorted(volume.missing)).encode())
    return digest
