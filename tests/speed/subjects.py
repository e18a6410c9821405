"""What the benchmarks compute on: made up, the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from methods.interface import Triplets

_ROOM = 16  # pixels for the shifts between slices


def textures(depth: int, side: int) -> NDArray[np.uint8]:
    """Slices of a texture that drifts by a pixel or two each, with noise: uint8 ZYX."""
    random = np.random.default_rng(0)
    room = side + 2 * depth
    canvas = ndimage.gaussian_filter(random.standard_normal((room, room), np.float32), 3)
    canvas *= 40 / canvas.std()
    slices = np.empty((depth, side, side), np.uint8)
    for z in range(depth):
        noise = random.standard_normal((side, side), np.float32) * 6
        grey = canvas[z : z + side, 2 * z : 2 * z + side] + noise + 128
        slices[z] = np.clip(np.rint(grey), 0, 255)
    return slices


def dataset(folder: Path, depth: int, tile: int) -> TripletFile:
    """A built dataset of that texture, one tile a slice."""
    path = dataset_path(folder, "texture", 0)
    options = BuildOptions(tile=tile, stride=tile, search=4)
    build("texture", [ArrayVolume("texture", textures(depth, tile + _ROOM))], load_card("texture"),
          options, path)  # fmt: skip
    return TripletFile(path)


def triplet(side: int, batch: int = 1) -> Triplets:
    """A batch in [0, 1], B1HW each."""
    grey = torch.from_numpy(textures(3 * batch, side)).float().div(255)
    return Triplets(*(part[:, None].contiguous() for part in grey.chunk(3)))
