"""Figures 3 and 4: what the training log says, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bench.report.figures.drawing import Drawing
from bench.report.figures.style import BLUE, CYCLE, GREEN, GREY, NARROW, VERMILLION, new_figure
from bench.report.figures.subject import AbsentError, Subject, drawn, label, method_of
from bench.scores.departures import signed_balance
from bench.scores.entry import Entry

_STYLE = {
    "style_before": ("against before", BLUE, (0, (4, 1.5))),
    "style_middle": ("against the truth", VERMILLION, "solid"),
    "style_after": ("against after", GREEN, (0, (1, 1.2))),
}
# Of a training under equation 15 as it is signed, or under its continuous form.
_TERMS = {
    True: "The terms are those of equation 15 with their sign",
    False: "Each term is |S(prediction, j) - S(truth, j)|, zero where the prediction's style lies "
    "as far from slice j as the truth's",
}


def draw_gamma(subject: Subject) -> Drawing:
    """The weights gamma of the attention over the training; a row for each loss.

    Raises:
        AbsentError: no training has a gamma.
    """
    shown = list(_logged(subject, "gamma_0"))
    if not shown:
        raise AbsentError("no SSAN with attention was trained")
    figure = new_figure(NARROW, 0.55 + 1.25 * len(shown))
    rows = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, entry in zip(rows, shown, strict=True):
        _gamma_lines(axes, [log for _, log in _logs(subject.seeds(entry))])
        axes.set_title(drawn(label(entry)))
        axes.set_ylabel("$\\gamma$")
    rows[-1].set_xlabel("training step")
    rows[-1].set_xlim(0, max(float(log["step"].iloc[-1]) for _, log in _logs(shown)))
    layers = sum(name.startswith("gamma_") for name in _columns(shown[0]))
    words = f"Each line is one of the {layers} passes of the attention, long range first."
    return Drawing(figure, words, shown)


def draw_style(subject: Subject) -> Drawing:
    """The three terms of the style balance loss over the training.

    Raises:
        AbsentError: no training has the three terms.
    """
    shown = list(_logged(subject, "style_before"))[-1:]
    if not shown:
        raise AbsentError("nothing was trained with the style balance loss (ls)")
    entry = shown[0]
    figure = new_figure(NARROW, 2.4)
    axes = figure.subplots()
    axes.axhline(0, color=GREY, linewidth=0.6)
    power = _power(entry)
    for number, (_, whole) in enumerate(_logs(subject.seeds(entry))):
        log = whole[whole["style_middle"].notna()]
        for name, (words, colour, line) in _STYLE.items():
            values = log[name] / 10.0**power
            axes.plot(log["step"], values, color=colour, linewidth=0.4, alpha=0.25)
            smooth = values.rolling(_window(log), min_periods=1, center=True).median()
            axes.plot(
                log["step"],
                smooth,
                color=colour,
                linestyle=line,
                label=words if number == 0 else None,
            )
    _limit(axes, entry, power)
    axes.set_title(drawn(label(entry)))
    axes.set_xlabel("training step")
    signed = signed_balance(entry.record.config)
    term = "signed style term" if signed else "style term"
    axes.set_ylabel(f"{term} ($10^{{{power}}}$)")
    figure.legend(loc="outside upper center", ncols=3, handlelength=2.4, columnspacing=1.2)
    words = (
        f"Thin: every step; thick: running median over a twentieth of them. {_TERMS[signed]}, "
        "before alpha and beta; the axis leaves out the outermost percent."
    )
    return Drawing(figure, words + _opening(entry), shown)


def _logged(subject: Subject, column: str) -> Iterator[Entry]:
    """The leading cells with such a column; of SSAN alone where there is one of SSAN."""
    found = [entry for entry in subject.leading if column in _columns(entry)]
    own = [entry for entry in found if method_of(entry) == subject.own]
    methods = {method_of(entry) for entry in own or found}
    for entry in own or found:
        if method_of(entry) == min(methods):
            yield entry


def _columns(entry: Entry) -> list[str]:
    return [] if entry.training is None else list(entry.training.columns)


def _logs(entries: Sequence[Entry]) -> list[tuple[Entry, pd.DataFrame]]:
    return [(entry, entry.training) for entry in entries if entry.training is not None]


def _gamma_lines(axes: Axes, logs: list[pd.DataFrame]) -> None:
    names = [name for name in logs[0].columns if name.startswith("gamma_")]
    axes.axhline(0, color=GREY, linewidth=0.6)
    for number, log in enumerate(logs):
        for name, colour in zip(names, CYCLE * len(names), strict=False):
            axes.plot(log["step"], log[name], color=colour, linewidth=1.2 if number == 0 else 0.6)
    ends = [float(logs[0][name].iloc[-1]) for name in names]
    low, high = axes.get_ylim()
    for number, place in enumerate(spread_apart(ends, 0.13 * (high - low))):
        axes.text(
            1.02,
            place,
            f"$\\gamma_{{{number + 1}}}$",
            transform=axes.get_yaxis_transform(),
            color=CYCLE[number % len(CYCLE)],
            va="center",
            fontsize=8,
        )


def spread_apart(values: Sequence[float], gap: float) -> list[float]:
    """Places for labels, near their values and no two closer than a gap."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    places = list(values)
    for below, above in pairwise(order):
        places[above] = max(places[above], places[below] + gap)
    shift = sum(places) / len(places) - sum(values) / len(values)
    return [place - shift for place in places]


def _window(log: pd.DataFrame) -> int:
    return max(1, len(log) // 20)


def _terms(entry: Entry) -> pd.Series:
    """All values of the three terms, as far as the log has them."""
    log = entry.training
    values: pd.Series = pd.Series(dtype=float)
    return values if log is None else log[list(_STYLE)].melt()["value"]


def _power(entry: Entry) -> int:
    """The power of ten that the axis counts in."""
    largest = float(_terms(entry).abs().quantile(0.995))
    return int(np.floor(np.log10(largest))) if largest > 0 else 0


def _limit(axes: Axes, entry: Entry, power: int) -> None:
    """A few wild steps at the beginning must not flatten all that follows."""
    low, high = _terms(entry).quantile([0.005, 0.995]) / 10.0**power
    margin = 0.08 * (max(high, 0) - min(low, 0)) or 1.0
    axes.set_ylim(min(low, 0) - margin, max(high, 0) + margin)


def _opening(entry: Entry) -> str:
    """From which step on there are terms, if not from the first."""
    log = entry.training
    if log is None or not len(joined := np.flatnonzero(log["style_middle"].notna())):
        return ""
    first = int(log["step"].iloc[joined[0]])
    return f" Before step {first} the pixel terms trained alone." if first > 1 else ""
