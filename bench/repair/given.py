"""Damage that somebody marked: a volume of masks, or a table of boxes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bench.base.errors import UserError
from bench.repair.finding import Finding, Place
from bench.repair.plan_file import boxed
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.formats.stack import Asked
from bench.volumes.volume import Volume

GIVEN = "given"
_MASK = "volumes/labels/mask"  # as CREMI's tools name one
_COLUMNS = ["z", "y0", "y1", "x0", "x1"]


def given_places(source: str, volume: Volume) -> list[Finding]:
    """The places that somebody marked, by slice.

    Args:
        source: a volume of the same shape, not 0 where a slice is damaged; or a ``.csv`` with the
            columns z (the source's number of the slice), y0, y1, x0, x1 (pixels; y1 and x1 lie
            outside) and, if wanted, reason.
        volume: that is damaged there.

    Raises:
        UserError: it cannot be read, is of another shape, or a box does not fit.
    """
    if source.lower().endswith(".csv"):
        return sorted(_boxes(Path(source), volume), key=lambda finding: finding.z)
    return _masks(source, volume)


def _masks(source: str, volume: Volume) -> list[Finding]:
    stack = open_stack(source, _MASK, Asked(labels=True))
    try:
        if tuple(stack.shape) != tuple(volume.shape):
            raise UserError(
                f"{stack.where} has the shape {stack.shape}, but '{volume.name}' has "
                f"{volume.shape}; give masks of the same shape."
            )
        found = []
        for z in range(stack.shape[0]):
            if z in stack.missing or z in volume.missing:
                continue
            mask = np.asarray(stack.read(z) != 0)
            if mask.any():
                found.append(Finding(z, GIVEN, place=None if mask.all() else Place.of(mask)))
        return found
    finally:
        stack.close()


def _boxes(path: Path, volume: Volume) -> list[Finding]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file) if row]
    except OSError as error:
        raise UserError(
            f"The boxes {path} cannot be read ({error.strerror}); check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"The boxes {path} are no table: {error}.") from error
    head = [name.strip() for name in rows[0]] if rows else []
    if head not in (_COLUMNS, [*_COLUMNS, "reason"]):
        raise UserError(
            f"The boxes {path} begin with '{','.join(head)}'; their first line has to be "
            f"{','.join(_COLUMNS)} or {','.join(_COLUMNS)},reason."
        )
    return [_box(row, f"Line {line} of {path}", volume) for line, row in enumerate(rows[1:], 2)]


def _box(row: list[str], where: str, volume: Volume) -> Finding:
    try:
        z, top, bottom, left, right = (int(word) for word in row[:5])
    except ValueError as error:
        raise UserError(f"{where} has not five whole numbers: z,y0,y1,x0,x1.") from error
    depth, height, width = volume.shape
    position = z - volume.first
    if not 0 <= position < depth or position in volume.missing:
        raise UserError(f"{where} is of slice {z}, which '{volume.name}' does not have.")
    reason = row[5].strip() if len(row) > 5 else ""
    place = boxed((top, bottom, left, right), (height, width), where)
    return Finding(position, reason or GIVEN, place=place)
