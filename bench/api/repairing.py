"""Missing slices are filled."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.api.filling import check_filling, fill_plan
from bench.api.given_options import check_known, missing_of
from bench.api.planning import plan_repair
from bench.api.repair_options import RepairOptions
from bench.base.errors import UserError
from bench.base.progress import told_to
from bench.repair.evidence import Evidence, path_of
from bench.repair.record import RepairRecord, SliceRecord
from bench.volumes.sources import open_volume
from bench.volumes.writing.hdf5 import marked_source

if TYPE_CHECKING:
    import pandas as pd

_OWN = ("source", "out")  # options that have a place of their own


@dataclass(frozen=True, eq=False)
class Repaired:
    """What a repair did.

    Attributes:
        out: the volume that was asked for.
        record: what was done, as ``repair.json`` says it; None where there was nothing to fill.
    """

    out: str
    record: RepairRecord | None

    @property
    def path(self) -> Path | None:
        """The volume that was written; None where nothing was filled."""
        return path_of(self.out) if self.record is not None and self.record.filled else None

    @property
    def folder(self) -> Path | None:
        """The folder beside it: ``index.html``, ``repair.json``, error maps; None without any."""
        return None if self.record is None else Evidence(self.out).folder

    @cached_property
    def slices(self) -> pd.DataFrame:
        """A row for each slice that was filled, or refused.

        Its number is ``slice``; ``filled`` is ``whole``, ``places``, or ``no`` where it cannot be
        trusted, and ``note`` says why. ``before`` and ``after`` are what it was filled
        from, ``fraction`` where it lies between them (0 to 1), ``method`` with what, and
        ``mean_error`` its mean expected absolute error in grey levels. ``psnr``, ``psnr_low`` and
        ``psnr_high`` are the score that is expected of it, with the interval, and
        ``psnr_coverage`` the share of true scores that such intervals hold (NaN where too few
        slices could be hidden); the same of the other metrics. Scores and errors are of tissue,
        with brightness and contrast matched.
        """
        import pandas as pd

        from bench.repair.words import promised

        if self.record is None:
            return pd.DataFrame()
        names = promised(self.record)
        return pd.DataFrame([_row(self.record, each, names) for each in self.record.slices])

    @property
    def left(self) -> pd.DataFrame:
        """What was found and not filled: ``slice``, ``reason`` and ``note``."""
        import pandas as pd

        return pd.DataFrame(
            [] if self.record is None else self.record.left, columns=["slice", "reason", "note"]
        )

    def grey(self, number: int) -> NDArray[np.uint8]:
        """A slice that was filled, uint8 HW, from the volume that was written.

        Args:
            number: of the slice.

        Raises:
            UserError: it was not filled, or the volume cannot be read.
        """
        record, each = self._filled(number)
        grey_range = record.source["grey_range"]
        with open_volume(
            marked_source(path_of(self.out)),
            grey_range=grey_range and (grey_range[0], grey_range[1]),
        ) as volume:
            return volume.slice(each.slice - record.first)

    def error(self, number: int) -> NDArray[np.uint8]:
        """The expected absolute error of each pixel of a slice that was filled.

        Args:
            number: of the slice.

        Returns:
            uint8 HW, in grey levels; 0 where nothing was filled.

        Raises:
            UserError: it was not filled, or its map cannot be read.
        """
        import tifffile

        path = Evidence(self.out).folder / str(self._filled(number)[1].error)
        try:
            levels: NDArray[np.uint8] = tifffile.imread(path)
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error}); repeat the repair.") from error
        return levels

    def _filled(self, number: int) -> tuple[RepairRecord, SliceRecord]:
        filled = [] if self.record is None else self.record.filled
        for each in filled:
            if self.record is not None and each.slice == number:
                return self.record, each
        there = ", ".join(str(each.slice) for each in filled) or "none"
        raise UserError(f"Slice {number} was not filled; those that were: {there}.")


def repair(
    source: str | Path,
    out: str | Path,
    *,
    tell: Callable[[str], None] | None = None,
    **options: Any,
) -> Repaired:
    """Fill what of a volume is missing or damaged, and write it anew, as ``bench repair`` does.

    Slices that are missing are named, damaged ones are found. Places within a slice are filled
    where ``plan`` or ``defects`` names them: of those that are found some are sound.

    Args:
        source: the volume; it is never written to.
        out: the volume that is written, whole: ``.ome.zarr``, ``.tif``, ``.h5``, a folder/ and
            others. What is there is never written over.
        tell: called with each line of progress.
        options: the other fields of ``bench.api.repair_options.RepairOptions``, for instance
            ``missing=[105, 111]``, ``method="dis"``, ``grey_range="auto"``.

    Returns:
        The filled slices, how far each is to be trusted, and what was left.

    Raises:
        UserError: an option is not valid, ``out`` is there already, or nothing can be filled.

    Examples:
        >>> from bench.api import repair
        >>> done = repair("stack.tif", "whole.tif", missing=[12], method="dis")
        >>> done.slices[["slice", "filled", "before", "after", "method"]]
           slice filled  before  after method
        0     12  whole      11     13    dis
        >>> done.grey(12).shape, done.error(12).shape
        ((136, 136), (136, 136))
    """
    known = [field.name for field in fields(RepairOptions) if field.name not in _OWN]
    check_known("repair", options, known)
    if options.get("mask_out") is not None:
        options["mask_out"] = os.fspath(options["mask_out"])
    if options.get("missing") is not None:  # a generator says its numbers once
        options["missing"] = missing_of(options["missing"])
    asked = RepairOptions(source=os.fspath(source), out=os.fspath(out), **options)
    write = tell or (lambda _: None)
    asked.check()
    given = asked.given()
    with told_to(write), given.open_grey() as volume:
        check_filling(asked, volume)
        plan = plan_repair(asked, volume)
        for note in volume.notes:
            write(note)
        return Repaired(str(asked.out), fill_plan(asked, plan, volume, given, write))


def _row(record: RepairRecord, each: SliceRecord, names: list[str]) -> dict[str, Any]:
    from bench.repair.words import named_method

    row = each.model_dump(include={"slice", "filled", "before", "after", "fraction"})
    row |= {
        "method": named_method(record.methods[each.after - each.before - 1]),
        "mean_error": each.mean_error,
        "note": each.note,
    }
    for name in names:
        score = each.expected.get(name)
        row[name] = None if score is None else score.score
        for part in ("low", "high", "coverage"):
            row[f"{name}_{part}"] = None if score is None else getattr(score, part)
    return row
