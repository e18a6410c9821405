"""What was learned has to be in the file of weights: a network built anew has to equal it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bench.base.device import place
from bench.stages.splits import centre
from bench.stages.training_step import VALIDATION_SIDE
from bench.store.records import WEIGHTS
from bench.store.weights import left_out, load_weights
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from methods.interface import Interpolator
from methods.timed import at_time

_SAME = 0.1 / 255  # mean over pixels: far above rounding, far below what a figure shows


class NotKeptError(RuntimeError):
    """What was learned is not all in the file of weights."""


def check_kept(
    model: Interpolator,
    build: Callable[[], Interpolator],
    folder: Path,
    file: TripletFile,
    index: int,
    device: torch.device,
) -> None:
    """Require that the weights on disk make the same slice in a network that is built anew.

    It is built under another seed, which leaves the random numbers of the run as they are.

    Args:
        model: as it learned.
        build: makes an untrained instance of it.
        folder: where its weights lie.
        file: the triplets that it learned from.
        index: of the triplet that both synthesise.
        device: where to compute.

    Raises:
        NotKeptError: the slices differ.
    """
    other = _built_otherwise(build)
    load_weights(folder / WEIGHTS, other)
    difference = float(
        (_slice(model, file, index, device) - _slice(other, file, index, device)).abs().mean()
    )
    if difference <= _SAME:
        return
    names = ", ".join(f"`{name}`" for name in left_out(model))
    where = f"look at {names}" if names else "look for a tensor that is no persistent buffer"
    raise NotKeptError(
        f"something that '{model.info.name}' learned is not in its state_dict: its weights, loaded "
        f"into a network that was built anew, change a slice by {255 * difference:.1f} grey levels "
        f"in the mean; {where} (layers in a list belong into nn.ModuleList)."
    )


def _built_otherwise(build: Callable[[], Interpolator]) -> Interpolator:
    """An instance whose initial weights are others."""
    numbers = torch.get_rng_state()
    try:
        torch.default_generator.manual_seed(torch.initial_seed() + 1)
        return build()
    finally:
        torch.set_rng_state(numbers)


def _slice(model: Interpolator, file: TripletFile, index: int, device: torch.device) -> Tensor:
    """What a method makes of the centre of a triplet."""
    place(model.eval(), device)
    triplet = to_triplets(centre(file.frames(index), VALIDATION_SIDE)[None])
    before, after = triplet.before.to(device), triplet.after.to(device)
    with torch.inference_mode():
        return at_time(model, before, after, file.time(index)).middle.float()
