"""How the segmenter of a dataset is trained, and goes on where a killed run left it."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.base.errors import DamagedError, UserError
from bench.base.files import set_aside, write_text
from bench.base.progress import Display
from bench.scores.membranes import label_truth, pixel_size, true_membranes
from bench.stages.segmenter import save_segmenter
from bench.stages.splits import centre, spread
from bench.store.checkpoints import below, load_optimiser, named, optimiser_tensors
from bench.store.records import CHECKPOINT, LOG, WEIGHTS
from bench.store.weights import load_tensors, save_tensors
from bench.triplets.file import TripletFile
from segmentation.network import MembraneNetwork
from segmentation.networks import NetworkOptions, as_facts, build
from segmentation.scores import Thresholds
from segmentation.thresholds import best_seed_threshold
from segmentation.training import Budget, Course, Slices, Trained, begin, probability, train

_TRAIN_SLICES = 128
_VALIDATION_SLICES = 16
_VALIDATION_SIDE = 256
_SEED_SLICES = 8  # whole ones: a neurite that is cut off merges with fewer others


def learning_settings(file: TripletFile, options: NetworkOptions, budget: Budget) -> dict[str, Any]:
    """Everything, beside the triplets, that the weights of a segmenter depend on."""
    settings: dict[str, Any] = {
        "label_kind": file.card.label_kind,
        "label_zero": file.card.label_zero,
        **as_facts(options),
        "budget": dataclasses.asdict(budget),
    }
    if not labelled_throughout(file):  # which slices are learned from has changed for these
        settings["slices"] = "by window"
    return settings


def train_segmenter(
    file: TripletFile,
    folder: Path,
    options: NetworkOptions,
    budget: Budget,
    device: torch.device,
    display: Display,
    role: str = "segmenter",
) -> dict[str, Any]:
    """Train on the real middle slices of a dataset; leave weights and log in ``folder``.

    A checkpoint is written at every validation; where one is found, the training goes on from
    it. On a CPU the result is the same to the last bit. The checkpoint stays: whoever asked for
    the training calls ``end_training`` once there is a record of it.

    Returns:
        Facts for the record: slices, steps, validation Dice, the threshold of seeds, seconds.

    Raises:
        UserError: no slice of the training split is labelled.
    """
    display.note(f"  Training the {role} of '{file.name}' on real slices, once.")
    slices = labelled_slices(file, "train", _TRAIN_SLICES, file.tile)
    validation = _validation_slices(file)
    torch.manual_seed(budget.seed)
    model = build(options)
    course, checkpoint = begin(model, budget, device), folder / CHECKPOINT
    if checkpoint.exists():
        _go_on(course, checkpoint, budget, display)
    tick = display.stage(role)
    keep = partial(_keep, checkpoint)
    trained = train(course, slices, validation, budget, tick, keep=keep)
    _tell_early_end(course, budget, display)
    write_text(folder / LOG, _curve(trained))
    # No times beside the weights: the same training has to give the same digest.
    origin = {"dataset": file.name, "pixel_size": pixel_size(file)}
    seeds = _seed_threshold(model, file, trained.threshold, device)
    save_segmenter(folder / WEIGHTS, model, Thresholds(trained.threshold, seeds), origin)
    return {
        "slices": len(slices.frames),
        "validation_slices": len(validation.frames),
        "steps": course.step,
        "best_step": trained.steps,
        "validation_dice": trained.dice,
        "seed_threshold": seeds,
        "training_seconds": round(trained.curve[-1]["seconds"], 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def end_training(folder: Path) -> None:
    """Remove the checkpoint of a training that has its record: before, a kill would lose it all."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _keep(path: Path, course: Course) -> None:
    """Write a checkpoint; after a validation no loss waits to be averaged."""
    states = {
        "model": course.model.state_dict(),
        "averaged": course.averaged.state_dict(),
        "best": course.best,
    }
    facts = {
        "step": course.step,
        "waited": course.waited,
        "seconds": course.seconds,
        "found": course.found._asdict(),
    }
    save_tensors(path, named(states) | optimiser_tensors(course.optimiser), facts)


def _go_on(course: Course, path: Path, budget: Budget, display: Display) -> None:
    """Put a course where its checkpoint was written; a damaged checkpoint is set aside."""
    try:
        tensors, facts = load_tensors(path)
    except DamagedError:
        kept = set_aside(path)
        display.note(f"  {path} is damaged: the training begins anew, and kept is {kept.name}.")
        return
    course.model.load_state_dict(below("model.", tensors))
    course.averaged.load_state_dict(below("averaged.", tensors))
    course.best = below("best.", tensors)
    load_optimiser(course.optimiser, tensors)
    course.step, course.waited, course.seconds = facts["step"], facts["waited"], facts["seconds"]
    course.found = Trained(**facts["found"])
    display.note(f"  The training goes on after step {course.step} of {budget.steps}.")


def _tell_early_end(course: Course, budget: Budget, display: Display) -> None:
    if course.step < budget.steps:
        display.note(
            f"  The segmenter's training stopped at step {course.step} of {budget.steps}: its "
            f"validation had stopped improving; kept are its weights of step {course.found.steps}."
        )


def _seed_threshold(
    model: MembraneNetwork, file: TripletFile, most: float, device: torch.device
) -> float:
    """The threshold for the seeds of segments, chosen on validation slices as well."""
    slices = [
        (probability(model, file.frames(int(index))[1], device), truth.segments)
        for index in _labelled(file, "validation", _SEED_SLICES, file.tile)
        if (truth := label_truth(file, int(index))) is not None
    ]
    return best_seed_threshold(slices, most, pixel_size(file))


def _validation_slices(file: TripletFile) -> Slices:
    """Central windows of validation slices; whole slices where no window can be scored."""
    some = len(_scorable(file, "validation", _VALIDATION_SIDE)) > 0
    side = _VALIDATION_SIDE if some else file.tile
    return labelled_slices(file, "validation", _VALIDATION_SLICES, side)


def labelled_slices(file: TripletFile, split: str, most: int, side: int) -> Slices:
    """Real middle slices of a split with their membranes, spread evenly over it.

    A slice counts if its central square is labelled throughout, or has known pixels of both
    classes: on unknown pixels every threshold is right.

    Args:
        file: the triplets.
        split: which of them.
        most: slices at most.
        side: of the central square that is read, at most.

    Raises:
        UserError: no slice counts.
    """

    def read(index: int) -> tuple[NDArray[Any], ...]:
        found = true_membranes(file, index)
        if found is None:
            raise ValueError(f"Triplet {index} of {file.path} has no labels.")
        return tuple(centre(part, side) for part in (file.frames(index)[1], *found))

    indices = _labelled(file, split, most, side)
    parts = zip(*(read(int(index)) for index in indices), strict=True)
    return Slices(*(np.stack(part) for part in parts))


def _labelled(file: TripletFile, split: str, most: int, side: int) -> NDArray[np.intp]:
    found = _scorable(file, split, side)
    if len(found) == 0:
        raise UserError(
            f"No slice in the {split} split of '{file.name}' has labels of both membranes and "
            "others; give a segmenter that was trained elsewhere with --segmenter FILE, or leave "
            "the stage segment out."
        )
    return spread(found, most)


def _scorable(file: TripletFile, split: str, side: int) -> NDArray[np.intp]:
    """The triplets whose central square is labelled throughout, or has both classes.

    Of gaps of several slices the first slice: the others are the first ones of other gaps.
    """
    indices = [i for i in map(int, file.indices(split)) if file.position(i) == 1]
    return np.array([i for i in indices if _is_scorable(file, i, side)], np.intp)


def _is_scorable(file: TripletFile, index: int, side: int) -> bool:
    if file.labelled[index] == file.tile**2:
        return True
    found = true_membranes(file, index) if file.labelled[index] else None
    if found is None:
        return False
    mask, valid = (centre(part, side) for part in found)
    return bool(mask.any() and (valid & ~mask).any())


def labelled_throughout(file: TripletFile) -> bool:
    """Whether every pixel of every triplet is labelled."""
    return bool((file.labelled == file.tile**2).all())


def _curve(trained: Trained) -> str:
    columns = list(trained.curve[0])
    lines = [",".join(f"{row[column]:.6g}" for column in columns) for row in trained.curve]
    return "\n".join([",".join(columns), *lines]) + "\n"
