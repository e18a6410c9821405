"""What the cells of a method measured, read from their tables."""

from __future__ import annotations

from collections.abc import Iterable

from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import with_membrane_metrics


def image_scores(cells: Iterable[Entry], *, rejected: bool = False) -> Measurement:
    """The image scores.

    Args:
        cells: those of one method, loss and dataset.
        rejected: whether rejected triplets count too.
    """
    entries = tuple(cells)
    return Measurement(
        entries, tuple(each.unfiltered.scores if rejected else each.scores for each in entries)
    )


def calibration_scores(nulls: Iterable[Entry], kind: str) -> Measurement:
    """The image scores of a kind of calibration frames, which lie with those of the null."""
    entries = tuple(nulls)
    return Measurement(entries, tuple(entry.calibration.get(kind) for entry in entries))


def membrane_scores(cells: Iterable[Entry], *, rejected: bool = False) -> Measurement:
    """The scores of the membranes that a segmenter finds in the synthesised slices."""
    entries = tuple(cells)
    tables = (each.unfiltered.membranes if rejected else each.membranes for each in entries)
    return Measurement(entries, tuple(tables), with_membrane_metrics)


def ceiling_scores(cells: Iterable[Entry], *, rejected: bool = False) -> Measurement:
    """The same of the real middle slices, under the segmenter of each cell."""
    entries = tuple(cells)
    tables = (each.unfiltered.ceiling if rejected else each.ceiling for each in entries)
    return Measurement(entries, tuple(tables), with_membrane_metrics)


def reference_scores(cells: Iterable[Entry], kind: str) -> Measurement:
    """What becomes of neurites without a synthesised slice: a kind of ``ceiling.KINDS``."""
    entries = tuple(cells)
    return Measurement(
        entries, tuple(each.references.get(kind) for each in entries), with_membrane_metrics
    )
