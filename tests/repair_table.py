"""What a repair is worth on a volume whose lost slices are known.

docs/explanation/how-a-gap-is-filled.md has the table.

Eight single slices and two pairs are hidden, and damage is planted into six others; the volume is
repaired from the command line, and what was filled is compared with what was hidden.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import planted
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from bench.repair.slices import Slices, Tone
from bench.scores.metrics import score_frame
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume

Grey = NDArray[np.uint8]
DAMAGE = (
    ("stain", 96),
    ("stain", 48),
    ("tear", 120),
    ("tear", 240),
    ("streak", 16),
    ("streak", 32),
)
_NEAR = 3.0  # pixels on each side of a seam that are averaged


def main() -> None:
    """Print a table of hidden slices and one of places, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True, help="a volume of 8 bits")
    parser.add_argument("--method", default="dis")
    parser.add_argument("--more", default="", help="further words for `bench repair`")
    given = parser.parse_args()
    with open_volume(given.source) as volume:
        grey = np.stack([volume.slice(z) for z in range(volume.shape[0])])
    with tempfile.TemporaryDirectory() as name:
        measure(grey, Path(name), ["--method", given.method, *given.more.split()])


def measure(grey: Grey, folder: Path, words: list[str]) -> None:
    """Hide, damage, repair and compare."""
    hidden, damaged = places(len(grey))
    masks = {}
    lost = grey.copy()
    for z, (kind, size) in zip(damaged, DAMAGE, strict=True):
        lost[z], masks[z] = getattr(planted, kind)(grey[z], np.random.default_rng(z), size)
    for z in hidden:
        lost[z] = 0
    tifffile.imwrite(folder / "stack.tif", lost)
    tifffile.imwrite(folder / "masks.tif", as_volume(masks, grey.shape))
    bench(folder, "repair", "stack.tif", "--defects", "masks.tif", "--out", "whole.tif", *words)
    filled = np.asarray(tifffile.imread(folder / "whole.tif"))
    record = json.loads((folder / "whole.tif-repair/repair.json").read_text())
    slices = {each["slice"]: each for each in record["slices"]}
    print_hidden(grey, filled, [slices[z] for z in hidden])
    print_places(grey, lost, filled, masks)
    sound = [z for z in range(len(grey)) if z not in slices]
    print(f"\n{len(sound)} other slices bit for bit: {(filled[sound] == lost[sound]).all()}")


def places(depth: int) -> tuple[list[int], list[int]]:
    """The slices that are hidden, two pairs among them, and those that are damaged."""
    step = (depth - 2) // 16
    at = [2 + step * number for number in range(16)]
    single, pairs, damaged = (
        at[0:16:2],
        (at[1], at[7]),
        (at[3], at[5], at[9], at[11], at[13], at[15]),
    )
    return sorted([*single, *pairs, *(z + 1 for z in pairs)]), list(damaged)


def print_hidden(grey: Grey, filled: Grey, slices: list[dict[str, Any]]) -> None:
    """A row for each hidden slice: what was promised, and what came."""
    print_head("slice", "gap", "PSNR expected", "PSNR", "FRC expected", "FRC < 0.1", "error exp.",
               "error")  # fmt: skip
    held = {"psnr": 0, "frc_10": 0}
    for each in slices:
        z = each["slice"]
        truth = toned(grey, z, each)
        found = score_frame(filled[z], truth)
        error = np.abs(filled[z].astype(float) - truth).mean()
        cells = [str(z), str(each["after"] - each["before"] - 1)]
        for name, digits in (("psnr", 1), ("frc_10", 2)):
            told = each["expected"][name]
            held[name] += told["low"] <= found[name] <= told["high"]
            cells.append(
                f"{told['score']:.{digits}f} [{told['low']:.{digits}f}, {told['high']:.{digits}f}]"
            )
            cells.append(f"{found[name]:.{digits}f}")
        cells += [f"{each['mean_error']:.1f}", f"{error:.1f}"]
        print(f"| {' | '.join(cells)} |")
    print(f"\nWithin the interval: PSNR {held['psnr']}, FRC {held['frc_10']} of {len(slices)}.\n")


def print_places(grey: Grey, lost: Grey, filled: Grey, masks: dict[int, NDArray[np.bool_]]) -> None:
    """A row for each damaged place: damaged, filled, and the step at its seam."""
    print_head("slice", "pixels", "PSNR damaged", "PSNR filled", "seam: real", "damaged", "filled")
    for z, mask in masks.items():
        both = [psnr(each[z], grey[z], mask) for each in (lost, filled)]
        steps = [seam(each[z], mask) for each in (grey, lost, filled)]
        cells = [str(z), f"{mask.sum():,}", *(f"{x:.1f}" for x in (*both, *steps))]
        print(f"| {' | '.join(cells)} |")


def print_head(*names: str) -> None:
    """The first two lines of a table."""
    print(f"| {' | '.join(names)} |")
    print("|---" * len(names) + "|")


def toned(grey: Grey, z: int, each: dict[str, Any]) -> Grey:
    """A real slice as bright as it was taken to be."""
    slices = Slices(ArrayVolume("stack", grey))
    before, here, after = (slices.centre(n, 16).tone for n in (each["before"], z, each["after"]))
    wanted: Tone = before.towards(after, each["fraction"])
    return np.rint(255 * here.mapped(grey[z], wanted)).astype(np.uint8)


def psnr(one: Grey, other: Grey, mask: NDArray[np.bool_]) -> float:
    """Of the pixels of a mask, in dB."""
    return float(10 * np.log10(255**2 / np.mean((one[mask].astype(float) - other[mask]) ** 2)))


def seam(grey: Grey, mask: NDArray[np.bool_]) -> float:
    """Mean difference of both sides of a mask's edge, in grey levels."""
    inside, outside = mask.astype(float), (~mask).astype(float)
    means = []
    for part in (inside, outside):
        weight = ndimage.gaussian_filter(part, _NEAR)
        means.append(ndimage.gaussian_filter(grey * part, _NEAR) / np.maximum(weight, 1e-3))
    edge = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
    return float(np.abs(means[0] - means[1])[edge].mean())


def as_volume(masks: dict[int, NDArray[np.bool_]], shape: tuple[int, ...]) -> Grey:
    """The masks of slices as a volume."""
    whole = np.zeros(shape, np.uint8)
    for z, mask in masks.items():
        whole[z] = 255 * mask
    return whole


def bench(folder: Path, *words: str) -> None:
    """Call the command line in a folder."""
    subprocess.run([sys.executable, "-m", "bench", *words], cwd=folder, check=True)


if __name__ == "__main__":
    main()
