"""Whether a repaired volume is as its record says, and all else as its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.base.progress import Progress
from bench.repair.fill import digest_of
from bench.repair.record import RepairRecord, SliceRecord
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.formats.stack import Asked, Stack
from bench.volumes.writing.hdf5 import marked_source

_UNREADABLE = (UserError, OSError, IndexError, ValueError)
Box = tuple[int, int, int, int]  # top, bottom, left, right


@dataclass(frozen=True)
class Verified:
    """What was compared of a repair.

    Attributes:
        filled: slices that were compared with their digests.
        copied: slices that were compared with the source, as a whole or beside their places; None
            where they were not.
        problems: a sentence for each that is not as it was written.
    """

    filled: int
    copied: int | None
    problems: list[str]


def verify_repair(
    folder: Path, record: RepairRecord, source: Stack | None = None, tick: Progress | None = None
) -> Verified:
    """Compare every filled slice of a repaired volume, and its error map, with its digest.

    Args:
        folder: that the repair left beside the volume.
        record: that lies in it.
        source: the volume that was repaired, read as it was then; what was not filled is compared
            with it. None leaves that out.
        tick: called after each slice of the source.

    Returns:
        What was compared: nothing where nothing was filled, for no volume was written then.

    Raises:
        UserError: the source has another shape or type.
    """
    filled = record.filled
    if not filled:
        return Verified(0, None, [])
    maps = list(_wrong_maps(folder, filled))
    path = folder.parent / record.out
    if not path.exists():
        missing = f"{path} is missing; repeat the repair, or put it back beside {folder.name}."
        return Verified(0, None, [missing, *maps])
    try:
        stack = open_stack(marked_source(path), "volumes/raw", Asked())
    except UserError as error:
        return Verified(0, None, [str(error), *maps])
    try:
        problems = list(_problems(stack, record, filled))
        if source is None:
            return Verified(len(filled), None, [*problems, *maps])
        _check_alike(stack, source)
        there = _copied(record, source)
        changed = list(_changed(stack, source, record, there, tick))
        return Verified(len(filled), len(there), [*problems, *changed, *maps])
    finally:
        stack.close()


def _wrong_maps(folder: Path, filled: list[SliceRecord]) -> Iterator[str]:
    for each in filled:
        if each.error is None or each.error_sha256 is None:
            continue
        path = folder / each.error
        try:
            digest = file_digest(path)
        except OSError as error:
            yield f"The error map {path} cannot be read ({error.strerror}); repeat the repair."
            continue
        if digest != each.error_sha256:
            yield f"The error map {path} is not what the repair wrote; repeat the repair."


def _problems(stack: Stack, record: RepairRecord, filled: list[SliceRecord]) -> Iterator[str]:
    for each in filled:
        where = f"Slice {each.slice} of {stack.where}"
        try:
            values = stack.read(each.slice - record.first)
        except _UNREADABLE as error:
            yield f"{where} cannot be read ({error}); repeat the repair."
            continue
        if all(digest_of(one) != each.sha256 for one in _either_way(values)):
            yield f"{where} is not what the repair wrote; repeat the repair."


def _check_alike(stack: Stack, source: Stack) -> None:
    """Refuse a source that the volume cannot have been made of."""
    one, other = (f"{each.shape} of {each.dtype.name}" for each in (source, stack))
    if one != other:
        raise UserError(
            f"{source.where} is {one}, and {stack.where} {other}; give the volume that was "
            "repaired."
        )


def _copied(record: RepairRecord, source: Stack) -> list[int]:
    """The positions of the slices that hold something of the source."""
    whole = {each.slice - record.first for each in record.filled if each.filled == "whole"}
    return [z for z in range(source.shape[0]) if z not in whole | source.missing]


def _changed(
    stack: Stack, source: Stack, record: RepairRecord, there: list[int], tick: Progress | None
) -> Iterator[str]:
    """A sentence for each slice that is not the source's outside the boxes of its places."""
    boxes = {each.slice - record.first: each.boxes for each in record.filled}
    for done, z in enumerate(there, start=1):
        where = f"Slice {record.first + z} of {stack.where}"
        try:
            written, stored = stack.read(z), source.read(z)
        except _UNREADABLE as error:
            yield f"{where}, or of {source.where}, cannot be read ({error})."
            continue
        if not any(_same(one, stored, boxes.get(z, ())) for one in _either_way(written)):
            yield f"{where} is not that of {source.where}; repeat the repair."
        if tick is not None:
            tick(done, len(there), "")


def _same(one: NDArray[Any], other: NDArray[Any], boxes: Iterable[Box]) -> bool:
    """Whether two slices (HW) hold the same outside some boxes."""
    differs = one != other
    if one.dtype.kind == "f":
        differs &= ~(np.isnan(one) & np.isnan(other))
    for top, bottom, left, right in boxes:
        differs[top:bottom, left:right] = False
    return not differs.any()


def _either_way(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Where a kind of file cannot say that black is white, the values were turned."""
    yield values
    if values.dtype.kind in "ui":
        yield np.invert(values)
