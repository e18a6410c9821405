"""The scores behind the tables: triplet by triplet, and against the time they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import BLACK, GREY, WIDE, colour, legend_above, marker, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.statistics import Interval
from bench.stages.splits import spread

_METRICS = ("psnr", "frc_10")
_LINES = 40  # triplets that are followed from method to method
_FASTEST = 1e-4  # seconds: what a record's clock can tell from nothing


def draw_distributions(subject: Subject) -> Drawing:
    """Every triplet's PSNR and FRC by method, thin lines joining the same triplet.

    Raises:
        AbsentError: no cell has scores.
    """
    if not subject.scored:
        raise AbsentError("no cell has scores")
    tables = {metric: _by_cell(subject, metric) for metric in _METRICS}
    order = tables[_METRICS[0]].mean().sort_values(kind="stable").index
    names = [drawn(label(subject.scored[position])) for position in order]
    figure = new_figure(WIDE, 0.75 + 0.3 * len(names))
    panels = figure.subplots(1, len(_METRICS), sharey=True)
    for axes, metric in zip(panels, _METRICS, strict=True):
        table = tables[metric][order]
        _paired_lines(axes, table)
        for row, position in enumerate(order):
            _strip(axes, row, table[position], subject.scored[position])
        if subject.null is not None:
            middle = float(subject.values(subject.null, metric).loc[table.index].median())
            axes.axvline(middle, color=BLACK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=1)
        axes.set_xlabel(METRICS[metric].title)
        axes.set_ylim(-0.6, len(names) - 0.4)
    panels[0].set_yticks(range(len(names)), names)
    shown = min(_LINES, len(tables["psnr"]))
    words = (
        "Dots: triplets (mean over seeds); bars: quartiles; ticks: medians; diamonds: means; "
        "dashed: the null's median. Lines join the same triplet from method to method, "
        f"{shown} of them, evenly spread. Methods in the order of their mean PSNR."
    )
    return Drawing(figure, words, subject.scored, len(tables["psnr"]))


@dataclass(frozen=True)
class _Cost:
    """What a cell gains and what it takes."""

    entry: Entry
    gains: dict[str, Interval]
    seconds: float
    training: float | None


def draw_pareto(subject: Subject) -> Drawing:
    """PSNR and FRC gained over the null, against seconds a frame.

    Raises:
        AbsentError: there is no null, or nothing to compare to it.
    """
    null = subject.null
    if null is None:
        raise AbsentError("the null `linear` has no scores here")
    timed = [e for e in subject.scored if _seconds(subject, e) is not None]
    if all(entry is null for entry in timed):
        raise AbsentError("no cell but the null has scores and a time of prediction")
    costs = [_cost(subject, entry, null) for entry in timed]
    figure = new_figure(WIDE, 2.4)
    panels = figure.subplots(1, len(_METRICS))
    for axes, metric in zip(panels, _METRICS, strict=True):
        _draw_front(axes, costs, metric)
        for cost in costs:
            _draw_cost(axes, cost, metric)
        axes.axhline(0, color=GREY, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("seconds a frame")
        axes.set_ylabel(f"gain in {METRICS[metric].title}")
    legend_above(figure, [_handle(cost) for cost in costs], columns=5)
    words = (
        "Gain: mean over triplets less that of the null `linear`, with 95 % interval over columns "
        "of tiles and blocks of slices. Steps: of the cells shown, those that none is both faster "
        "and better than. "
        "Behind the name of a network: how long it was trained. "
        f"Times were measured on {_machines(timed)}."
    )
    return Drawing(figure, words, timed, len(subject.common(timed)))


def front(seconds: Sequence[float], gains: Sequence[float]) -> list[int]:
    """The positions that nothing is both at least as fast and better than, fastest first."""
    best, chosen = float("-inf"), []
    for position in sorted(range(len(gains)), key=lambda i: (seconds[i], -gains[i])):
        if gains[position] > best:
            best = gains[position]
            chosen.append(position)
    return chosen


def _by_cell(subject: Subject, metric: str) -> pd.DataFrame:
    """A row for each triplet that all cells have, a column for each cell by its position."""
    columns = [subject.values(entry, metric) for entry in subject.scored]
    table = pd.concat(columns, axis=1, join="inner", keys=range(len(columns))).sort_index()
    if table.empty:
        raise AbsentError("no test triplet was scored by all of its cells")
    return table


def _paired_lines(axes: Axes, table: pd.DataFrame) -> None:
    for row in spread(np.arange(len(table), dtype=np.intp), _LINES):
        axes.plot(table.iloc[row], range(table.shape[1]), color=GREY, linewidth=0.35, alpha=0.35)


def _strip(axes: Axes, row: int, values: pd.Series, entry: Entry) -> None:
    # Spread by the golden ratio: even, and the same in every report.
    height = row + 0.36 * ((np.arange(len(values)) * 0.618034) % 1 - 0.5)
    tint = colour(entry)
    axes.scatter(values, height, s=3, color=tint, alpha=0.45, linewidths=0, zorder=2)
    low, middle, high = values.quantile([0.25, 0.5, 0.75])
    axes.plot(
        [low, high], [row, row], color=tint, linewidth=3, alpha=0.6, solid_capstyle="butt", zorder=3
    )
    axes.plot([middle, middle], [row - 0.25, row + 0.25], color=BLACK, linewidth=1.1, zorder=4)
    axes.plot(
        values.mean(),
        row,
        "D",
        markersize=3.2,
        color="white",
        markeredgecolor=BLACK,
        markeredgewidth=0.6,
        zorder=5,
    )


def _seconds(subject: Subject, entry: Entry) -> float | None:
    """Seconds a frame, the median over seeds."""
    stages = [seed.facts.predict for seed in subject.seeds(entry)]
    times = [done.seconds_a_frame for done in stages if done and done.seconds_a_frame is not None]
    return max(_FASTEST, float(np.median(times))) if times else None


def _cost(subject: Subject, entry: Entry, null: Entry) -> _Cost:
    gains = {}
    for metric in _METRICS:
        gain = subject.measured(entry, metric).gain(subject.measured(null, metric), metric)
        if gain is None:
            raise AbsentError(f"{label(entry)} and the null share no scored triplet")
        gains[metric] = gain
    stages = [seed.facts.train for seed in subject.seeds(entry)]
    times = [done.training_seconds for done in stages if done and done.training_seconds is not None]
    training = float(np.median(times)) if times else None
    return _Cost(entry, gains, _seconds(subject, entry) or _FASTEST, training)


def _draw_front(axes: Axes, costs: list[_Cost], metric: str) -> None:
    gains = [cost.gains[metric].mean for cost in costs]
    best = front([cost.seconds for cost in costs], gains)
    axes.step(
        [costs[i].seconds for i in best],
        [gains[i] for i in best],
        where="post",
        color="#BBBBBB",
        linewidth=1.5,
        zorder=1,
    )


def _draw_cost(axes: Axes, cost: _Cost, metric: str) -> None:
    gain = cost.gains[metric]
    reach = None
    if np.isfinite(gain.low):
        reach = [[gain.mean - gain.low], [gain.high - gain.mean]]
    axes.errorbar(
        cost.seconds,
        gain.mean,
        yerr=reach,
        fmt=marker(cost.entry),
        color=colour(cost.entry),
        markersize=5,
        elinewidth=0.8,
        markeredgecolor="white",
        markeredgewidth=0.4,
        zorder=3,
    )


def _handle(cost: _Cost) -> Line2D:
    words = drawn(label(cost.entry))
    if cost.training is not None:
        words += f", {_duration(cost.training)}"
    return Line2D(
        [],
        [],
        linestyle="none",
        marker=marker(cost.entry),
        color=colour(cost.entry),
        markersize=5,
        markeredgecolor="white",
        markeredgewidth=0.4,
        label=words,
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _machines(entries: Sequence[Entry]) -> str:
    """The machines that predicted, each once."""
    found = dict.fromkeys(
        _machine(entry.record.stages["predict"].provenance) for entry in entries
    )  # the order of the cells
    return "; ".join(found)


def _machine(facts: dict[str, object]) -> str:
    if facts.get("gpu"):
        return str(facts["gpu"])
    threads = facts.get("threads", "?")
    plural = "" if threads == 1 else "s"
    return f"{facts.get('processor', 'an unknown processor')}, {threads} thread{plural}"
