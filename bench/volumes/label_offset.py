"""Where labels or a mask lie in the grey volume: by their offset, by number, or on all of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.volumes.formats.folder import FolderStack
from bench.volumes.formats.stack import Nanometres, Stack
from bench.volumes.formats.voxel_size import same_size, words


def counted_alike(raw: Stack, labels: Stack) -> Stack:
    """Labels of some slices of a folder, counted in the steps of its numbers.

    Numbers that go in steps are closed up: of every fourth slice each would lie beside the next.
    """
    if not isinstance(raw, FolderStack) or not isinstance(labels, FolderStack):
        return labels
    return labels if labels.shape == raw.shape else labels.in_steps(raw.numbers.step)


def label_corner(raw: Stack, labels: Stack, what: str = "labels") -> tuple[int, int, int]:
    """Position of the labels' first voxel in the grey volume (z, y, x).

    Args:
        raw: the grey volume.
        labels: of it, or a mask.
        what: they are, for messages.

    Raises:
        UserError: the labels are no whole numbers, of other voxels, or not within the volume.
    """
    if labels.dtype.kind not in "uibf":
        raise UserError(
            f"{labels.where} holds {labels.dtype} values; give {what} of whole numbers."
        )
    if not same_size(labels.resolution, raw.resolution):
        raise UserError(
            f"{labels.where} says that a voxel has {words(labels.resolution or ())} nm, and "
            f"{raw.where} says {words(raw.resolution or ())} nm; give {what} of the same voxels, "
            "or correct what one of them says."
        )
    size = _size(raw, labels)
    if labels.offset is None or size is None:
        return _corner_by_number(raw, labels, what)
    voxels = _moved(raw, labels) / np.array(size)
    corner = np.rint(voxels).astype(int)
    inside = (corner >= 0).all() and (corner + labels.shape <= np.array(raw.shape)).all()
    if not inside or np.abs(voxels - corner).max() > 0.01:
        raise UserError(
            f"{labels.where} lies at {labels.offset} nm, which is not within the {raw.shape} "
            f"voxels of {raw.where}; correct its 'offset'."
        )
    z, y, x = (int(side) for side in corner)
    return z, y, x


def _size(raw: Stack, labels: Stack) -> Nanometres | None:
    """The voxel size by which an offset counts; None where shapes have to tell.

    What the volume does not say of itself, labels of a part of it do.
    """
    for stack in (raw,) if labels.shape == raw.shape else (raw, labels):
        z, y, x = stack.resolution or (None, 0.0, 0.0)
        if z is not None:
            return z, y, x
    return None


def _moved(raw: Stack, labels: Stack) -> NDArray[np.float64]:
    """How far the labels' first voxel lies from that of the volume, in nm."""
    origin: NDArray[np.float64] = np.array(raw.offset or (0.0, 0.0, 0.0))
    offset: NDArray[np.float64] = np.array(labels.offset)
    return np.subtract(offset, origin)


def _corner_by_number(raw: Stack, labels: Stack, what: str) -> tuple[int, int, int]:
    """Labels of the same shape lie on the volume; those of fewer slices go by their numbers."""
    if labels.shape == raw.shape:
        return 0, 0, 0
    if isinstance(raw, FolderStack) and isinstance(labels, FolderStack):
        step = raw.numbers.step
        start, beside = divmod(labels.numbers.start - raw.numbers.start, step)
        alike = labels.numbers.step == step and beside == 0 and labels.shape[1:] == raw.shape[1:]
        if alike and start < raw.shape[0] and start + labels.shape[0] > 0:
            return start, 0, 0
    holes = f", of which {len(raw.missing)} are missing" if raw.missing else ""
    raise UserError(
        f"{labels.where} has the shape {labels.shape}, but {raw.where} has {raw.shape}{holes}; "
        f"give {what} of the same volume."
    )


def laid_by_shape(raw: Stack, labels: Stack) -> Iterator[str]:
    """A sentence where labels have the shape of the volume, but are said to lie elsewhere.

    Args:
        raw: the grey volume.
        labels: of it, or a mask.
    """
    if labels.shape != raw.shape:
        return
    if isinstance(raw, FolderStack) and isinstance(labels, FolderStack):
        first, other = raw.numbers.start, labels.numbers.start
        if first != other:
            yield (
                f"The numbers of {raw.where} begin with {first} and those of {labels.where} with "
                f"{other}: there are equally many, so they are taken slice for slice."
            )
    if labels.offset is not None and _size(raw, labels) is None and _moved(raw, labels).any():
        yield (
            f"{labels.where} says an offset of {labels.offset}, which is not used, as {raw.where} "
            "says no voxel size: they have one shape, and are laid on each other."
        )
