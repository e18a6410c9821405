"""The dials of a generated volume: when does each method break?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.cells.cell import NULL
from bench.report.figures.dial_series import UNITS, Dial, curves, dials_of, middles
from bench.report.figures.drawing import Drawing
from bench.report.figures.style import BLACK, GREY, WIDE, colour, legend_above, new_figure
from bench.report.figures.subject import AbsentError, Subject, label, method_of, subject_of
from bench.report.selection import EVERY_ROW, Shown
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.results import Results

_ROWS = {
    "psnr": f"gain in {METRICS['psnr'].title}",
    "frc_10": f"gain in {METRICS['frc_10'].title}",
    "gap": "gap in Dice",
    "ceiling": "Dice of the\nreal slice",
}
_GAINS = ("psnr", "frc_10")  # the null is their zero
_HEIGHTS = {"psnr": 1.25, "frc_10": 1.25, "gap": 1.25, "ceiling": 0.7}  # inches
_MARKERS = "osD^v<>ph"


def draw_dials(results: Results, shown: Shown = EVERY_ROW) -> list[tuple[Subject, Drawing]]:
    """Each dial a column, each score a row, each method a curve in its 95 % interval.

    Returns:
        A figure of each generated dataset that others are settings of, and its cells.

    Raises:
        AbsentError: there is no such dataset.
    """
    drawn = []
    for middle in middles(results.datasets):
        subject = subject_of(results, middle, shown)
        found = {
            dial: curves(results, subject, dial) for dial in dials_of(results.datasets, middle)
        }
        if subject.scored and all(len(table) for table in found.values()):
            drawn.append((subject, _draw(subject, found)))
    if not drawn:
        raise AbsentError(
            "no generated dataset was scored at other settings of its dials with what it taught; "
            "`bench run --config configs/dials.toml` does that"
        )
    return drawn


def _draw(subject: Subject, found: dict[Dial, pd.DataFrame]) -> Drawing:
    every = pd.concat(list(found.values()))
    rows = [score for score in _ROWS if (every["score"] == score).any()]
    heights = [_HEIGHTS[row] for row in rows]
    figure = new_figure(WIDE, 0.6 + sum(heights))
    panels = figure.subplots(
        len(rows),
        len(found),
        sharex="col",
        sharey="row",
        squeeze=False,
        height_ratios=heights,
    )
    for column, (dial, table) in zip(panels.T, found.items(), strict=True):
        column[0].set_title(_title(dial))
        for axes, score in zip(column, rows, strict=True):
            _draw_panel(axes, dial, score, table[table["score"] == score], subject.scored)
        column[-1].set_xlabel(UNITS[dial.name])
    for axes, score in zip(panels[:, 0], rows, strict=True):
        axes.set_ylabel(_ROWS[score])
    figure.align_ylabels(panels[:, 0])
    legend_above(figure, [_handle(*each) for each in enumerate(subject.scored)])
    return Drawing(figure, _words(found, every, rows), subject.scored, numbers=_csv(found))


def _draw_panel(
    axes: Axes, dial: Dial, score: str, table: pd.DataFrame, shown: Sequence[Entry]
) -> None:
    # By square roots: small values stand apart, and there is a place for zero.
    axes.set_xticks(np.sqrt(list(dial.settings)), [_short(value) for value in dial.settings])
    axes.axvline(np.sqrt(dial.middle), color=GREY, linewidth=0.6, linestyle=(0, (1, 1.5)), zorder=0)
    if score == "ceiling":
        _draw_curve(axes, table, GREY, "")
        return
    if score in _GAINS:
        axes.axhline(0, color=BLACK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=0)
    for position, entry in enumerate(shown):
        if method_of(entry) != NULL or score not in _GAINS:
            curve = table[table["method"] == label(entry)]
            _draw_curve(axes, curve, colour(entry), _MARKERS[position % len(_MARKERS)])


def _draw_curve(axes: Axes, curve: pd.DataFrame, tint: str, marker: str) -> None:
    place = np.sqrt(curve["value"].to_numpy())
    axes.fill_between(
        place,
        curve["low"].to_numpy(),
        curve["high"].to_numpy(),
        color=tint,
        alpha=0.16,
        linewidth=0,
        zorder=1,
    )
    axes.plot(
        place,
        curve["mean"].to_numpy(),
        color=tint,
        marker=marker,
        markersize=2.8,
        linewidth=0.9,
        markeredgecolor="white",
        markeredgewidth=0.3,
        zorder=2,
    )


def _short(value: float) -> str:
    """A number without the zero before its point: ticks stand close."""
    text = f"{value:g}"
    return text.removeprefix("0") if value else text


def _title(dial: Dial) -> str:
    return "\n".join([dial.name, f"({', '.join(dial.among)})" if dial.among else ""])


def _handle(position: int, entry: Entry) -> Line2D:
    null = method_of(entry) == NULL
    return Line2D(
        [],
        [],
        color=colour(entry),
        marker=_MARKERS[position % len(_MARKERS)],
        markersize=3.5,
        linewidth=0.9,
        markeredgecolor="white",
        markeredgewidth=0.3,
        label=f"{label(entry)} (the null)" if null else label(entry),
    )


def _words(found: dict[Dial, pd.DataFrame], every: pd.DataFrame, rows: Sequence[str]) -> str:
    middles = ", ".join(
        f"{dial.name} {dial.middle:g} {UNITS[dial.name]}"
        for dial in {dial.name: dial for dial in found}.values()
    )
    sentences = [
        f"Everything was learned once, at the dotted setting ({middles}), the null and the "
        "segmenter too; elsewhere only the test slices are others. Gains are over the null "
        f"`{NULL}`, on the same triplets. Bands: 95 % intervals "
        "over columns of tiles and blocks of slices, "
        f"{_range(every['clusters'])} of whichever are fewer. All {_range(every['triplets'])} test "
        "triplets of a setting count, those too that the preparation would reject. Horizontal "
        "axes are of square roots."
    ]
    if "gap" in rows:
        sentences.append(
            "Gap: Dice of the real slice, shown at the bottom, less that of the synthesised one."
        )
    if any(dial.among for dial in found):
        sentences.append("In brackets: what was built otherwise, at all settings of that dial.")
    return " ".join(sentences)


def _range(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return str(low) if low == high else f"{low} to {high}"


def _csv(found: dict[Dial, pd.DataFrame]) -> str:
    """Every point of every curve."""
    tables = []
    for dial, table in found.items():
        table = table.assign(dial=dial.name, built=" ".join(dial.among))
        tables.append(table[["dial", "built", *table.columns[:-2]]])
    return pd.concat(tables).to_csv(index=False, float_format="%.6g", lineterminator="\n")
