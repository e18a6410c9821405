"""One picture of what a build kept and what it rejected, to be looked at by a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data.reject import REASONS
from bench.data.triplets import TripletFile

_COLUMNS = 3
_KEPT, _REJECTED = 9, 15  # triplets shown at most
_THUMBNAIL = 128  # pixels
_GAP = 4


def draw_contact_sheet(file: TripletFile, target: Path) -> None:
    """Draw up to 24 triplets, evenly drawn from the kept ones and from each reason.

    Args:
        file: the triplets.
        target: of the PNG; each triplet shows before, middle and after side by side under
            the values that its rules looked at.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = _chosen(file.keys)
    rows = -(-len(chosen) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * 4.2, rows * 1.85 + 0.7), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_title(file.keys, file.name), fontsize=11)
    for place, index in enumerate(chosen):
        axes = figure.add_subplot(rows, _COLUMNS, place + 1)
        axes.imshow(_strip(file.frames(index)), cmap="gray", vmin=0, vmax=255)
        key = file.keys.iloc[index]
        colour = "black" if key["reason"] == "" else "firebrick"
        axes.set_title(_caption(key), fontsize=7, color=colour)
        axes.set_axis_off()
    figure.savefig(target, format="png")


def _chosen(keys: pd.DataFrame) -> list[int]:
    """Kept triplets first, then each reason's, evenly spaced through the file."""
    groups = [np.flatnonzero(keys["reason"] == reason) for reason in REASONS]
    broken = [group for group in groups if len(group)]
    each = _REJECTED // max(len(broken), 1)
    kept = np.flatnonzero(keys["reason"] == "")
    room = _KEPT + _REJECTED - sum(min(each, len(group)) for group in broken)
    return [int(i) for group, n in [(kept, room), *((g, each) for g in broken)]
            for i in group[_evenly(len(group), n)]]  # fmt: skip


def _evenly(length: int, count: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, length - 1, min(length, count)).round().astype(np.intp))


def _title(keys: pd.DataFrame, name: str) -> str:
    counts = [f"{reason} {int((keys['reason'] == reason).sum())}" for reason in REASONS]
    kept = int((keys["reason"] == "").sum())
    return f"{name}: {kept} of {len(keys)} triplets kept; rejected: {', '.join(counts)}"


def _caption(key: pd.Series) -> str:
    verdict = key["reason"] or "kept"
    return (
        f"{verdict.upper()} ({key['split']})  {key['volume']}  z {key['z']}  y {key['y']}  "
        f"x {key['x']}\nNCC {key['ncc_before']:.2f} {key['ncc_after']:.2f}  "
        f"continuity {key['continuity']:+.1f}  duplicate {key['duplicate']:+.1f}  "
        f"blur {key['blur']:.2f}  defect {key['defect']:.3f}"
    )


def _strip(frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    step = max(frames.shape[-1] // _THUMBNAIL, 1)
    side = frames.shape[-1] // step
    whole = frames[:, : side * step, : side * step].astype(np.float64)
    small = whole.reshape(3, side, step, side, step).mean(axis=(2, 4))
    strip = np.full((side, 3 * side + 2 * _GAP), 255.0)
    for i, frame in enumerate(small):
        strip[:, i * (side + _GAP) : i * (side + _GAP) + side] = frame
    return strip
