"""Masks of membranes: frames segmented and scored, and the masks read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.errors import UserError
from bench.base.files import atomic_path
from bench.base.hdf5_sink import hdf5_sink
from bench.base.parquet import write_table
from bench.base.progress import Progress
from bench.scores.triplet_table import with_keys
from bench.stages.segmenter import Segmenter
from segmentation.scores import Probability

# More columns of a frame (uint8 HW), of what was found in it, and of its triplet's index.
Further = Callable[[NDArray[np.uint8], Probability, int], dict[str, float]]


def segment(
    segmenter: Segmenter,
    frames: Iterable[NDArray[np.uint8]],
    indices: NDArray[np.intp],
    table_target: Path,
    masks_target: Path,
    progress: Progress,
    further: Sequence[Further] = (),
) -> pd.DataFrame:
    """Segment frames and score their membranes: a table and the masks.

    The table has one row a triplet: ``triplet``, its keys, the scores of
    ``segmentation.scores.score_membranes`` and, where the neighbours' labels are known, the counts
    of ``bench.scores.carried.Followed``. The HDF5 file holds ``masks`` (bool NHW, one
    compressed chunk a frame) and ``triplets`` (the index of each in the triplet file).

    Args:
        segmenter: the dataset's.
        frames: uint8 HW, in the order of ``indices``.
        indices: the triplets whose middle slices they stand for.
        table_target: parquet file to write.
        masks_target: HDF5 file to write.
        progress: told after each frame.
        further: what else is scored of each frame, in columns behind those of the segmenter.
    """
    rows, side = [], segmenter.file.tile
    with atomic_path(masks_target) as temporary, hdf5_sink(temporary) as (out, check):
        masks = out.create_dataset(
            "masks",
            (len(indices), side, side),
            bool,
            chunks=(1, side, side),
            compression="gzip",
            compression_opts=4,
            fletcher32=True,
        )
        out.create_dataset("triplets", data=indices.astype(np.int64), fletcher32=True)
        for i, (frame, index) in enumerate(zip(frames, indices, strict=True)):
            membrane = segmenter.probability(frame)
            scores = segmenter.scores(membrane, int(index))
            for score in further:
                scores |= score(frame, membrane, int(index))
            rows.append(scores)
            masks[i] = membrane > segmenter.thresholds.mask
            check()
            progress(i + 1, len(indices), "membranes")
    table = with_keys(pd.DataFrame(rows), indices, segmenter.file)
    write_table(table, table_target)
    return table


def read_masks(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """All stored masks (NHW) and the index of the triplet each belongs to.

    Raises:
        UserError: the file is missing or damaged.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return file["masks"][:], file["triplets"][:]
    except (OSError, KeyError) as error:
        raise UserError(
            f"The membranes {path} cannot be read ({error}); repeat the run with --rerun."
        ) from error
