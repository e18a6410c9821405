"""The cells of a table of scores: means, their intervals, gains."""

from __future__ import annotations

from collections.abc import Sequence

from bench.cells.cell import NULL
from bench.report.table import DASH, Notes, TableCell, number
from bench.scores.cautions import interval_caution
from bench.scores.columns import EVERY
from bench.scores.measurement import Measurement
from bench.scores.metrics import METRICS
from bench.scores.skill import skill
from bench.scores.standings import Standing
from bench.scores.statistics import Interval


def dashes(count: int, marks: tuple[str, ...]) -> list[TableCell]:
    """Cells without a number, and the marks that say why."""
    return [TableCell(DASH, marks=marks)] * count


def mean_cells(
    measurement: Measurement,
    metrics: Sequence[str],
    standing: Sequence[Standing],
    notes: Notes,
    marks: tuple[str, ...],
    *,
    spread: bool,
) -> list[TableCell]:
    """The mean of each metric.

    Args:
        measurement: that was made.
        metrics: one a cell.
        standing: of each of them.
        notes: of the table.
        marks: of the whole measurement; they stand at the first mean.
        spread: whether half the 95 % interval is printed too.
    """
    means = [measurement.mean(metric) for metric in metrics]
    if why := interval_caution(mean for mean in means if mean is not None):
        marks += notes.mark(why)
    cells = []
    for metric, mean, place in zip(metrics, means, standing, strict=True):
        if mean is None:
            note = f"{METRICS[metric].title} is not among the stored scores; repeat the run."
            cells.append(TableCell(DASH, marks=notes.mark(note)))
            continue
        text = spread_text(mean, METRICS[metric].digits) if spread else None
        cells.append(
            TableCell(
                text or number(mean.mean, METRICS[metric].digits),
                mean.mean,
                *ends(mean),
                place.emphasis,
                place.tie,
                marks,
            )
        )
        marks = ()  # once a row and dataset is enough
    return cells


def score_cell(
    measurement: Measurement, metric: str, place: Standing, *, spread: bool = False
) -> TableCell:
    """The mean of any metric; a dash where it was not measured."""
    mean = measurement.mean(metric)
    if mean is None or mean.mean != mean.mean:
        return TableCell(DASH)
    digits = EVERY[metric].digits
    text = spread_text(mean, digits) if spread else number(mean.mean, digits)
    return TableCell(text, mean.mean, *ends(mean), place.emphasis, place.tie)


def gain_cells(
    measurement: Measurement,
    null: Measurement,
    metrics: Sequence[str],
    dataset: str,
    notes: Notes,
) -> list[TableCell]:
    """The paired gain over the null in each metric (of ``SKILLS``)."""
    cells = []
    for metric in metrics:
        gain = skill(measurement, null, metric)
        if gain is None:
            why = f"`{NULL}` was not measured on the same triplets of {dataset}."
            cells.append(TableCell(DASH, marks=notes.mark(why)))
            continue
        text = spread_text(gain, METRICS[metric].digits, signed=True)
        caution = interval_caution([gain])
        marks = notes.mark(caution) if caution else ()
        cells.append(TableCell(text, gain.mean, *ends(gain), marks=marks))
    return cells


def spread_text(mean: Interval, digits: int, *, signed: bool = False) -> str:
    """A mean and half its interval, which lies evenly about it; the mean alone without one."""
    text = number(mean.mean, digits, signed=signed)
    return f"{text} ± {number(mean.reach, digits)}" if mean.known else text


def ends(mean: Interval) -> tuple[float | None, float | None]:
    """Both ends of an interval; None and None where there is none."""
    return (mean.low, mean.high) if mean.known else (None, None)
