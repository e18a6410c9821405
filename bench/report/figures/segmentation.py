"""Figure 8: the membranes found in synthesised slices, errors coloured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from bench.report.figures.drawing import Drawing
from bench.report.figures.scene import CROP, Inset, triplets_of, typical, where_they_differ
from bench.report.figures.sheet import Sheet, mark, scale_bar, show_inset
from bench.report.figures.style import BLUE, VERMILLION
from bench.report.figures.subject import AbsentError, Subject, drawn, label
from bench.report.run_picture import centre, show_frame
from bench.scores.cell_files import read_one
from bench.scores.entry import Entry
from bench.scores.membranes import true_membranes
from bench.triplets.file import TripletFile
from segmentation.membranes import Membranes

MASKS, CEILING = "membranes.h5", "ceiling.h5"
FOUND, MISSED, INVENTED = "#303030", VERMILLION, BLUE
_SHOWN = 5  # cells beside the ceiling


def draw_membranes(subject: Subject) -> Drawing:
    """Slice, membranes and enlarged membranes of the ceiling and of up to five cells.

    Raises:
        AbsentError: no cell has membranes, or the dataset has no labels.
        UserError: a file is damaged.
    """
    file = triplets_of(subject)
    shown = _chosen(subject)
    if not shown or not file.has_labels:
        raise AbsentError("no cell has membranes (the stage `segment` makes them)")
    triplet = typical(subject, shown)
    real, pixel = file.frames(triplet)[1], file.voxel_size[1] if file.voxel_size else None
    truth = _truth(file, triplet)
    pictures: list[tuple[str, NDArray[np.uint8], NDArray[np.bool_]]] = []
    ceiling = _ceiling(shown, triplet)
    if ceiling is not None:
        pictures.append(("real slice (ceiling)", real, ceiling))
    for entry in shown:
        frame, mask = entry.frame(triplet), read_mask(entry.folder / MASKS, triplet)
        if frame is not None and mask is not None:
            pictures.append((drawn(label(entry)), frame, mask))
    if not pictures:
        raise AbsentError("its cells have no membranes of the triplet that would be shown")
    crops = [(name, _crop(frame), _crop(mask)) for name, frame, mask in pictures]
    seen = Membranes(_crop(truth.mask), _crop(truth.valid))
    inset = where_they_differ([255 * (mask ^ seen.mask) * seen.valid for _, _, mask in crops])
    sheet = Sheet([1, 2, 0], max(3, len(crops)), foot=40)
    for column, (name, frame, mask) in enumerate(crops):
        _draw_column(sheet, column, name, frame, mask, seen, inset)
        if column == 0:
            scale_bar(sheet.figure.axes[0], pixel, len(frame))
    _add_legend(sheet)
    words = (
        f"Triplet {triplet} (median of the null's PSNR), central {len(seen.mask)} px: the slice, "
        "the membranes found in it, and the part where the errors differ most, 3 times enlarged. "
        "Shares are of the shown pixels; where nothing is known of the truth, the slice is bare. "
        f"The ceiling is the same segmenter on the real slice. {_rule(subject, shown)}"
    )
    cautions = dict.fromkeys(entry.segmenter_caution for entry in shown)
    words += "".join(f" {subject.dataset}: {caution}." for caution in cautions if caution)
    return Drawing(sheet.figure, words, shown, 1)


def error_overlay(
    frame: NDArray[np.uint8], found: NDArray[np.bool_], truth: Membranes
) -> NDArray[np.uint8]:
    """Membranes over a faded slice: found, missed and invented ones, each in its colour.

    Args:
        frame: uint8 HW.
        found: bool HW, the membranes of a segmentation.
        truth: the real ones; where they are not known, nothing is coloured.

    Returns:
        uint8 HW3.
    """
    faded = (128 + frame // 2).astype(np.uint8)
    picture = np.repeat(faded[..., None], 3, axis=2)
    for colour, where in (
        (FOUND, found & truth.mask), (MISSED, ~found & truth.mask), (INVENTED, found & ~truth.mask),
    ):  # fmt: skip
        picture[where & truth.valid] = np.rint(255 * np.array(to_rgb(colour))).astype(np.uint8)
    return picture


def read_mask(path: Path, triplet: int) -> NDArray[np.bool_] | None:
    """The stored membranes (HW) of a triplet; None if there are none.

    Raises:
        UserError: the file is damaged.
    """
    mask = read_one(path, "masks", triplet) if path.exists() else None
    return None if mask is None else mask.astype(bool)


def _chosen(subject: Subject) -> list[Entry]:
    """Every method once, with the last of its losses; trained ones, the null, then others."""
    order = sorted(
        _with_masks(subject).values(), key=lambda e: (not e.trained, e is not subject.null)
    )
    chosen = order[:_SHOWN]
    return [entry for entry in subject.scored if entry in chosen]


def _with_masks(subject: Subject) -> dict[str, Entry]:
    """The last cell of each method that has membranes."""
    return {
        entry.cell.method: entry
        for entry in subject.scored
        if "segment" in entry.record.stages and (entry.folder / MASKS).exists()
    }


def _rule(subject: Subject, shown: list[Entry]) -> str:
    """Which cells are shown, in words, and the methods that found no room."""
    methods = [entry.cell.method for entry in shown]
    absent = [method for method in _with_masks(subject) if method not in methods]
    left_out = f"; {', '.join(absent)} found no room" if absent else ""
    return (
        f"At most {_SHOWN} methods, each with the last of its losses: networks first, then the "
        f"null, then the others in the order of the tables{left_out}."
    )


def _truth(file: TripletFile, triplet: int) -> Membranes:
    found = true_membranes(file, triplet)
    if found is None:
        raise AbsentError("it has no labels")
    return found


def _ceiling(shown: list[Entry], triplet: int) -> NDArray[np.bool_] | None:
    for entry in shown:
        facts = entry.facts.segment
        if facts is not None and facts.ceiling is not None:
            mask = read_mask(entry.folder.parent / facts.ceiling / CEILING, triplet)
            if mask is not None:
                return mask
    return None


def _crop(picture: NDArray) -> NDArray:  # type: ignore[type-arg]
    return centre(picture, CROP)


def _draw_column(
    sheet: Sheet,
    column: int,
    name: str,
    frame: NDArray[np.uint8],
    found: NDArray[np.bool_],
    truth: Membranes,
    inset: Inset,
) -> None:
    known = max(1, int(truth.valid.sum()))
    missed = (~found & truth.mask & truth.valid).sum() / known
    invented = (found & ~truth.mask & truth.valid).sum() / known
    top = sheet.place(0, column, name)
    show_frame(top, frame)
    mark(top, inset)
    middle = sheet.place(1, column, f"{missed:.1%} missed\n{invented:.1%} invented")
    overlay = error_overlay(frame, found, truth)
    middle.imshow(overlay, interpolation="none")
    mark(middle, inset)
    show_inset(sheet.place(2, column), overlay, inset)


def _add_legend(sheet: Sheet) -> None:
    handles = [
        Patch(color=FOUND, label="membrane found"),
        Patch(color=MISSED, label="membrane missed"),
        Patch(color=INVENTED, label="membrane invented"),
    ]
    sheet.figure.legend(
        handles=handles,
        loc="lower center",
        ncols=3,
        borderaxespad=0.1,
        handlelength=1.0,
        columnspacing=1.0,
    )
