"""Independent volumes: small phantoms of different seeds, and what methods score on each.

As a program: `python tests/reliability/phantoms.py FOLDER COUNT TARGET.parquet` puts a file of
scores into the folder for each design and seed that has none (a phantom takes 4 seconds), and all
of them into one table.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from bench.scores.metrics import METRICS
from bench.stages.predict import predict_frame
from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.stack_volume import ArrayVolume
from methods.classical import Average, Before, Flow, FlowOptions, Phase
from methods.interface import Interpolator
from methods.linear import Linear

SCORES = ("psnr", "frc_10")
STORED = ("average", "phase", "linear", "flow")
UNITS = {"psnr": 100, "frc_10": 1000}  # to a whole number


@dataclass(frozen=True)
class Design:
    """Which test split a phantom stands for.

    Attributes:
        rows: of tiles.
        columns: of tiles.
        depth: test slices.
        margin: pixels around the tiles, for the neighbours' shifts.
        tile: side in pixels.
        voxel: edge of a pixel in nm.
        thickness: of a section in nm.
    """

    rows: int
    columns: int
    depth: int
    margin: int = 0
    tile: int = 64
    voxel: float = 12.0
    thickness: float = 30.0


DESIGNS = {
    "mouse": Design(2, 2, 18),  # as the mouse volume's: four tiles of a slice
    "cord": Design(1, 5, 18, margin=6, thickness=50.0),  # as the nerve cord's: a row of five
    "wide": Design(4, 4, 6),
}


def measure(design: Design, seed: int) -> pd.DataFrame:
    """The scores of every method on one phantom: a row a triplet, its keys, ``METHOD.METRIC``."""
    models: dict[str, Interpolator] = {"average": Average(), "before": Before(), "phase": Phase(),
              "linear": Linear(), "flow": Flow(FlowOptions(algorithm="ilk"))}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, _built(design, seed, Path(folder)) as file:
        models["linear"].fit(to_triplets(file.frames(index)[None]) for index in range(len(file)))
        rows = []
        for index in range(len(file)):
            frames = file.frames(index)
            row = {}
            for name, model in models.items():
                made = predict_frame(model, frames, torch.device("cpu"))
                row |= {f"{name}.{m}": METRICS[m].function(made, frames[1]) for m in SCORES}
            rows.append(row)
        keys = file.keys[["volume", "z", "y", "x", "column", "reason"]]
        return pd.concat([keys, pd.DataFrame(rows)], axis=1)


def _built(design: Design, seed: int, folder: Path) -> TripletFile:
    options = PhantomOptions(
        seed=seed, depth=design.depth + 2, voxel=design.voxel, thickness=design.thickness,
        height=design.rows * design.tile + 2 * design.margin,
        width=design.columns * design.tile + 2 * design.margin,
    )  # fmt: skip
    volume = ArrayVolume(f"p{seed}", phantom_volume(options).raw)
    path = folder / "triplets.h5"
    build("p", [volume], load_card("p"), BuildOptions(
        tile=design.tile, stride=design.tile, search=8, split="paper"), path)  # fmt: skip
    return TripletFile(path)


def stored(tables: dict[tuple[str, int], pd.DataFrame]) -> pd.DataFrame:
    """Scores of many phantoms as one small table: kept triplets, few digits.

    Args:
        tables: by design and seed.
    """
    parts = []
    for (design, seed), table in tables.items():
        kept = table[table["reason"] == ""]
        rounded = {f"{m}.{s}": (kept[f"{m}.{s}"] * UNITS[s]).round().astype(np.int16)
                   for m in STORED for s in SCORES}  # fmt: skip
        place = {name: kept[name].astype(np.int8) for name in ("column", "z")}
        parts.append(pd.DataFrame({"design": design, "seed": np.int16(seed)} | place | rounded))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Measure what is missing, and put all there is into one table."""
    folder, seeds, target = Path(sys.argv[1]), range(int(sys.argv[2])), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    folder.mkdir(parents=True, exist_ok=True)
    tables = {}
    for seed in seeds:
        for name, design in DESIGNS.items():
            path = folder / f"{name}-{seed:04d}.parquet"
            if not path.exists():
                measure(design, seed).to_parquet(path)
            tables[name, seed] = pd.read_parquet(path)
    stored(tables).to_parquet(target, compression="zstd", index=False)


if __name__ == "__main__":
    main()
