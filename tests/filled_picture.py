"""The picture of a filled gap with its error map: README.md.

python tests/filled_picture.py --dataset NAME --data DIR --source VOLUME --method METHOD --out PNG
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from bench.cells.variants import parse_variant
from bench.repair.hidden import Hidden, hide, unlearned
from bench.repair.slices import Slices
from bench.repair.trust import learn
from bench.store.weights import load_weights
from bench.triplets.file import TripletFile
from bench.volumes.sources import open_volume
from methods.timed import for_times

SEARCH = 16


def main() -> None:
    """Hide slices that the method has not learned from, and draw a gap of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("dataset", "data", "source", "method", "out"):
        parser.add_argument(f"--{word}", required=True)
    parser.add_argument("--number", type=int, default=-1, help="which of the hidden gaps")
    parser.add_argument("--side", type=int, default=256)
    given = parser.parse_args()
    file = TripletFile(Path(given.data) / given.dataset / "fold0" / "triplets.h5")
    variant = parse_variant(given.method, "quick")
    model = for_times(variant.method, variant.options, file.times).eval()
    if variant.weights is not None:
        load_weights(variant.weights, model)
    with open_volume(given.source) as volume:
        slices = Slices(volume)
        places = unlearned(file, range(volume.shape[0]), file.gap, volume)
        hidden = list(hide(slices, places, model, torch.device("cpu"), SEARCH))
    trust = learn(hidden)
    before = hidden[given.number].place.gap.before
    window = hidden[given.number].place.window
    gap = [h for h in hidden if h.place.gap.before == before and h.place.window == window]
    draw(
        gap,
        [trust.error(h.before, h.grey, h.after, h.place.gap.time(h.place.z)) for h in gap],
        given,
    )


def draw(gap: list[Hidden], errors: list[np.ndarray], given: argparse.Namespace) -> None:
    """A row for each slice of the gap: before, filled, expected error, hidden, after."""
    names = ("before", "filled", "expected error", "what was hidden", "after")
    figure, axes = plt.subplots(len(gap), 5, figsize=(12.5, 2.6 * len(gap)), squeeze=False,
                                layout="compressed")  # fmt: skip
    cut = slice(0, given.side), slice(0, given.side)
    for row, (each, error) in enumerate(zip(gap, errors, strict=True)):
        shown = (each.before, each.grey, error, each.truth, each.after)
        for axis, name, values in zip(axes[row], names, shown, strict=True):
            is_error = name == "expected error"
            picture = axis.imshow(values[cut], cmap="viridis" if is_error else "gray",
                                  vmin=0, vmax=60 if is_error else 1)  # fmt: skip
            axis.set_xticks([])
            axis.set_yticks([])
            if row == 0:
                axis.set_title(name, fontsize=11)
            if is_error:
                scale = picture
    bar = figure.colorbar(scale, ax=axes, fraction=0.02, pad=0.01)
    bar.set_label("expected error (grey levels)", fontsize=9)
    figure.savefig(given.out, dpi=110)


if __name__ == "__main__":
    main()
