"""EM volumes as the build reads them: 8-bit grey slices, and labels where there are any."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import spelt_out
from bench.volumes.cards import LabelKind
from bench.volumes.formats.open_stack import (
    ArrayStack,
    Asked,
    FolderStack,
    Hdf5Stack,
    Nanometres,
    Resolution,
    Stack,
    open_stack,
    split_source,
)
from bench.volumes.formats.voxel_size import same_size, words
from bench.volumes.grey_range import GreyUse, GreyWish, as_words, grey_use, to_8_bits
from bench.volumes.holes import positions
from bench.volumes.label_ids import UNLABELLED, ids_of

if TYPE_CHECKING:
    from hashlib import _Hash

_CREMI_RAW, _CREMI_LABELS = "volumes/raw", "volumes/labels/neuron_ids"
_MASK = "volumes/labels/mask"  # as CREMI's tools name one

Box = tuple[slice, slice, slice]  # z, y, x


class Volume(Protocol):
    """A source stack, lazy: one slice at a time is in memory.

    Attributes:
        name: file stem; goes into the keys of the triplets.
        shape: z, y, x.
        voxel_size: in nm (z, y, x), where the file says so; z may be unknown.
        has_labels: whether ``labels`` ever returns any.
        label_box: the part of the volume that the label file covers.
        missing: positions within the shape for which there is no slice; reading one is an error.
        first: the number that the source gives to the slice at position 0.
        notes: what was decided about the files that their user has to know, in sentences.
        asked: what the user said of the source beside its path: axes and channel.
    """

    name: str
    shape: tuple[int, int, int]
    voxel_size: Resolution | None
    has_labels: bool
    label_box: Box
    missing: frozenset[int]
    first: int
    notes: tuple[str, ...]
    asked: dict[str, Any]

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

    def close(self) -> None:
        """Let go of the files."""
        ...


class StackVolume:
    """A volume over a stack of grey slices and, where given, one of labels and one of masks.

    Use it as a context manager, or call ``close``.
    """

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
        self.name = name
        self.shape = raw.shape
        self.voxel_size = raw.resolution
        self.has_labels = labels is not None
        self.first, self.notes = raw.first, raw.notes
        self.missing = raw.missing | positions(raw.where, missing, raw.first, raw.shape[0])
        self.asked = {} if asked is None else asked.said
        self._grey_range = grey_range
        self._raw, self._labels, self._mask = raw, labels, mask
        _check_grey(raw, grey_range)
        corner, covered = (0, 0, 0), raw.shape
        if labels is not None:
            self.notes += (*labels.notes, *_numbered_otherwise(raw, labels))
            corner, covered = _label_corner(raw, labels), labels.shape
        z, y, x = (slice(low, low + size) for low, size in zip(corner, covered, strict=True))
        self.label_box = z, y, x
        if mask is not None and mask.shape not in (raw.shape, (1, *raw.shape[1:])):
            raise UserError(
                f"{mask.where} has the shape {mask.shape}, but {raw.where} has {raw.shape}; give a "
                "mask of the same volume, or one slice that holds for all."
            )

    def slice(self, z: int) -> NDArray[np.uint8]:
        """The grey values of one slice, HW.

        Raises:
            UserError: the slice is missing, cannot be read, or holds NaN or infinity.
        """
        values, use = self._finite(z), self.grey
        grey = values if use is None else to_8_bits(values, use.low, use.high)
        return 255 - grey if self._raw.inverted else grey

    @cached_property
    def grey(self) -> GreyUse | None:
        """How the source values became 8-bit ones; None where they were.

        Raises:
            UserError: a slice cannot be read, or the range leaves too few grey levels.
        """
        if self._grey_range is None:
            return None
        return grey_use(self._raw.where, self._grey_range, present_slices(self), self._finite)

    def _finite(self, z: int) -> NDArray[Any]:
        """One slice as it is stored, HW."""
        if z in self.missing:
            raise UserError(f"Slice {self.first + z} of {self._raw.where} is missing.")
        values = self._raw.read(z)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(
                f"Slice {z} of {self._raw.where} holds NaN or infinity; fill these pixels first."
            )
        return values

    def labels(self, z: int, kind: LabelKind = "ids") -> NDArray[np.uint64] | None:
        """The labels of one slice, HW; ``UNLABELLED`` outside what was labelled.

        Raises:
            UserError: the slice cannot be read, or a value is no label (see ``ids_of``).
        """
        if self._labels is None:
            return None
        whole = np.full(self.shape[1:], UNLABELLED, dtype=np.uint64)
        depth, *sides = self.label_box
        there = z - depth.start
        if depth.start <= z < depth.stop and there not in self._labels.missing:
            where = f"Slice {there} of {self._labels.where}"
            whole[tuple(sides)] = ids_of(self._labels.read(there), kind, where)
        return whole

    def mask(self, z: int) -> NDArray[np.bool_] | None:
        """Where one slice shows tissue, HW: anything but 0 in the mask; None without one.

        Raises:
            UserError: the slice cannot be read.
        """
        if self._mask is None:
            return None
        return np.asarray(self._mask.read(z if self._mask.shape[0] > 1 else 0) != 0)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the shape, the grey values and, where there are any, the missing z.

        Reads every slice once.
        """
        digest = grey_digest(self)
        for z in present_slices(self):
            digest.update(self.slice(z).tobytes())
        return digest.hexdigest()

    def close(self) -> None:
        """Close the files."""
        self._raw.close()
        for beside in (self._labels, self._mask):
            if beside is not None:
                beside.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


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


def open_volume(
    source: str | Path,
    *,
    labels: str | Path | None = None,
    grey_range: GreyWish | None = None,
    mask: str | Path | None = None,
    missing: Iterable[int] = (),
    axes: str | None = None,
    channel: int | None = None,
) -> StackVolume:
    """Open a volume of any known format.

    Args:
        source: CREMI HDF5 file (``volumes/raw``, with its own labels), ``FILE.h5:/path``,
            TIFF, or folder of PNG, TIFF, JPEG or BMP files with z in their names.
        labels: the same kinds; of the same shape, or HDF5 with its own ``offset``.
        grey_range: lowest and highest grey value of data that is not 8-bit; what lies
            outside is clipped. ``auto``: their percentiles 0.1 and 99.9.
        mask: the same kinds as ``source``, 0 where there is no tissue; of the same shape, or
            one slice that holds for all.
        missing: numbers of slices to be treated as not there: those of the file names where a
            folder numbers its slices, else counted from 0.
        axes: a letter for each axis of the arrays as they are stored, such as ``xyz``, where
            the files do not say.
        channel: which one is read of several, from 0.

    Raises:
        UserError: a file is missing, cut short, in colour, too small, of another depth of
            grey than 8 bits without a range, of axes that are not clear, or its labels do not
            fit.
    """
    asked = Asked(axes, channel)
    raw = open_stack(source, _CREMI_RAW, asked)
    stacks = [raw]
    try:
        ids = _labels_of(raw, labels, replace(asked, labels=True))
        if ids is not None:
            stacks.append(ids)
        tissue = None if mask is None else open_stack(mask, _MASK, replace(asked, labels=True))
        if tissue is not None:
            stacks.append(tissue)
        return StackVolume(_stem(source), raw, ids, grey_range, tissue, missing, asked)
    except BaseException:
        for stack in stacks:
            stack.close()
        raise


def present_slices(volume: Volume) -> list[int]:
    """The z that have a slice, in order."""
    return [z for z in range(volume.shape[0]) if z not in volume.missing]


def grey_digest(volume: Volume) -> _Hash:
    """A SHA-256 that has taken in shape and holes, to be fed the grey values of every slice."""
    digest = hashlib.sha256(repr(tuple(volume.shape)).encode())
    if volume.missing:
        digest.update(repr(sorted(volume.missing)).encode())
    return digest


def _labels_of(raw: Stack, labels: str | Path | None, asked: Asked) -> Stack | None:
    if labels is not None:
        return open_stack(labels, _CREMI_LABELS, asked)
    if isinstance(raw, Hdf5Stack) and raw.inner == _CREMI_RAW and raw.holds(_CREMI_LABELS):
        return Hdf5Stack(raw.path, _CREMI_LABELS, asked)
    return None


def _stem(source: str | Path) -> str:
    """The name of a volume; bytes of a file's name that are not UTF-8 are spelt out."""
    path = split_source(source)[0]
    return spelt_out(path.resolve().name if path.is_dir() else path.stem)


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


def _label_corner(raw: Stack, labels: Stack) -> tuple[int, int, int]:
    """Position of the labels' first voxel in the grey volume (z, y, x)."""
    if labels.dtype.kind not in "uibf":
        raise UserError(f"{labels.where} holds {labels.dtype} values; labels are whole numbers.")
    if not same_size(labels.resolution, raw.resolution):
        raise UserError(
            f"{labels.where} says that a voxel has {words(labels.resolution or ())} nm, and "
            f"{raw.where} says {words(raw.resolution or ())} nm; give labels of the same voxels, "
            "or correct what one of them says."
        )
    sides = [side for side in raw.resolution or () if side is not None]
    if labels.offset is None or len(sides) != 3:
        return _corner_by_number(raw, labels)
    origin = np.array(raw.offset or (0.0, 0.0, 0.0))
    voxels = (np.array(labels.offset) - origin) / np.array(sides)
    corner = np.rint(voxels).astype(int)
    inside = (corner >= 0).all() and (corner + labels.shape <= np.array(raw.shape)).all()
    if not inside or np.abs(voxels - corner).max() > 0.01:
        raise UserError(
            f"{labels.where} lies at {labels.offset} nm, which is not within the {raw.shape} "
            f"voxels of {raw.where}; correct its 'offset'."
        )
    z, y, x = (int(side) for side in corner)
    return z, y, x


def _numbered_otherwise(raw: Stack, labels: Stack) -> list[str]:
    both_numbered = isinstance(raw, FolderStack) and isinstance(labels, FolderStack)
    if not both_numbered or labels.shape != raw.shape or labels.first == raw.first:
        return []
    return [
        f"The numbers of {raw.where} begin with {raw.first} and those of {labels.where} with "
        f"{labels.first}: there are equally many, so they are taken slice for slice."
    ]


def _corner_by_number(raw: Stack, labels: Stack) -> tuple[int, int, int]:
    """Labels of the same shape lie on the volume; those of fewer slices go by their numbers."""
    if labels.shape == raw.shape:
        return 0, 0, 0
    numbered = isinstance(raw, FolderStack) and isinstance(labels, FolderStack)
    start = labels.first - raw.first
    some = start < raw.shape[0] and start + labels.shape[0] > 0
    if numbered and some and labels.shape[1:] == raw.shape[1:]:
        return start, 0, 0
    holes = f", of which {len(raw.missing)} are missing" if raw.missing else ""
    raise UserError(
        f"{labels.where} has the shape {labels.shape}, but {raw.where} has {raw.shape}{holes}; "
        "give labels of the same volume."
    )
