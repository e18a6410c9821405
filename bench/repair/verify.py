"""Whether a repaired volume is as its record says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.repair.fill import digest_of
from bench.repair.record import RepairRecord, SliceRecord, load_record
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.formats.stack import Asked, Stack
from bench.volumes.writing.hdf5 import marked_source


def verify_repair(folder: Path) -> tuple[int, list[str]]:
    """Compare every filled slice of a repaired volume, and its error map, with its digest.

    Args:
        folder: that the repair left beside the volume.

    Returns:
        How many slices were compared, and a sentence for each that is not as it was written. None
        of both where nothing was filled: no volume was written then.

    Raises:
        UserError: the record cannot be read.
    """
    record = load_record(folder)
    filled = [each for each in record.slices if each.sha256 is not None]
    if not filled:
        return 0, []
    maps = list(_wrong_maps(folder, filled))
    path = folder.parent / record.out
    if not path.exists():
        missing = f"{path} is missing; repeat the repair, or put it back beside {folder.name}."
        return 0, [missing, *maps]
    try:
        stack = open_stack(marked_source(path), "volumes/raw", Asked())
    except UserError as error:
        return 0, [str(error), *maps]
    try:
        return len(filled), [*_problems(stack, record, filled), *maps]
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
        z = each.slice - record.first
        where = f"Slice {each.slice} of {stack.where}"
        try:
            values = stack.read(z)
        except (UserError, OSError, IndexError, ValueError) as error:
            yield f"{where} cannot be read ({error}); repeat the repair."
            continue
        # Where a kind of file cannot say that black is white, the values were turned.
        both = [values, np.invert(values)] if values.dtype.kind in "ui" else [values]
        if all(digest_of(one) != each.sha256 for one in both):
            yield f"{where} is not what the repair wrote; repeat the repair."
