"""How every figure looks: sizes of a printed column, colours that all readers can tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from zlib import crc32

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.base.files import atomic_path
from bench.report.figures.subject import loss_of, method_of
from bench.scores.entry import Entry

NARROW, WIDE = 3.4, 7.0  # inches: one column and two
_ROW = 0.15  # inches: a row of names
DPI = 228  # a crop of 252 pixels is shown pixel by pixel, six abreast

# Okabe and Ito, Color Universal Design 2008.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#777777"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

_COLOURS = {
    "before": "#AAAAAA", "after": "#AAAAAA", "average": GREY, "linear": BLACK, "phase": SKY,
    "flow": ORANGE, "sepconv": BLUE, "dain": GREEN, "rife": PURPLE, "ssan": VERMILLION,
    "dis": "#8C510A", "farneback": "#999933", "bspline": "#AA4499", "ifrnet": "#332288",
}  # fmt: skip
_OTHERS = ("#882255", "#44AA99", "#117733")  # methods of other packages; Tol's muted scheme
Dashes = str | tuple[float, tuple[float, ...]]
_LINES: dict[str, Dashes] = {
    "l1": (0, (1, 1.2)), "lf": (0, (4, 1.5)), "ls": "solid",
    "lm": (0, (6, 1.2, 1, 1.2)),
}  # fmt: skip
_MARKERS = {"l1": "o", "lf": "s", "ls": "D", "lm": "^"}
_LOOK = {
    "font.size": 7.0, "axes.titlesize": 7.0, "axes.labelsize": 7.0, "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5, "legend.fontsize": 6.5, "legend.frameon": False,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4, "lines.linewidth": 1.2, "axes.titlelocation": "left",
    "axes.titlepad": 3.0, "axes.axisbelow": True, "pdf.fonttype": 42, "image.interpolation": "none",
    "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.05,
}  # fmt: skip


@contextmanager
def look() -> Iterator[None]:
    """Settings of matplotlib for our figures, whatever the user's own are."""
    with matplotlib.style.context(["default", _LOOK]):
        yield


def new_figure(
    width: float, height: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """An empty figure of a size in inches, without a window or a global state behind it."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def legend_above(figure: Figure, handles: Sequence[Artist], columns: int = 6) -> None:
    """Names in even rows above all panels; the figure grows by them, and no panel shrinks."""
    if not handles:
        return
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + _ROW * rows)
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=-(-len(handles) // rows),
        handlelength=2.4,
        columnspacing=1.2,
    )


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as PDF and PNG; the same figure gives the same bytes.

    Returns:
        Both files.
    """
    dates = {"pdf": {"CreationDate": None, "Producer": None}, "png": {"Software": None}}
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in dates]
    for path, (kind, metadata) in zip(paths, dates.items(), strict=True):
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)
        figure.set_layout_engine("none")  # laid out once, it stays so
    return paths


def colour(entry: Entry) -> str:
    """The colour of a method, the same in every figure."""
    name = method_of(entry)
    return _COLOURS.get(name) or _OTHERS[crc32(name.encode()) % len(_OTHERS)]


def line(entry: Entry) -> Dashes:
    """The line style of a loss."""
    return _LINES.get(loss_of(entry), (0, (6, 1.2, 1.2, 1.2)))


def marker(entry: Entry) -> str:
    """The marker of a loss."""
    return _MARKERS.get(loss_of(entry), "^")
