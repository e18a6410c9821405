"""Learning curves: whether a network was still learning when its training ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import WIDE, colour, legend_above, line, marker, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label
from bench.scores.entry import Entry

_SMOOTHED = 20  # running means are over the steps divided by this


def draw_learning(subject: Subject) -> Drawing:
    """Error on training crops, PSNR and loss on validation slices, against the crops seen.

    Raises:
        AbsentError: nothing was trained.
    """
    shown = [entry for entry in subject.leading if entry.training is not None]
    if not shown:
        raise AbsentError("nothing was trained")
    figure = new_figure(WIDE, 2.4)
    panels = figure.subplots(1, 3)
    for entry in shown:
        for number, seed in enumerate(subject.seeds(entry)):
            _draw(panels, seed, named=number == 0)
    titles = (
        "$L_1$ on training crops",
        "PSNR on validation slices (dB)",
        "validation loss / its first value",
    )
    for axes, title in zip(panels, titles, strict=True):
        axes.set_ylabel(title)
        axes.set_xlabel("training crops seen")
        axes.set_xlim(left=0)
    handles = (axes.get_legend_handles_labels()[0] for axes in reversed(panels))
    legend_above(figure, next(filter(None, handles), ()))  # some logs know of training alone
    words = (
        "Left: running mean over a twentieth of the steps. Middle and right: centres of a few "
        "validation slices. The loss has all its terms, whether training has them yet or not; of "
        "the steps that have, the one with the least is kept. Where it still falls at the end, the "
        "network was not trained to its limit."
    )
    return Drawing(figure, words, shown)


def _draw(panels: Sequence[Axes], entry: Entry, *, named: bool) -> None:
    log = entry.training
    if log is None:
        return
    errors, quality, losses = panels
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
    look |= {"marker": marker(entry), "markersize": 2.5}
    for axes, column in ((quality, "validation_psnr"), (losses, "validation_loss")):
        if column not in log:
            continue
        known = log[column].dropna()
        if column == "validation_loss":
            known = known / known.iloc[:1].sum()
        axes.plot(seen[known.index], known, **look)


def _batch(entry: Entry) -> int:
    """Crops a step; 1 where the record does not say: then the axis counts steps."""
    preset = entry.record.config.get("preset")
    return int(preset.get("batch", 1)) if isinstance(preset, dict) else 1
