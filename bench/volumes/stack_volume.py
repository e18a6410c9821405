"""Volumes over stacks of slices: on disk (``StackVolume``) or in memory (``ArrayVolume``)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bench.base.closing import Closing
from bench.base.errors import UserError
from bench.volumes.cards import LabelKind
from bench.volumes.formats.array import ArrayStack
from bench.volumes.formats.stack import (
    MAX_SLICE_PIXELS,
    Asked,
    Box,
    Nanometres,
    Stack,
    checked_depth,
    whole_box,
)
from bench.volumes.grey_range import GreyUse, GreyWish, as_type, as_words, grey_use, to_8_bits
from bench.volumes.holes import positions
from bench.volumes.label_ids import ids_of
from bench.volumes.label_offset import counted_alike, label_corner, laid_by_shape
from bench.volumes.region import label_part, mask_part
from bench.volumes.volume import check_slices, grey_digest, present_slices
from segmentation.labels import UNLABELLED

_WINDOW = 2**12  # pixels: side of what is looked at of a slice that is too large to be read


class StackVolume(Closing):
    """A volume over a stack of grey slices and, where given, one of labels and one of masks.

    Use it as a context manager, or call ``close``.
    """

    every = 1

    def __init__(
        self,
        name: str,
        raw: Stack,
        labels: Stack | None,
        grey_range: GreyWish | None,
        mask: Stack | None = None,
        missing: Iterable[int] = (),
        asked: Asked | None = None,
    ) -> None:
        self.asked = asked or Asked()
        region = self.asked.box
        part = raw if region is None else raw.crop(region)
        _check_grey(part, grey_range)
        self.name, self.shape = name, checked_depth(raw.where, part.shape)
        self.voxel_size, self.notes = raw.resolution, raw.notes
        self.first, self.corner, self.source_shape = part.first, part.corner, raw.shape
        holes = positions(raw.where, missing, raw.first, raw.shape[0])
        skipped = 0 if region is None else region[0].start
        taken = {z - skipped for z in holes if 0 <= z - skipped < self.shape[0]}
        self.missing = part.missing | taken
        self._grey_range = grey_range
        self.has_labels, self.label_box = False, whole_box(self.shape)
        if labels is not None:
            self.has_labels, labels = True, counted_alike(raw, labels)
            self.notes += (*labels.notes, *laid_by_shape(raw, labels))
            labels, self.label_box = _labels_within(raw, labels, region)
        if mask is not None:
            self.notes += (*mask.notes, *laid_by_shape(raw, mask))
            mask = _mask_within(raw, mask, region)
        self._raw, self._labels, self._mask = part, labels, mask

    @property
    def raw(self) -> Stack:
        """The grey values as they are stored, of the part that is taken."""
        return self._raw

    def stored(self, grey: NDArray[np.floating[Any]]) -> NDArray[Any]:
        """Grey values as the source would store them: the reverse of how it is read.

        Integers are rounded, and clipped to those that the type has. A value of up to 16 bits
        within the grey range comes back from float32; through ``slice``, which has 8 bits, one
        comes back within half a grey level, a 510th of the range.

        Args:
            grey: of any shape, in [0, 1].

        Returns:
            Of the same shape, in the type of the source.
        """
        low, high = (0.0, 255.0) if self.grey is None else self.grey.range
        shown = np.asarray(grey, dtype=np.float64)
        values = low + (1.0 - shown if self._raw.inverted else shown) * (high - low)
        return as_type(values, self._raw.dtype.newbyteorder("="))

    def slice(self, z: int) -> NDArray[np.uint8]:
        """The grey values of one slice, HW.

        Raises:
            UserError: the slice is missing, cannot be read, or holds NaN or infinity.
        """
        return self.shown(self._finite(self._raw, z))

    def shown(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The grey values of what is stored; neither NaN nor infinity is among it."""
        grey = values if self.grey is None else to_8_bits(values, *self.grey.range)
        return 255 - grey if self._raw.inverted else grey

    @cached_property
    def grey(self) -> GreyUse | None:
        """How the source values became 8-bit ones; None where they were.

        Raises:
            UserError: a slice cannot be read, or the range leaves too few grey levels.
        """
        if self._grey_range is None:
            return None
        return grey_use(self._raw.where, self._grey_range, present_slices(self), self._looked_at)

    def _looked_at(self, z: int) -> NDArray[Any]:
        """One slice as it is stored, HW; of one that is too large to be read, a window."""
        depth, *sides = self.shape
        if math.prod(sides) <= MAX_SLICE_PIXELS:
            return self._finite(self._raw, z)
        random = np.random.default_rng(z)
        corner = [int(random.integers(max(1, side - _WINDOW))) for side in sides]
        y, x = (
            slice(low, min(low + _WINDOW, side)) for low, side in zip(corner, sides, strict=True)
        )
        return self._finite(self._raw.crop((slice(0, depth), y, x)), z)

    def _finite(self, raw: Stack, z: int) -> NDArray[Any]:
        """One slice of the grey values, or of a part of each, as it is stored, HW."""
        if z in self.missing:
            raise UserError(f"Slice {self.first + z} of {raw.where} is missing.")
        check_slices(raw.where, raw.shape)
        values = raw.read(z)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(
                f"Slice {self.first + z} of {raw.where} holds NaN or infinity; fill "
                "these pixels first."
            )
        return values

    def labels(self, z: int, kind: LabelKind = "ids") -> NDArray[np.uint64] | None:
        """The labels of one slice, HW; ``UNLABELLED`` outside what was labelled.

        Raises:
            UserError: the slice cannot be read, or a value is no label (see ``ids_of``).
        """
        if not self.has_labels:
            return None
        whole = np.full(self.shape[1:], UNLABELLED, dtype=np.uint64)
        if self._labels is None:  # of another part of the volume
            return whole
        depth, *sides = self.label_box
        there = z - depth.start
        if depth.start <= z < depth.stop and there not in self._labels.missing:
            where = f"Slice {self._labels.first + there} of {self._labels.where}"
            whole[tuple(sides)] = ids_of(self._labels.read(there), kind, where)
        return whole

    def mask(self, z: int) -> NDArray[np.bool_] | None:
        """Where one slice shows tissue, HW: anything but 0 in the mask; None without one.

        Raises:
            UserError: the slice cannot be read, or the mask lacks it.
        """
        if self._mask is None:
            return None
        there = z if self._mask.shape[0] > 1 else 0
        if there in self._mask.missing:
            raise UserError(
                f"{self._mask.where} has no slice {self._mask.first + there}, which "
                f"{self._raw.where} has; give a picture for it, or leave that slice of the volume "
                f"out with --missing {self.first + z}."
            )
        return np.asarray(self._mask.read(there) != 0)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the shape, the grey values and, where there are any, the missing z.

        Reads every slice once.
        """
        digest = grey_digest(self)
        for z in present_slices(self):
            digest.update(self.slice(z).tobytes())
        return digest.hexdigest()

    def crop(self, box: Box) -> Self:
        """A part of the volume, with the grey range of all of it.

        Whoever closes the volume closes the part.
        """
        part = copy.copy(self)
        vars(part).pop("digest", None)
        part.grey = self.grey
        part._raw = self._raw.crop(box)
        part.shape, part.first, part.corner = part._raw.shape, part._raw.first, part._raw.corner
        first, last = box[0].start, box[0].stop
        part.missing = frozenset(z - first for z in self.missing if first <= z < last)
        if self._labels is not None:
            found = label_part(self._labels, self.label_box, box)
            part._labels, part.label_box = found or (None, whole_box((0, 0, 0)))
        if self._mask is not None:
            part._mask = mask_part(self._mask, box)
        return part

    def close(self) -> None:
        """Close the files."""
        self._raw.close()
        for beside in (self._labels, self._mask):
            if beside is not None:
                beside.close()


class ArrayVolume(StackVolume):
    """A volume in memory: the phantom, or an array of one's own.

    Args:
        name: goes into the keys of the triplets.
        raw: uint8 ZYX.
        labels: integer ZYX of the same shape.
        voxel_size: in nm (z, y, x).
        missing: the z that have no slice, whatever the array holds there.
    """

    def __init__(
        self,
        name: str,
        raw: NDArray[np.uint8],
        labels: NDArray[Any] | None = None,
        voxel_size: Nanometres | None = None,
        missing: Iterable[int] = (),
    ) -> None:
        ids = None if labels is None else ArrayStack(f"labels of '{name}'", labels)
        stack = ArrayStack(f"The volume '{name}'", raw)
        super().__init__(name, stack, ids, None, missing=missing)
        self.voxel_size = voxel_size


def _labels_within(raw: Stack, labels: Stack, region: Box | None) -> tuple[Stack, Box]:
    """The labels of what is taken of a volume, and which part of that they cover."""
    corner = label_corner(raw, labels)
    z, y, x = (slice(low, low + size) for low, size in zip(corner, labels.shape, strict=True))
    if region is None:
        return labels, (z, y, x)
    found = label_part(labels, (z, y, x), region)
    if found is None:
        raise UserError(
            f"{labels.where} covers no voxel of --region; give a region with labels, or leave "
            "--labels out."
        )
    return found


def _mask_within(raw: Stack, mask: Stack, region: Box | None) -> Stack:
    if mask.shape not in (raw.shape, (1, *raw.shape[1:])):
        raise UserError(
            f"{mask.where} has the shape {mask.shape}, but {raw.where} has {raw.shape}; give a "
            "mask of the same volume, or one slice that holds for all."
        )
    if mask.shape == raw.shape:
        label_corner(raw, mask, "a mask")
    return mask if region is None else mask_part(mask, region)


def _check_grey(raw: Stack, grey_range: GreyWish | None) -> None:
    if raw.shape[0] < 3:
        raise UserError(f"{raw.where} has {raw.shape[0]} slices; a triplet needs at least three.")
    if raw.dtype.kind not in "uif":
        raise UserError(f"{raw.where} holds {raw.dtype} values; give grey values.")
    if grey_range is None and raw.dtype != np.uint8:
        raise UserError(
            f"{raw.where} holds {raw.dtype} values, not 8-bit ones; give --grey-range auto, or "
            "state which values are black and white with --grey-range LOW,HIGH."
        )
    if grey_range is None or isinstance(grey_range, str):
        return
    low, high = grey_range
    if not -np.inf < low < high < np.inf:
        raise UserError(
            f"The grey range {as_words((low, high))} is empty; give LOW,HIGH with LOW < HIGH."
        )
