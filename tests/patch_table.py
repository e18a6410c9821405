"""Filled places, against the same cut from whole synthesised slices.

docs/explanation/how-a-gap-is-filled.md has the table.

python tests/patch_table.py --source VOLUME [--slices FIRST:LAST:STEP] [--method dis]
"""

from __future__ import annotations

import argparse

import numpy as np
import planted
import torch
from numpy.typing import NDArray
from repair_table import psnr, seam

from bench.cells.variants import parse_variant
from bench.repair.error_map import ErrorModel
from bench.repair.finding import Finding, Place
from bench.repair.gaps import Gap, Task
from bench.repair.neighbours import neighbours
from bench.repair.parts import Means, parts_of
from bench.repair.plan import Item
from bench.repair.slices import Slices
from bench.repair.synthesis import synthesise
from bench.repair.trust import Trust
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume
from methods.interface import Interpolator

KINDS = (("stain", 48), ("stain", 96), ("tear", 120), ("tear", 240), ("streak", 16))
SEARCH = 16
CPU = torch.device("cpu")
# No slice is hidden here, and no error is looked at.
NONE = Trust(ErrorModel(weights={}, scores=(0.0,), errors=(0.0,)), ())


def main() -> None:
    """Print a row for each kind of damage, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="a volume of 8 bits")
    parser.add_argument("--slices", default="1:-1:6")
    parser.add_argument("--method", default="dis")
    given = parser.parse_args()
    with open_volume(given.source) as volume:
        grey = np.stack([volume.slice(z) for z in range(volume.shape[0])])
    chosen = range(len(grey))[slice(*(int(word) for word in given.slices.split(":")))]
    model = parse_variant(given.method, "quick").build().eval()
    print("| damage | size (px) | PSNR: filled | cut | seam: real | filled | cut |")
    print("|---|---|---|---|---|---|---|")
    for kind, size in KINDS:
        rows = [row(grey, z, kind, size, model) for z in chosen]
        print(f"| {kind} | {size} | {' | '.join(f'{x:.1f}' for x in np.mean(rows, axis=0))} |")


def row(grey: NDArray[np.uint8], z: int, kind: str, size: int, model: Interpolator) -> list[float]:
    """PSNR within the place, filled and cut; the step at its edge, real, filled and cut."""
    damaged, mask = getattr(planted, kind)(grey[z], np.random.default_rng(z), size)
    lost = grey.copy()
    lost[z] = damaged
    slices = Slices(ArrayVolume("planted", lost))
    task = Task(z, Gap(z - 1, z + 1), (Item(Finding(z, kind, place=Place.of(mask)), "fill place"),))
    beside = neighbours(slices, task.gap, SEARCH)
    filled, cut = damaged.copy(), damaged.copy()
    for part in parts_of(task, beside, Means(model, NONE, CPU, SEARCH)):
        at = part.window.within(slices.all)
        filled[at] = np.where(part.mask, np.rint(255 * part.grey), filled[at])
    whole = synthesise(beside, z, slices.all, model, CPU).grey
    cut[mask] = np.rint(255 * whole[mask])
    scores = [psnr(each, grey[z], mask) for each in (filled, cut)]
    return [*scores, *(seam(each, mask) for each in (grey[z], filled, cut))]


if __name__ == "__main__":
    main()
