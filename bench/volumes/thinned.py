"""A volume of which every second, third, ... slice is taken, as if sections were thicker."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.cards import LabelKind
from bench.volumes.formats.stack import Box, Resolution
from bench.volumes.grey_range import GreyUse
from bench.volumes.volume import Volume, grey_digest, present_slices


class ThinnedVolume:
    """Slices 0, n, 2 n, ... of a volume, counted 0, 1, 2, ...; nothing else of it changes.

    Args:
        volume: to take them from.
        every: the n.

    Raises:
        UserError: fewer than three are left.
    """

    def __init__(self, volume: Volume, every: int) -> None:
        depth, *sides = volume.shape
        left = _taken(depth, every)
        if left < 3:
            raise UserError(
                f"'{volume.name}' has {depth} slices, so every {every}th leaves {left}; a triplet "
                "needs at least three, so take more of them with a smaller --every."
            )
        self._volume, self.every = volume, every
        self.name, self.first, self.notes = volume.name, volume.first, volume.notes
        self.has_labels, self.asked = volume.has_labels, volume.asked
        self.corner, self.source_shape = volume.corner, volume.source_shape
        self.shape: tuple[int, int, int] = (left, sides[0], sides[1])
        self.voxel_size = thinned_size(volume.voxel_size, every)
        labelled, y, x = volume.label_box
        self.label_box = slice(_taken(labelled.start, every), _taken(labelled.stop, every)), y, x
        self.missing = frozenset(z // every for z in volume.missing if z % every == 0)

    @property
    def grey(self) -> GreyUse | None:
        """How the source values became 8-bit ones; that of the whole volume."""
        return self._volume.grey

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the shape, the grey values and, where there are any, the missing z."""
        digest = grey_digest(self)
        for z in present_slices(self):
            digest.update(self.slice(z).tobytes())
        return digest.hexdigest()

    def slice(self, z: int) -> NDArray[np.uint8]:
        """The grey values of one slice, HW."""
        return self._volume.slice(z * self.every)

    def labels(self, z: int, kind: LabelKind = "ids") -> NDArray[np.uint64] | None:
        """The labels of one slice, HW."""
        return self._volume.labels(z * self.every, kind)

    def mask(self, z: int) -> NDArray[np.bool_] | None:
        """Where one slice shows tissue, HW; None without a mask."""
        return self._volume.mask(z * self.every)

    def crop(self, box: Box) -> ThinnedVolume:
        """A part of the volume; whoever closes the volume closes the part."""
        z, y, x = box
        thick = slice(z.start * self.every, (z.stop - 1) * self.every + 1)
        return ThinnedVolume(self._volume.crop((thick, y, x)), self.every)

    def close(self) -> None:
        """Let go of the files."""
        self._volume.close()


def thinned(volume: Volume, every: int) -> Volume:
    """Every n-th slice of a volume; the volume itself where that is every one."""
    return volume if every == 1 else ThinnedVolume(volume, every)


def thinned_size(size: Resolution | None, every: int) -> Resolution | None:
    """The voxel size (z, y, x) of every n-th slice, in the unit of ``size``."""
    if size is None or every == 1:
        return size
    z, y, x = size
    return None if z is None else z * every, y, x


def _taken(slices: int, every: int) -> int:
    """How many of the first so many slices are taken."""
    return -(-slices // every)
