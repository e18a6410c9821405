"""Prediction: the middle slices of the test split, synthesised and stored as 8-bit frames."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.base.device import place
from bench.base.errors import UserError
from bench.base.files import atomic_path, content_digest
from bench.base.hdf5_sink import hdf5_sink
from bench.base.progress import Progress
from bench.stages import train
from bench.stages.keys import Inputs
from bench.stages.memory_check import check_prediction
from bench.stages.stage import Context, Facts, Result, Stage
from bench.store.facts import PredictFacts
from bench.store.records import WEIGHTS
from bench.store.weights import check_unchanged, load_weights
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import NotFiniteError, to_frame, to_triplets
from methods.interface import Interpolator
from methods.timed import HALF, at_time

REVISION = 1
FRAMES = "frames.h5"
_FAR = 10 / 255  # beyond black or white: ten grey levels, which no overshoot at an edge reaches
_MANY = 0.02  # of the pixels
_OVERLAP = 32  # pixels on each side of a tile that are computed and thrown away


def predict(
    model: Interpolator,
    file: TripletFile,
    indices: NDArray[np.intp],
    target: Path,
    device: torch.device,
    tile: int | None,
    progress: Progress,
) -> PredictFacts:
    """Synthesise the middle slice of each triplet and store the frames.

    The file holds ``frames`` (uint8 NHW, one checksummed chunk a frame) and ``triplets``
    (the index of each in the triplet file).

    Args:
        model: a fitted or trained method, or a classical one.
        file: the triplets.
        indices: which of them.
        target: the HDF5 file to write.
        device: where to compute.
        tile: side of the overlapping tiles that large frames are predicted in, or None.
        progress: told after each frame.

    Returns:
        Facts for the record, without the seconds.

    Raises:
        UserError: the method returned NaN or infinity.
    """
    place(model.eval(), device)
    side, outside, constant = file.tile, 0.0, 0
    with atomic_path(target) as temporary, hdf5_sink(temporary) as (out, check):
        frames = out.create_dataset(
            "frames", (len(indices), side, side), np.uint8, chunks=(1, side, side), fletcher32=True
        )
        out.create_dataset("triplets", data=indices.astype(np.int64), fletcher32=True)
        for i, index in enumerate(indices):
            triplet, time = file.frames(int(index)), file.time(int(index))
            middle = _middle(model, triplet, device, tile, time)
            try:
                frame = to_frame(middle)
            except NotFiniteError as error:
                raise NotFiniteError(f"Test triplet {index}: {error}") from error
            frames[i] = frame
            outside += _share_outside(middle) / len(indices)
            constant += bool(np.ptp(frame) == 0 and np.ptp(triplet[::2], axis=(1, 2)).all())
            check()
            progress(i + 1, len(indices), "frames")
    return PredictFacts(frames=len(indices), outside=round(outside, 4), constant=constant)


def predict_frame(
    model: Interpolator,
    frames: NDArray[np.uint8],
    device: torch.device,
    tile: int | None = None,
    time: float = HALF,
) -> NDArray[np.uint8]:
    """Synthesise one middle slice.

    Args:
        model: the method, in evaluation mode.
        frames: 3HW grey levels; the middle one is not looked at.
        device: where to compute.
        tile: side of the tiles, or None for the whole frame at once.
        time: of the slice, between before (0) and after (1).

    Returns:
        HW grey levels.

    Raises:
        NotFiniteError: the method returned NaN or infinity.
    """
    return to_frame(_middle(model, frames, device, tile, time))


def _middle(
    model: Interpolator,
    frames: NDArray[np.uint8],
    device: torch.device,
    tile: int | None,
    time: float,
) -> Tensor:
    """What the method makes of a triplet, 11HW, as it left it."""
    triplet = to_triplets(frames[None])
    before, after = triplet.before.to(device), triplet.after.to(device)
    with torch.inference_mode():
        if tile is None or tile >= max(before.shape[-2:]):
            return at_time(model, before, after, time).middle
        return _tiled(model, before, after, tile, time)


def _share_outside(middle: Tensor) -> float:
    """The share of pixels that are far from the greys of a slice, to which they are clamped."""
    return float(((middle < -_FAR) | (middle > 1 + _FAR)).float().mean())


def stored_frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The stored frames (HW), of which only one is in memory at a time.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _opened(path) as file:
        yield from file["frames"]


def stored_triplets(path: Path) -> NDArray[np.int64]:
    """The index of the triplet that each stored frame belongs to.

    Raises:
        UserError: the file is missing or damaged.
    """
    with _opened(path) as file:
        indices: NDArray[np.int64] = file["triplets"][:]
        return indices


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError) as error:
        raise UserError(
            f"The frames {path} cannot be read ({error}); repeat the run with --rerun."
        ) from error


def _tiled(model: Interpolator, before: Tensor, after: Tensor, tile: int, time: float) -> Tensor:
    """Predict in tiles whose rims are thrown away, but for those at the frame's border."""
    height, width = before.shape[-2:]
    result = torch.empty_like(before)
    for top, inner_top, bottom in _spans(height, tile):
        for left, inner_left, right in _spans(width, tile):
            window = (
                ...,
                slice(top, min(top + tile, height)),
                slice(left, min(left + tile, width)),
            )
            part = at_time(model, before[window], after[window], time).middle
            result[..., inner_top:bottom, inner_left:right] = part[
                ..., inner_top - top : bottom - top, inner_left - left : right - left
            ]
    return result


def _spans(length: int, tile: int) -> list[tuple[int, int, int]]:
    """Where each tile begins, and the first and last pixel that is taken from it."""
    if tile >= length:
        return [(0, 0, length)]
    starts = [*range(0, length - tile, tile - 2 * _OVERLAP), length - tile]
    inner = [0, *(start + _OVERLAP for start in starts[1:])]
    return [
        (start, begin, end)
        for start, begin, end in zip(starts, inner, [*inner[1:], length], strict=True)
    ]


def cell_key(inputs: Inputs) -> str:
    """Content key of a cell: it covers what predicts and what is predicted."""
    learned = content_digest(train.settings(inputs))
    # What is predicted is what is learned from, unless something is added here.
    return content_digest([learned, inputs.config.predict_tile, *inputs.elsewhere.values()])


def key(inputs: Inputs) -> str:
    """Content key of the frames."""
    return content_digest([cell_key(inputs), REVISION])


def _compute(context: Context, tick: Progress) -> Result:
    indices = context.split("test")
    model = _method(context)
    tile = context.config.predict_tile
    check_prediction(context.cell, model, context.dataset.test.tile, tile, context.room)
    started = time.monotonic()
    facts = predict(
        model,
        context.dataset.test,
        indices,
        context.folder / FRAMES,
        context.device,
        tile,
        tick,
    )
    seconds = (time.monotonic() - started) / len(indices)
    return Result({**facts, "seconds_a_frame": round(seconds, 4)})


def _warnings(_: Context, facts: Facts | None) -> list[str]:
    """That a method's slices are not in [0, 1], or of one grey: a wrong range looks like both."""
    done: Facts = facts or {}
    frames, outside, constant = (done.get(name, 0) for name in ("frames", "outside", "constant"))
    warnings = []
    if outside > _MANY:
        warnings.append(
            f"{outside:.0%} of the predicted pixels are more than 10 grey levels outside [0, 1] "
            "and were clamped; the method may return greys of another range"
        )
    if constant:
        warnings.append(
            f"{constant} of {frames} predicted frames have one grey, though neither neighbour does"
        )
    return warnings


def method_of(context: Context) -> Interpolator:
    """The method of the cell, ready to predict on the run's device."""
    model = _method(context)
    place(model.eval(), context.device)
    return model


def weights_of(context: Context) -> Path | None:
    """The file of the weights that were given or learned; None where there is nothing to learn."""
    learned = context.folder / WEIGHTS if context.cell.learns else None
    return context.cell.variant.weights or learned


def _method(context: Context) -> Interpolator:
    """The method of the cell, with its weights."""
    model = context.cell.variant.build(context.dataset.test.times)
    if context.cell.variant.weights is not None:
        check_unchanged(context.cell.variant.weights, context.keys.settings["weights"])
    if (weights := weights_of(context)) is not None:
        load_weights(weights, model)
    return model


STAGE = Stage(
    name="predict",
    reads="train",
    leaves=FRAMES,
    revision=REVISION,
    key=key,
    compute=_compute,
    warnings=_warnings,
)
