"""A sheet of square pictures, laid out to the pixel so that no printed pixel is a mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from bench.report.figures.scene import CROP, Inset
from bench.report.figures.style import DPI, GREY, YELLOW, new_figure
from bench.report.run_picture import show_frame

_GAP = 9
_FULL = 0.97  # of its square: what a heading may take
_LINE, _PAD = 27, 8  # pixels of a line of text, and between it and its square


def _outlined(width: float) -> list[patheffects.AbstractPathEffect]:
    """Black around white, to be read on any grey."""
    return [patheffects.withStroke(linewidth=width, foreground="black")]


class Sheet:
    """Squares in rows and columns, a heading above each.

    Args:
        heads: lines of heading above each row.
        columns: squares side by side.
        foot: room below in pixels, for a legend.
    """

    def __init__(self, heads: list[int], columns: int, foot: int = 0) -> None:
        self.width = columns * CROP + (columns - 1) * _GAP
        heights = [CROP + _GAP + (_LINE * lines + _PAD if lines else 0) for lines in heads]
        self.height = sum(heights) + foot
        self.figure: Figure = new_figure(self.width / DPI, self.height / DPI, layout=None)
        self._bottoms = self.height - np.cumsum(heights) + _GAP

    def place(self, row: int, column: int, heading: str = "") -> Axes:
        """An empty square."""
        left, bottom = column * (CROP + _GAP), self._bottoms[row]
        box = (left / self.width, bottom / self.height, CROP / self.width, CROP / self.height)
        axes = self.figure.add_axes(box)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        if heading:
            head(axes, heading)
        return axes

    def strip(self, width: int, height: int, bottom: int) -> Axes:
        """Axes in the middle of the foot, in pixels."""
        left = (self.width - width) / 2 / self.width
        box = (left, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)


def head(axes: Axes, words: str) -> None:
    """A heading no wider than its square: a long name has smaller letters."""
    title = axes.set_title(words, loc="left")
    wide = title.get_window_extent().width / axes.get_window_extent().width
    if wide > _FULL:
        title.set_fontsize(float(title.get_fontsize()) * _FULL / wide)


def mark(axes: Axes, inset: Inset) -> None:
    """The box around what is enlarged."""
    place = (inset.left - 0.5, inset.top - 0.5)
    axes.add_patch(
        Rectangle(place, inset.side, inset.side, fill=False, edgecolor=YELLOW, linewidth=0.8)
    )


def show_inset(axes: Axes, picture: NDArray[Any], inset: Inset) -> None:
    """What the box holds, enlarged and framed in its colour."""
    part = inset.of(picture)
    if part.ndim == 2:
        show_frame(axes, part)
    else:
        axes.imshow(part, interpolation="none")
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=YELLOW, linewidth=0.8)


def leave_empty(axes: Axes, words: str) -> None:
    """The place of a picture that there is none of."""
    axes.set_facecolor("#F2F2F2")
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def scale_bar(axes: Axes, nanometres: float | None, shown: int) -> None:
    """A bar of a round length, about a quarter of a crop of so many pixels wide."""
    if nanometres is None:
        return
    length = _round_length(shown * nanometres / 4)
    pixels = length / nanometres
    left, bottom = 0.05 * shown, 0.94 * shown
    axes.plot(
        [left, left + pixels],
        [bottom, bottom],
        color="white",
        linewidth=2,
        solid_capstyle="butt",
        path_effects=_outlined(3),
    )
    words = f"{length / 1000:g} µm" if length >= 1000 else f"{length:g} nm"
    axes.text(
        left,
        bottom - 0.03 * shown,
        words,
        color="white",
        ha="left",
        va="bottom",
        fontsize=6.5,
        path_effects=_outlined(1.6),
    )


def _round_length(wanted: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not longer."""
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(max(step * power for step in (1, 2, 5) if step * power <= wanted))
