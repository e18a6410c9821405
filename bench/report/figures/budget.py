"""How long is long enough: the scores of each method by the crops that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import GREY, WIDE, colour, line, marker, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label, subject_of
from bench.scores.budgets import BudgetCurve, budget_curves
from bench.scores.cell_scores import ceiling_scores, image_scores, membrane_scores, reference_scores
from bench.scores.columns import EVERY
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.results import Results
from bench.scores.statistics import Interval

_SHOWN = ("carried", "adapted_rand_error", "dice", "frc_10", "psnr")
_COLUMNS = ["method", "crops", "score", *Interval._fields[:3], "seeds"]


def draw_budgets(results: Results) -> list[tuple[Subject, Drawing]]:
    """Each score a panel, each method and loss a curve over the crops of its training.

    Returns:
        A figure of each dataset with trainings of several budgets, and its cells.

    Raises:
        AbsentError: there is no such dataset.
    """
    figures = []
    for dataset in results.datasets:
        curves = budget_curves(e for e in results.every if e.cell.dataset == dataset)
        if curves:
            figures.append((subject_of(results, dataset), _draw(curves)))
    if not figures:
        raise AbsentError(
            "no training was scored at two budgets; repeat a run with `--preset overnight`, or "
            "with another `--samples`"
        )
    return figures


def _draw(curves: Sequence[BudgetCurve]) -> Drawing:
    table = pd.DataFrame([row for curve in curves for row in _rows(curve)], columns=_COLUMNS)
    shown = [score for score in _SHOWN if (table["score"] == score).any()]
    figure = new_figure(WIDE, 2.5)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, score in zip(panels, shown, strict=True):
        axes.set_title(EVERY[score].title)
        axes.set_xscale("log", base=2)
        for curve in curves:
            _draw_curve(axes, curve, table[table["score"] == score])
        _draw_levels(axes, curves[0].entry, score)
        crops = sorted({crops for curve in curves for crops in curve.budgets})
        axes.set_xticks(crops, [f"{number / 1000:g}" for number in crops])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("thousand crops")
    handles = {each.get_label(): each for axes in panels for each in axes.get_lines()}
    named = [handles[drawn(label(c.entry))] for c in curves if drawn(label(c.entry)) in handles]
    figure.legend(handles=named, loc="outside upper center", ncols=min(len(named), 6))
    entries = [entry for curve in curves for cells in curve.budgets.values() for entry in cells]
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return Drawing(figure, _words(table), entries, numbers=text)


def _rows(curve: BudgetCurve) -> list[list[object]]:
    rows: list[list[object]] = []
    for crops, cells in curve.budgets.items():
        for score in _SHOWN:
            measured = _measured(cells, score)
            mean = measured.known(score).mean(score)
            if mean is not None:
                seeds = len(measured.seeds)
                rows.append([label(curve.entry), crops, score, *mean[:3], seeds])
    return rows


def _measured(cells: Sequence[Entry], score: str) -> Measurement:
    return membrane_scores(cells) if score in MEMBRANE_METRICS else image_scores(cells)


def _draw_curve(axes: Axes, curve: BudgetCurve, table: pd.DataFrame) -> None:
    own = table[table["method"] == label(curve.entry)]
    if own.empty:
        return
    tint = colour(curve.entry)
    axes.fill_between(
        own["crops"].to_numpy(),
        own["low"].to_numpy(),
        own["high"].to_numpy(),
        color=tint,
        alpha=0.1,
        linewidth=0,
    )
    axes.plot(
        own["crops"].to_numpy(),
        own["mean"].to_numpy(),
        color=tint,
        linestyle=line(curve.entry),
        marker=marker(curve.entry),
        markersize=3,
        linewidth=1,
        label=drawn(label(curve.entry)),
    )


def _draw_levels(axes: Axes, entry: Entry, score: str) -> None:
    """What the real slice reaches, and what is carried where the slice is left out."""
    if score not in MEMBRANE_METRICS:
        return
    levels = {
        "real slice": ceiling_scores([entry]),
        "left out": reference_scores([entry], "left_out"),
    }
    for (name, measured), style in zip(levels.items(), ((0, (4, 2)), (0, (1, 1.5))), strict=True):
        mean = measured.mean(score)
        if mean is not None:
            axes.axhline(mean.mean, color=GREY, linewidth=0.7, linestyle=style, zorder=0)
            axes.annotate(
                name,
                (0.02, mean.mean),
                xycoords=("axes fraction", "data"),
                color=GREY,
                fontsize=5.5,
                va="bottom",
            )


def _words(table: pd.DataFrame) -> str:
    low, high = int(table["seeds"].min()), int(table["seeds"].max())
    seeds = f"{low}" if low == high else f"{low} to {high}"
    plural = "" if high == 1 else "s"
    return (
        "Each budget is a training of its own, with its own schedule. Bands: 95 % intervals over "
        f"columns of tiles, blocks of slices and seeds ({seeds} seed{plural} a point). Grey: the "
        "real slice, and where neurites are followed, the slice left out."
    )
