"""Whether a training or a prediction fits into memory: refused before it begins, not killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from bench.base.errors import UserError
from bench.base.free_memory import GIB, Room
from bench.base.freed_memory import give_up_freed_memory, keep_freed_memory
from bench.cells.cell import Cell
from bench.cells.presets import PRESETS, Preset
from bench.cells.variants import parse_loss, parse_variant
from bench.stages import memory_needed
from bench.stages.training_step import Training, couples_crops
from methods.interface import Interpolator
from methods.losses import build_loss

# Of what is counted, and bytes of code and workspaces beside it (docs/explanation/reliability.md).
# An allocator that keeps freed memory leaves gaps.
_MARGIN, _KEEPING_MARGIN, _BESIDE = 1.25, 2.2, 2**28
_MOST_KEPT = 11 * GIB  # gaps of large networks are not worth more, however much is free

# Bytes that no method here takes for a pixel. Counting takes a second, and is left out where
# there is more than that for each.
_A_TRAINED_PIXEL, _A_PREDICTED_PIXEL = 128 * 1024, 16 * 1024

_TILES = (512, 256, 128)
_SMALLER: dict[str, tuple[str, ...]] = {"paper": ("medium", "quick"), "medium": ("quick",)}

# What is said of a remedy that fits, and the bytes that are counted with it.
Remedy = tuple[str, Callable[[], int | None]]


def check_training(cell: Cell, model: Interpolator, training: Training, room: Room) -> None:
    """Refuse a training that would not fit.

    Raises:
        UserError: what it needs, what is free, and what would fit.
    """
    crop = training.preset.crop
    if training.micro_batch * crop**2 * _A_TRAINED_PIXEL <= room.free():
        keep_freed_memory()
        return
    crops = "crops" if training.micro_batch > 1 else "crop"
    what = f"Training {cell.title} on {training.micro_batch} {crops} of {crop} x {crop} at once"
    counted = memory_needed.of_training(model, training)
    _admit(what, counted, room, _of_training(cell, model, training))


def check_prediction(
    cell: Cell, model: Interpolator, frame: int, tile: int | None, room: Room
) -> None:
    """Refuse a prediction that would not fit.

    Args:
        cell: what is predicted.
        model: its method.
        frame: side of the frames in pixels.
        tile: side of the tiles that they are predicted in, or None.
        room: the memory there is.

    Raises:
        UserError: what it needs, what is free, and what would fit.
    """
    side = frame if tile is None else min(frame, tile)
    if side**2 * _A_PREDICTED_PIXEL <= room.free():
        keep_freed_memory()
        return
    counted = partial(memory_needed.of_prediction, model, device=room.device)
    tiles = [tile for tile in _TILES if tile < side]
    smaller = ((f"`--predict-tile {tile}` fits", partial(counted, tile)) for tile in tiles)
    what = f"Predicting {side} x {side} pixels at once with {cell.title}"
    _admit(what, counted(side), room, smaller)


def ran_out(cell: Cell, stage: str, side: int, room: Room) -> str:
    """What is said of a stage that ran out of memory; ``side`` is of what is predicted at once."""
    advice = "repeat the command when more is free, or with fewer --jobs"
    tile = next((tile for tile in _TILES if tile < side), None)
    if stage == "predict" and tile is not None:
        advice = f"give `--predict-tile {tile}`"
    elif stage == "train" and cell.trained:
        smaller = _SMALLER.get(cell.preset, ())
        presets = "".join(f" or, for a smaller network, `--preset {p}`" for p in smaller[:1])
        advice = f"give `--micro-batch 1`{presets}"
    return (
        f"{cell.title} ran out of memory in the stage '{stage}', after which {room.told()}; "
        f"{advice}."
    )


def _admit(what: str, counted: int | None, room: Room, remedies: Iterator[Remedy]) -> None:
    """Let something begin that fits, whether freed memory is kept or not."""
    free = room.free()
    if counted is None or _needed(counted, _KEEPING_MARGIN) <= min(free, _MOST_KEPT):
        keep_freed_memory()
        return
    give_up_freed_memory()
    if _needed(counted) <= free:
        return
    fitting = next((words for words, count in remedies if _fits(count(), free)), None)
    advice = fitting or "nothing smaller fits, only more memory helps"
    needed = f"{_needed(counted) / GIB:.1f} GiB of memory"
    raise UserError(f"{what} needs about {needed}, but {room.told()}; {advice}.")


def _needed(counted: int, margin: float = _MARGIN) -> int:
    return int(margin * counted) + _BESIDE


def _fits(counted: int | None, free: int) -> bool:
    return counted is not None and _needed(counted) <= free


def _of_training(cell: Cell, model: Interpolator, training: Training) -> Iterator[Remedy]:
    """Remedies, from the training that was asked for to the one that is least like it."""
    parts = not couples_crops(model)
    if training.micro_batch > 1 and parts:
        one = replace(training, preset=replace(training.preset, micro_batch=1))
        yield "`--micro-batch 1` fits", partial(memory_needed.of_training, model, one)
    for name in _SMALLER.get(cell.preset, ()):
        given = training.preset.micro_batch
        for crops in dict.fromkeys((given, 1) if parts else (given,)):
            option = f" --micro-batch {crops}" if crops else ""
            preset = _other(cell, training, name, crops)
            words = f"`--preset {name}{option}` fits, {_smaller(cell, name, preset)}"
            yield words, partial(_of_preset, cell, training, name, preset)


def _other(cell: Cell, training: Training, name: str, crops: int | None) -> Preset:
    """Another preset for the same cell, of which the run says as much as of its own.

    Args:
        cell: as it was asked for.
        training: of the cell.
        name: of the other preset.
        crops: whose gradients are computed at once; None: all of a step.
    """
    method, crop = cell.variant.info.name, training.preset.crop
    own, other = (PRESETS[each].of_method(method) for each in (cell.preset, name))
    return replace(other, micro_batch=crops, crop=other.crop if crop == own.crop else crop)


def _smaller(cell: Cell, name: str, preset: Preset) -> str:
    """What another preset trains instead."""
    try:
        variant = parse_variant(cell.variant.written, name)
    except UserError:
        return ""  # it is no remedy
    network = "" if variant.options == cell.variant.options else "a smaller network "
    return f"and trains {network}on crops of {preset.crop}"


def _of_preset(cell: Cell, training: Training, name: str, preset: Preset) -> int | None:
    """What the same cell would take with the widths and crops of another preset."""
    if preset.micro_batch is not None and preset.micro_batch > preset.batch:
        return None  # a step has not so many
    words = "l1" if cell.loss_variant is None else cell.loss_variant.text
    try:
        variant, loss = parse_variant(cell.variant.written, name), parse_loss(words, preset)
    except UserError:
        return None  # the weights that it starts from have other widths
    terms = build_loss(loss.name, loss.options, training.loss.features, training.loss.teacher)
    smaller = replace(training, preset=preset, loss=terms)
    return memory_needed.of_training(variant.build(training.times), smaller)
