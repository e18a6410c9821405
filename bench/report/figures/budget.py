"""How long is long enough: the scores of each method by the crops that it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import GREY, WIDE, colour, legend_above, line, marker, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label, subject_of
from bench.report.registry_order import registry_place
from bench.report.selection import EVERY_ROW, Shown
from bench.scores.budgets import BudgetCurve, budget_curves
from bench.scores.ceiling import LEFT_OUT
from bench.scores.cell_scores import ceiling_scores, reference_scores
from bench.scores.columns import EVERY
from bench.scores.contenders import Contender
from bench.scores.entry import Entry
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.results import Results
from bench.scores.statistics import Interval

_SHOWN = ("carried", "adapted_rand_error", "dice", "frc_10", "psnr")
_COLUMNS = [
    "method", "crops", "score", *Interval._fields[:3], "gain", "gain_low", "gain_high", "seeds",
]  # fmt: skip
_NEAR = 0.6  # of the curves' range: a level further away is named at the edge, not drawn


def draw_budgets(results: Results, shown: Shown = EVERY_ROW) -> list[tuple[Subject, Drawing]]:
    """Each score a panel, each method and loss a curve over the crops of its training.

    Returns:
        A figure of each dataset with trainings of several budgets, and its cells.

    Raises:
        AbsentError: there is no such dataset.
    """
    figures = []
    for dataset in results.datasets:
        curves = budget_curves(
            entry
            for entry in results.every
            if entry.cell.dataset == dataset and shown.row(entry.cell.method, entry.cell.loss)
        )
        if curves:
            subject = subject_of(results, dataset, shown)
            figures.append((subject, _draw(sorted(curves, key=_place))))
    if not figures:
        raise AbsentError(
            "no training was scored at two budgets; repeat a run with `--preset overnight`, or "
            "with another `--samples`"
        )
    return figures


def _place(curve: BudgetCurve) -> tuple[int, str, int, str]:
    return registry_place(curve.entry.cell.method, curve.entry.cell.loss)


def _draw(curves: Sequence[BudgetCurve]) -> Drawing:
    table = pd.DataFrame([row for curve in curves for row in _rows(curve)], columns=_COLUMNS)
    shown = [score for score in _SHOWN if (table["score"] == score).any()]
    columns = min(len(shown), 2 if len(shown) == 4 else 3)
    rows = -(-len(shown) // columns)
    figure = new_figure(WIDE, 2.1 * rows)
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    panels, spare = places[: len(shown)], places[len(shown) :]
    for axes, score in zip(panels, shown, strict=True):
        axes.set_title(EVERY[score].title)
        axes.set_xscale("log", base=2)
        axes.margins(y=0.1)  # for the names of levels
        for curve in curves:
            _draw_curve(axes, curve, score, table[table["score"] == score])
        _draw_levels(axes, curves[0].entry, score)
        crops = sorted({crops for curve in curves for crops in curve.budgets})
        axes.set_xticks(crops, [f"{number / 1000:g}" for number in crops])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("thousand crops")
    handles = {each.get_label(): each for axes in panels for each in axes.get_lines()}
    named = [handles[drawn(label(c.entry))] for c in curves if drawn(label(c.entry)) in handles]
    if spare:
        spare[0].set_axis_off()
        spare[0].legend(handles=named, loc="center", handlelength=2.4)
    else:
        legend_above(figure, named)
    entries = [entry for curve in curves for cells in curve.budgets.values() for entry in cells]
    text = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return Drawing(figure, _words(table), entries, numbers=text)


def _rows(curve: BudgetCurve) -> list[list[object]]:
    """A row for each budget and score; the gain is over the shortest training, paired."""
    rows: list[list[object]] = []
    runs = {crops: _one(cells) for crops, cells in curve.budgets.items()}
    first = min(runs)
    for crops, run in runs.items():
        for score in _SHOWN:
            measured = run.measured(score).known(score)
            mean = measured.mean(score)
            if mean is not None:
                gain = measured.gain(runs[first].measured(score).known(score), score)
                gained = [None] * 3 if gain is None or crops == first else gain[:3]
                seeds = len(measured.seeds)
                rows.append([label(curve.entry), crops, score, *mean[:3], *gained, seeds])
    return rows


def _one(cells: Sequence[Entry]) -> Contender:
    """The trainings of one budget together."""
    cell = cells[0].cell
    return Contender(cell.method, cell.loss, tuple(cells))


def _draw_curve(axes: Axes, curve: BudgetCurve, score: str, table: pd.DataFrame) -> None:
    """The means over the seeds, and a dot for each training where there are several."""
    own = table[table["method"] == label(curve.entry)]
    if own.empty:
        return
    tint = colour(curve.entry)
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
    for crops, cells in curve.budgets.items():
        if len(cells) > 1:
            means = [_one([cell]).measured(score).known(score).mean(score) for cell in cells]
            found = [mean.mean for mean in means if mean is not None]
            axes.scatter([crops] * len(found), found, s=2, color=tint, linewidth=0, zorder=3)


def _draw_levels(axes: Axes, entry: Entry, score: str) -> None:
    """What the real slice reaches, and what is carried where the slice is left out.

    Their names stand beside the panel, where no curve is. A level far from the curves is named at
    the edge with its value: drawn, it would flatten them.
    """
    if score not in MEMBRANE_METRICS:
        return
    low, high = axes.get_ylim()
    levels = {
        "real slice": (ceiling_scores([entry]), (0, (4, 2))),
        "left out": (reference_scores([entry], LEFT_OUT), (0, (1, 1.5))),
    }
    names = []
    for name, (measured, style) in levels.items():
        mean = measured.mean(score)
        if mean is None:
            continue
        if max(low - mean.mean, mean.mean - high) <= _NEAR * (high - low):
            axes.axhline(mean.mean, color=GREY, linewidth=0.7, linestyle=style, zorder=0)
            names.append((mean.mean, name))
        else:
            arrow = "\N{UPWARDS ARROW}" if mean.mean > high else "\N{DOWNWARDS ARROW}"
            names.append((mean.mean, f"{name}\n{mean.mean:.3f} {arrow}"))
    _name(axes, sorted(names))


def _name(axes: Axes, names: Sequence[tuple[float, str]]) -> None:
    """Write names beside their levels, or at the nearer edge; of two the higher one upwards."""
    low, high = axes.get_ylim()
    for place, (height, text) in enumerate(names):
        axes.annotate(
            text,
            (1.02, min(max((height - low) / (high - low), 0.0), 1.0)),
            xycoords="axes fraction",
            color=GREY,
            fontsize=6,
            va="center" if len(names) == 1 else ("top", "bottom")[place],
        )


def _words(table: pd.DataFrame) -> str:
    low, high = int(table["seeds"].min()), int(table["seeds"].max())
    seeds = f"{low}" if low == high else f"{low} to {high}"
    plural = "" if high == 1 else "s"
    return (
        "Each budget is a training of its own, with its own schedule. Lines join the means over "
        f"the test split ({seeds} seed{plural} a point); small dots are single trainings. Their "
        "95 % intervals, and those of the paired gain over the shortest training, are in the CSV "
        "beside the figure. Grey: the real slice, and where neurites are followed, the slice left "
        "out."
    )
