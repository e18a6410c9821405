"""The picture of a filled slice with its error map: docs/images/filled.png.

python tests/filled_picture.py --dataset NAME --data DIR --source VOLUME --method METHOD --out PNG
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from doc_picture import save
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from bench.cells.variants import parse_variant
from bench.repair.hidden import Hidden, hide, unlearned
from bench.repair.slices import Slices
from bench.repair.trust import learned, seen
from bench.store.weights import load_weights
from bench.triplets.file import TripletFile
from bench.volumes.sources import open_volume
from methods.timed import for_times

SEARCH = 16
MEAN = 9  # pixels: an error to expect is a mean, that of one pixel is noise


def main() -> None:
    """Hide slices that the method has not learned from; draw that of the median error."""
    parser = argparse.ArgumentParser(description=__doc__)
    for word in ("dataset", "data", "source", "method", "out"):
        parser.add_argument(f"--{word}", required=True)
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
    known = [seen(each) for each in hidden]
    trust = learned(known, tuple(each.reached for each in known), ())
    shown = sorted(hidden, key=lambda each: float(error_of(each).mean()))[len(hidden) // 2]
    time = shown.place.gap.time(shown.place.z)
    figure = draw(shown, trust.error(shown.before, shown.grey, shown.after, time), given.side)
    save(figure, f"{given.dataset}, slice {shown.place.z}. {file.card.credit}", Path(given.out))


def error_of(hidden: Hidden) -> NDArray[np.float32]:
    """How far off each pixel is, in grey levels."""
    return 255 * np.abs(hidden.grey - hidden.truth)


def draw(hidden: Hidden, expected: NDArray[np.float32], side: int) -> Figure:
    """Above: before, filled, after. Below: what was hidden, the error to expect, the real one."""
    error = ndimage.uniform_filter(error_of(hidden), MEAN)
    panels = {
        "before": hidden.before, "filled": hidden.grey, "after": hidden.after,
        "what was hidden": hidden.truth, "expected error": expected,
        f"error, mean over {MEAN} px": error,
    }  # fmt: skip
    figure, axes = plt.subplots(2, 3, figsize=(8.2, 5.4), layout="compressed")
    for axis, (name, values) in zip(axes.flat, panels.items(), strict=True):
        is_error = "error" in name
        picture = axis.imshow(
            values[:side, :side],
            cmap="viridis" if is_error else "gray",
            vmin=0,
            vmax=60 if is_error else 1,
            interpolation="none",
        )
        axis.set_axis_off()
        axis.set_title(name, fontsize=9)
    bar = figure.colorbar(picture, ax=axes, fraction=0.02, pad=0.01)
    bar.set_label("grey levels of 255", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


if __name__ == "__main__":
    main()
