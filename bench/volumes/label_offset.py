"""Where labels lie in the grey volume: by an offset of their own, by number, or on all of it."""

from __future__ import annotations

import numpy as np

from bench.base.errors import UserError
from bench.volumes.formats.folder import FolderStack
from bench.volumes.formats.stack import Stack
from bench.volumes.formats.voxel_size import same_size, words


def label_corner(raw: Stack, labels: Stack) -> tuple[int, int, int]:
    """Position of the labels' first voxel in the grey volume (z, y, x).

    Raises:
        UserError: the labels are no whole numbers, of other voxels, or not within the volume.
    """
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


def numbered_otherwise(raw: Stack, labels: Stack) -> list[str]:
    """A sentence where two folders have equally many slices whose numbers begin elsewhere."""
    both_numbered = isinstance(raw, FolderStack) and isinstance(labels, FolderStack)
    if not both_numbered or labels.shape != raw.shape or labels.first == raw.first:
        return []
    return [
        f"The numbers of {raw.where} begin with {raw.first} and those of {labels.where} with "
        f"{labels.first}: there are equally many, so they are taken slice for slice."
    ]
