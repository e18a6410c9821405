"""Learning curves: whether a network was still learning when its training ended."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import WIDE, colour, legend_above, line, marker, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label
from bench.scores.entry import Entry

_SMOOTHED = 20  # running means are over the steps divided by this


def draw_learning(subject: Subject) -> Drawing:
    """Error on training crops and PSNR on validation slices against the crops seen.

    Raises:
        AbsentError: nothing was trained.
    """
    shown = [entry for entry in subject.leading if entry.training is not None]
    if not shown:
        raise AbsentError("nothing was trained")
    figure = new_figure(WIDE, 2.4)
    errors, quality = figure.subplots(1, 2)
    for entry in shown:
        for number, seed in enumerate(subject.seeds(entry)):
            _draw(errors, quality, seed, named=number == 0)
    errors.set_ylabel("$L_1$ on training crops")
    quality.set_ylabel("PSNR on validation slices (dB)")
    for axes in (errors, quality):
        axes.set_xlabel("training crops seen")
        axes.set_xlim(left=0)
    handles = (axes.get_legend_handles_labels()[0] for axes in (quality, errors))
    legend_above(figure, next(filter(None, handles), ()))  # some logs know of training alone
    words = (
        "Left: running mean over a twentieth of the steps. Right: centres of a few "
        "validation slices; what is kept is the step with the least validation loss. A curve that "
        "still rises at its end belongs to a network that was not trained to its limit."
    )
    return Drawing(figure, words, shown)


def _draw(errors: Axes, quality: Axes, entry: Entry, *, named: bool) -> None:
    log = entry.training
    if log is None:
        return
    seen = log["step"] * _batch(entry)
    look: dict[str, Any] = {
        "label": drawn(label(entry)) if named else None,
        "color": colour(entry),
        "linestyle": line(entry),
        "linewidth": 1.2 if named else 0.6,
    }
    window = max(1, len(log) // _SMOOTHED)
    if "l1" in log:
        errors.plot(seen, log["l1"].rolling(window, min_periods=1).mean(), **look)
    if "validation_psnr" not in log:
        return
    known: pd.Series = log["validation_psnr"].notna()
    quality.plot(
        seen[known],
        log.loc[known, "validation_psnr"],
        marker=marker(entry),
        markersize=2.5,
        **look,
    )


def _batch(entry: Entry) -> int:
    """Crops a step; 1 where the record does not say: then the axis counts steps."""
    preset = entry.record.config.get("preset")
    return int(preset.get("batch", 1)) if isinstance(preset, dict) else 1
