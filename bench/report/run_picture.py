"""One picture of a run: before, truth, each method, and where each of them errs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import atomic_path, content_digest, tidied
from bench.scores.cell_files import read_one
from bench.scores.metrics import ie
from bench.scores.summary import Row
from bench.stages.predict import FRAMES
from bench.store.records import Store, file_name
from bench.triplets.dataset import Dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_SIDE = 256  # pixels of the frame that are shown
_ERROR = 80  # grey levels at the ends of the error map


def draw_comparison(rows: list[Row], dataset: Dataset, out: Path) -> Path | None:
    """Draw before | truth | each method, with error maps below, for a typical triplet.

    The triplet is the one with the median PSNR of the null, or else of the first row, so that
    neither the easiest nor the hardest is shown.

    Args:
        rows: of a run; those of other datasets are left out.
        dataset: the one to show.
        out: folder of the results.

    Returns:
        The PNG, named after the cells it shows, or None if no cell has frames.
    """
    drawn = [row for row in rows if row.figures.means and row.outcome.cell.dataset == dataset.name]
    if not drawn:
        return None
    shown = content_digest([row.outcome.record.key for row in drawn])
    target = Store(out).root / file_name(dataset.name) / f"comparison-{shown[:8]}.png"
    index = _typical(next((row for row in drawn if row.outcome.cell.is_null), drawn[0]))
    before, truth, after = (centre(frame, _SIDE) for frame in dataset.test.frames(index))
    frames = {row.outcome.cell.title: _frame(row, index) for row in drawn}
    panels = {"before": before, "truth": truth, **frames, "after": after}
    import matplotlib.style

    # Whatever the user's own settings are.
    settings = matplotlib.style.context("default")
    with tidied(target.parent), atomic_path(target) as temporary, settings:
        title = title_of(dataset.name, index, dataset.test.card.credit)
        _draw(panels, truth, list(frames), title, temporary)
    return target


def title_of(dataset: str, triplet: int, credit: str) -> str:
    """What stands over the picture; a volume of one's own has no credit."""
    return f"{dataset}, triplet {triplet}" + (f" ({credit})" if credit else "")


def ranked(scores: pd.DataFrame) -> NDArray[np.int64]:
    """The triplets from the lowest PSNR to the highest; the typical one is in the middle."""
    ordered = scores.sort_values(["psnr", "triplet"])["triplet"]
    triplets: NDArray[np.int64] = ordered.to_numpy(np.int64)
    return triplets


def centre(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of a frame (HW), of that side or as much as there is."""
    top, left = (max(0, (length - side) // 2) for length in frame.shape)
    return frame[top : top + side, left : left + side]


def show_frame(axes: Axes, frame: NDArray[np.uint8]) -> None:
    """Show grey levels as they are, pixel by pixel."""
    axes.imshow(frame, cmap="gray", vmin=0, vmax=255, interpolation="none")


def show_error(axes: Axes, frame: NDArray[np.uint8], truth: NDArray[np.uint8]) -> AxesImage:
    """Show where a frame is too bright (red) or too dark (blue)."""
    error = frame.astype(np.int16) - truth
    return axes.imshow(error, cmap="RdBu_r", vmin=-_ERROR, vmax=_ERROR, interpolation="none")


def _typical(row: Row) -> int:
    scores = row.figures.entry.scores
    if scores is None:
        raise ValueError(f"{row.outcome.folder} has no scores to rank by.")
    triplets = ranked(scores)
    return int(triplets[len(triplets) // 2])


def _frame(row: Row, index: int) -> NDArray[np.uint8]:
    found = read_one(row.outcome.folder / FRAMES, "frames", index)
    if found is None:
        raise UserError(f"{row.outcome.folder / FRAMES} holds no frame of triplet {index}.")
    return centre(found, _SIDE)


def _draw(
    panels: dict[str, NDArray[np.uint8]],
    truth: NDArray[np.uint8],
    methods: list[str],
    title: str,
    target: Path,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * len(panels), 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(panels), squeeze=False)
    image: AxesImage | None = None
    for column, (name, frame) in enumerate(panels.items()):
        show_frame(axes[0, column], frame)
        axes[0, column].set_title(name, fontsize=9, parse_math=False)
        if name in methods:
            image = show_error(axes[1, column], frame, truth)
            axes[1, column].set_title(f"IE {ie(frame, truth):.1f}", fontsize=8)
        for axis in axes[:, column]:
            axis.set_axis_off()
    if image is not None:  # beside the last error map, below the slice after
        bar = axes[1, -1].inset_axes((0.02, 0.05, 0.06, 0.9))
        figure.colorbar(image, cax=bar, label="error (grey levels)")
    figure.suptitle(title, fontsize=9, parse_math=False)
    figure.savefig(target, format="png", dpi=130)
