"""A volume of large slices with known damage, from a small one laid out in mirrored tiles.

python tests/large_volume.py --source VOLUME --side PIXELS [--slices FIRST:LAST] OUT.zarr|OUT.tif
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import tensorstore
import tifffile
from planted import PLACES, Grey
from planted_table import slices_of

CHUNK = 1024  # pixels
# kind, size, seed and side of the square in the middle slice that it is planted into, and where
DAMAGE = (("fold", 24, 1, 2000, 0.5), ("tear", 700, 5, 1500, 1.0), ("stain", 120, 2, 1200, 0.0))


def laid_out(grey: Grey, side: int) -> Grey:
    """A slice in tiles, each the mirror image of those beside it."""
    pair = np.concatenate([grey, grey[:, ::-1]], axis=1)
    four = np.concatenate([pair, pair[::-1]])
    height, width = (-(-side // length) for length in four.shape)
    return np.tile(four, (height, width))[:side, :side]


def damaged(grey: Grey) -> Grey:
    """A slice with a fold in the middle, a corner torn off and a stain; tells where they lie."""
    grey = grey.copy()
    for kind, size, seed, side, where in DAMAGE:
        low = int(where * (len(grey) - side))
        part = slice(low, low + side)
        planted = PLACES[kind](grey[part, part], np.random.default_rng(seed), size)
        grey[part, part] = planted.grey
        (top, left), (bottom, right) = (
            edge + low
            for edge in (np.argwhere(planted.mask).min(0), np.argwhere(planted.mask).max(0) + 1)
        )
        sys.stdout.write(f"{kind}: {top}:{bottom}, {left}:{right}\n")
    return grey


def main() -> None:
    """Write the volume."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("out", type=Path)
    words.add_argument("--source", required=True)
    words.add_argument("--side", type=int, required=True)
    words.add_argument("--slices", default="20:25")
    told = words.parse_args()
    first, last = map(int, told.slices.split(":"))
    small = slices_of(told.source, 1, slice(first, last))
    shape = len(small), told.side, told.side
    if told.out.suffix == ".tif":
        file = tifffile.memmap(told.out, shape=shape, dtype=np.uint8, photometric="minisblack")
    else:
        metadata = {"shape": shape, "chunks": (1, CHUNK, CHUNK), "dtype": "|u1"}
        where = {"driver": "file", "path": str(told.out.resolve())}
        spec = {"driver": "zarr", "kvstore": where, "metadata": metadata, "create": True}
        file = tensorstore.open(spec).result()
    for z, grey in enumerate(small):
        large = laid_out(grey, told.side)
        file[z] = damaged(large) if z == len(small) // 2 else large


if __name__ == "__main__":
    main()
