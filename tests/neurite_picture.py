"""The picture of neurites lost and carried, from a store that `bench run` has left.

python tests/neurite_picture.py --dataset NAME --data DIR --results DIR --methods A,B --out PNG
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from doc_picture import save
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.base.files import file_digest
from bench.scores.entry import Entry
from bench.scores.membranes import label_neurites
from bench.scores.results import load_results
from bench.stages.segmenter import Segmenter
from bench.triplets.file import TripletFile
from segmentation.carried import Labels, Neurites, carried_through, largest_overlaps
from segmentation.scores import watershed

SIDE = 256  # pixels of the frame that are shown
OPACITY = 0.45
LOST = "#E4002B"


@dataclass(frozen=True)
class Way:
    """What became of the neurites through one method's slice.

    Attributes:
        title: of the method.
        frame: uint8 HW, what it synthesised.
        segments: int32 HW, what the segmenter found there.
        through: the segment that each neurite of the slice before came to.
        carried: whether it ended on its own id.
        share: of the neurites of the whole tile that count.
    """

    title: str
    frame: NDArray[np.uint8]
    segments: Labels
    through: NDArray[np.int64]
    carried: NDArray[np.bool_]
    share: str


def main() -> None:
    """Follow the neurites of a triplet, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("dataset", "data", "results", "methods", "out"):
        parser.add_argument(f"--{word}", required=True)
    given = parser.parse_args()
    results = load_results(Path(given.results), Path(given.data), print)
    cells = [results.select(dataset=given.dataset, method=m)[0] for m in given.methods.split(",")]
    file = results.files[given.dataset]
    index = typical(cells)
    found = label_neurites(file, index)
    if found is None:
        raise SystemExit(f"No ids of neurites are known on both sides of triplet {index}.")
    segmenter = segmenter_of(cells[0], file)
    ways = [follow(cell, segmenter, found, index) for cell in cells]
    figure = draw(file.frames(index), found, ways)
    save(figure, f"{file.name}, triplet {index}. {file.card.credit}", Path(given.out))


def typical(cells: list[Entry]) -> int:
    """The triplet on which the first method carries as much more than the last as at the median."""
    first, *_, last = (cell.membranes.set_index("triplet") for cell in cells)  # type: ignore[union-attr]
    more = (first["neurites_carried"] - last["neurites_carried"]) / first["neurites"]
    order = more.dropna().sort_values(kind="stable").index
    return int(order[len(order) // 2])


def segmenter_of(cell: Entry, file: TripletFile) -> Segmenter:
    """The segmenter that judged a cell."""
    facts = cell.facts.segment
    if facts is None or facts.ceiling is None:
        raise SystemExit(f"{cell.folder} was not judged; repeat its run with the stage `segment`.")
    weights = cell.folder.parent / facts.ceiling / "weights.safetensors"
    return Segmenter(weights, file_digest(weights), file, torch.device("cpu"))


def follow(cell: Entry, segmenter: Segmenter, found: Neurites, index: int) -> Way:
    """The neurites' way through a method's slice, as ``carried`` follows them."""
    frame = cell.frame(index)
    if frame is None:
        raise SystemExit(f"{cell.folder} has no frame of triplet {index}.")
    membrane = segmenter.probability(frame)
    segments = watershed(membrane, segmenter.thresholds.seeds, segmenter.pixel_size)
    through = largest_overlaps(found.before, segments, len(found.ids))
    onward = largest_overlaps(segments, found.after, int(segments.max()) + 1)
    carried = found.counted & (found.ids_after[onward[through]] == found.ids)
    carried &= onward[through] > 0
    counts = carried_through(found, segments)
    if int(carried.sum()) != counts["neurites_carried"]:
        raise SystemExit("The picture follows neurites otherwise than the metric does.")
    share = f"{counts['neurites_carried']} of {counts['neurites']} neurites carried"
    return Way(cell.title, frame, segments, through, carried, share)


def draw(frames: NDArray[np.uint8], found: Neurites, ways: list[Way]) -> Figure:
    """A row for each method: before, synthesised, after; what is lost is outlined in red."""
    ids = np.unique(found.ids[found.counted])
    hue = np.random.default_rng(4).permutation(len(ids)) / len(ids)
    colour = {name: plt.get_cmap("hsv")(place)[:3] for name, place in zip(ids, hue, strict=True)}
    figure, axes = plt.subplots(len(ways), 3, figsize=(7.6, 2.75 * len(ways) + 0.2), squeeze=False,
                                layout="compressed")  # fmt: skip
    for row, way in zip(axes, ways, strict=True):
        lost = found.counted & ~way.carried
        names = np.where(found.counted, found.ids, 0)
        paint(row[0], frames[0], names[found.before], colour, lost[found.before])
        row[0].set_title("before", fontsize=9)
        largest = largest_overlaps(way.segments, found.before, int(way.segments.max()) + 1)
        paint(row[1], way.frame, names[largest][way.segments], colour, None)
        row[1].set_title(f"{way.title}: {way.share}", fontsize=9)
        arrived = np.isin(found.ids_after, found.ids[way.carried])
        missed = np.isin(found.ids_after, found.ids[lost]) & ~arrived
        paint(row[2], frames[2], np.where(arrived, found.ids_after, 0)[found.after], colour,
              missed[found.after])  # fmt: skip
        row[2].set_title("after", fontsize=9)
    return figure


def paint(
    axes: Axes,
    frame: NDArray[np.uint8],
    names: NDArray[np.uint64],
    colour: dict[int, tuple[float, float, float]],
    lost: NDArray[np.bool_] | None,
) -> None:
    """A slice under the colours of its neurites."""
    corner = (len(frame) - SIDE) // 2
    cut = slice(corner, corner + SIDE), slice(corner, corner + SIDE)
    picture = np.repeat(frame[cut][..., None] / 255.0, 3, axis=2)
    for name in np.unique(names[cut]):
        if name in colour:
            where = names[cut] == name
            picture[where] = (1 - OPACITY) * picture[where] + OPACITY * np.array(colour[name])
    axes.imshow(picture, interpolation="none")
    if lost is not None and lost[cut].any():
        axes.contour(lost[cut], levels=[0.5], colors=LOST, linewidths=1.4)
    axes.set_axis_off()


if __name__ == "__main__":
    main()
