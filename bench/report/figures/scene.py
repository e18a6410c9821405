"""What all panels of one triplet share: the part that is shown and the part that is enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bench.report.figures.subject import AbsentError, Subject, label
from bench.report.run_picture import centre, ranked
from bench.scores.entry import Entry
from bench.triplets.file import TripletFile

CROP = 252  # pixels of a frame that are shown
ENLARGED = 3  # times; an inset is as wide as the panel it belongs to
_SMOOTH = 2.0  # pixels: noise shall not decide where methods differ


class Inset(NamedTuple):
    """The square of a crop that is enlarged, in pixels of the crop."""

    top: int
    left: int
    side: int

    def of(self, crop: NDArray[Any]) -> NDArray[Any]:
        """The square itself."""
        return crop[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class Scene:
    """One triplet as the panels show it.

    Attributes:
        triplet: its index in the triplet file.
        before: crop of the slice before, uint8 HW; so are the other slices.
        truth: crop of the real middle slice.
        after: crop of the slice after.
        frames: crop of what each cell synthesised; None where it has no frame.
        inset: what is enlarged in every panel.
        nanometres: side of a pixel, where known.
    """

    triplet: int
    before: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    after: NDArray[np.uint8]
    frames: dict[str, NDArray[np.uint8] | None]
    inset: Inset
    nanometres: float | None

    @property
    def rule(self) -> str:
        """How the enlarged part was chosen, for a caption."""
        return (
            f"The boxes mark one and the same {self.inset.side} px square in every panel, "
            f"{ENLARGED} times enlarged: where the synthesised slices (smoothed by "
            f"{_SMOOTH:g} px) differ most."
        )


def triplets_of(subject: Subject) -> TripletFile:
    """The triplets that pictures are taken from.

    Raises:
        AbsentError: they are not at hand.
    """
    if subject.file is None:
        raise AbsentError("its triplets are not among the datasets, so there are no pixels to show")
    return subject.file


def typical(subject: Subject, entries: Sequence[Entry], at: float = 0.5) -> int:
    """The triplet at a rank of the null's PSNR (0: hardest, 1: easiest) that all cells have.

    Without a null, the first of the cells ranks them.

    Raises:
        AbsentError: no cell has scores, or they share no triplet.
    """
    scored = [entry for entry in entries if entry.scores is not None]
    judge = subject.null or (scored[0] if scored else None)
    if judge is None or judge.scores is None:
        raise AbsentError("none of its cells has scores")
    shared = subject.common([judge, *scored])
    order = ranked(judge.scores[judge.scores["triplet"].isin(shared)])
    return int(order[min(int(at * len(order)), len(order) - 1)])


def scene_of(subject: Subject, entries: Sequence[Entry], triplet: int) -> Scene:
    """The crops of a triplet and of what each cell made of it.

    Raises:
        AbsentError: the dataset's triplets are not at hand.
        UserError: triplets or frames are damaged.
    """
    file = triplets_of(subject)
    before, truth, after = (centre(frame, CROP) for frame in file.frames(triplet))
    frames = {}
    for entry in entries:
        frame = entry.frame(triplet)
        frames[label(entry)] = None if frame is None else centre(frame, CROP)
    present = [frame for frame in frames.values() if frame is not None]
    judged = present if len(present) > 1 else [*present, truth]
    nanometres = file.voxel_size[1] if file.voxel_size else None
    return Scene(triplet, before, truth, after, frames, where_they_differ(judged), nanometres)


def where_they_differ(crops: Sequence[NDArray[Any]]) -> Inset:
    """The square, a third of the crop wide, with the largest variance between crops (HW)."""
    smooth = [ndimage.gaussian_filter(crop.astype(np.float64), _SMOOTH) for crop in crops]
    spread = np.var(smooth, axis=0)
    side = max(1, min(spread.shape) // ENLARGED)
    sums = np.pad(spread, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(np.argmax(boxes)), boxes.shape)
    return Inset(int(top), int(left), side)
