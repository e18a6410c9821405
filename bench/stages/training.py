"""Training: a network on triplets, killed and resumed without a trace, or a closed-form fit."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.base import ranks
from bench.base.device import place
from bench.base.errors import UserError
from bench.base.progress import Progress, silent
from bench.cells.variants import network_facts
from bench.scores.metrics import psnr
from bench.stages.splits import centre, spread_over_gaps
from bench.stages.training_checkpoint import (
    Checkpoint,
    Row,
    TrainingState,
    resume,
    save_checkpoint,
    write_log,
)
from bench.stages.training_step import (
    VALIDATION_SIDE,
    DivergenceError,
    Numbers,
    Training,
    check_parts,
    gradient_step,
    read_numbers,
    sent,
)
from bench.store.facts import TrainFacts
from bench.store.records import CHECKPOINT, LOG, WEIGHTS
from bench.store.weights import save_weights
from bench.triplets.at_time import frames_at, indices_at
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_frame, to_triplets
from bench.triplets.training_crops import CropSampler
from methods.interface import FittedInterpolator, Interpolator, Triplets
from methods.timed import at_time, parts_of

_CHECKPOINT_SECONDS = 60.0
_VALIDATION_TRIPLETS = 16


def fit(
    model: Interpolator,
    file: TripletFile,
    train: NDArray[np.intp],
    progress: Progress = silent,
) -> None:
    """Fit a closed-form method on the training split, for each of its times, triplet by triplet.

    Args:
        model: the method.
        file: the triplets.
        train: which of them are for training.
        progress: called with the triplets of a time that were taken, and all of them.

    Raises:
        UserError: what it is left with is not finite.
    """

    def stream(moment: float) -> Iterator[Triplets]:
        indices = indices_at(file, train, moment)
        for done, index in enumerate(indices, 1):
            yield to_triplets(frames_at(file, int(index), moment)[None])
            progress(done, len(indices), "triplets")

    for moment, part in parts_of(model, file.times):
        if not isinstance(part, FittedInterpolator):
            raise TypeError(f"'{model.info.name}' cannot be fitted.")
        part.fit(stream(moment))
    for name, values in model.state_dict().items():
        if not torch.isfinite(values).all():
            raise UserError(
                f"The fit of '{model.info.name}' left NaN or infinity in `{name}`; look for a "
                "division by zero, or for equations with more than one solution."
            )


def train(
    model: Interpolator,
    training: Training,
    folder: Path,
    progress: Progress,
    found: Checkpoint | None = None,
) -> TrainFacts:
    """Train a network and leave ``weights.safetensors`` and ``training.csv`` in ``folder``.

    A checkpoint is written at every validation, and once a minute at a step whose numbers are read;
    where one is given, the training goes on from it. On a CPU the result is the same to the last
    bit. Of several processes that train together the first one validates and writes.

    Returns:
        Facts for the record: steps, samples, the step whose weights were kept with its
        validation loss and PSNR (dB), seconds of training, and the share of each part of
        the loss at the first step that sees all of it.

    Raises:
        DivergenceError: loss or gradient became infinite or NaN.
        UserError: the network couples crops that are computed apart, or there are too few crops.
    """
    check_parts(model, model.info.name, training.preset)
    place(model, training.device)
    ranks.as_first(model)
    training.loss.to(training.device)
    optimiser = torch.optim.Adam(_parameter_groups(model, training), betas=(0.9, 0.999))
    checkpoint, log = folder / CHECKPOINT, folder / LOG
    state, best, rows = TrainingState(), _copy_weights(model), list[Row]()
    if found is not None:
        state, best, rows = resume(found, model, optimiser)
    elif ranks.is_first():
        log.unlink(missing_ok=True)  # of an earlier training: this one may fail before its first
    validate_after = training.preset.validation_steps(len(training.train))
    saved = started = time.monotonic()
    before, unread = state.seconds, list[Numbers]()
    model.train()
    for batch in _batches(training, state.step):
        numbers = gradient_step(model, optimiser, training, state.step, batch)
        state.step += 1
        state.seconds = before + time.monotonic() - started
        unread.append(numbers._replace(seconds=state.seconds))
        validating = state.step in validate_after
        reading = validating or state.step % training.steps_a_reading == 0  # by no clock
        if reading:
            rows += read_numbers(unread)
            unread.clear()
        saving = validating or (reading and time.monotonic() - saved > _CHECKPOINT_SECONDS)
        if validating and _is_best(model, training, state, rows[-1]):
            best = _copy_weights(model)
        progress(state.step, training.steps, _loss_words(training, rows))
        if saving and ranks.is_first():
            write_log(log, rows)
            save_checkpoint(checkpoint, model, optimiser, best, state, rows)
            saved = time.monotonic()
    model.load_state_dict(best)
    facts = _facts(training, state, rows)
    if ranks.is_first():
        _leave(folder, model, training, facts)
    return facts


def _loss_words(training: Training, rows: list[Row]) -> str:
    """The loss of the last step that was read, and which terms have joined it: they raise it."""
    if not rows:
        return ""
    joined = training.joining if rows[-1]["step"] > training.opening else ""
    return f"loss {rows[-1]['loss']:.4f}" + f" with {joined}" * bool(joined)


def announcement(training: Training) -> str:
    """How many steps of how many crops there are, and when the loss will rise."""
    steps, batch, joining = training.steps, training.preset.batch, training.joining
    words = f"{steps:,} steps of {batch} crop{'s' * (batch > 1)}"
    if not joining:
        return words
    terms = f"{joining} terms join" if " and " in joining else f"{joining} term joins"
    return f"{words}; after step {training.opening:,} the {terms}, which raises the loss"


def _batches(training: Training, step: int) -> Iterator[Triplets]:
    """The batches of all steps from ``step`` on, on their way to the device."""
    preset = training.preset
    sampler = CropSampler(
        training.file, training.train, preset.crop, preset.batch, training.seed, training.times
    )
    return (sent(batch, training.device) for batch in sampler.steps(step, training.steps))


def _is_best(model: Interpolator, training: Training, state: TrainingState, row: Row) -> bool:
    """Validate, and write it into the log's row; whether these weights are to be kept.

    Raises:
        DivergenceError: the validation loss is infinite or NaN.
    """
    loss, quality = ranks.from_first(validate(model, training) if ranks.is_first() else None)
    row |= {"validation_loss": loss, "validation_psnr": quality}
    if not math.isfinite(loss):
        raise DivergenceError(f"The validation loss at step {state.step} is {loss}.")
    if loss >= state.best_loss or state.step <= training.opening:
        return False
    state.best_loss, state.best_psnr, state.best_step = loss, quality, state.step
    return True


def _leave(folder: Path, model: Interpolator, training: Training, facts: Mapping[str, Any]) -> None:
    """Write the weights, without the seconds: the same training leaves the same file."""
    lasting = {name: fact for name, fact in facts.items() if name != "training_seconds"}
    lasting |= network_facts(model, training.file.gap, training.taught_by)
    save_weights(folder / WEIGHTS, model, lasting)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _facts(training: Training, state: TrainingState, rows: list[Row]) -> TrainFacts:
    """What the record keeps of a training that is done."""
    facts: TrainFacts = {
        "steps": training.steps,
        "samples": training.steps * training.preset.batch,
        "best_step": state.best_step,
        "validation_loss": state.best_loss,
        "validation_psnr": state.best_psnr if math.isfinite(state.best_psnr) else None,
        "training_seconds": round(state.seconds, 1),
        "first_shares": {
            name.removeprefix("share_"): value
            for name, value in rows[training.opening].items()
            if name.startswith("share_")
        },
    }
    return facts | {"processes": ranks.count()} if ranks.count() > 1 else facts


def _parameter_groups(model: Interpolator, training: Training) -> list[dict[str, Any]]:
    """All parameters; where features join later, those that estimate motion by themselves."""
    motion = [p for name in model.info.motion for p in model.get_submodule(name).parameters()]
    if not motion or not training.opening:
        return [{"params": list(model.parameters())}]
    own = set(motion)
    return [{"params": [p for p in model.parameters() if p not in own]}, {"params": motion}]


def validate(model: Interpolator, training: Training) -> tuple[float, float]:
    """Mean loss and mean PSNR over the centres of a few validation triplets, spread evenly.

    The loss is the whole one; weights are kept only from steps that see all of it too. Where it
    is not finite no PSNR is taken.
    """
    chosen = spread_over_gaps(training.file, training.validation, _VALIDATION_TRIPLETS)
    model.eval()
    losses, scores = [], []
    with torch.inference_mode():
        for index in chosen:
            frames = centre(training.file.frames(int(index)), VALIDATION_SIDE)
            triplet = to_triplets(frames[None])
            triplet = Triplets(*(part.to(training.device) for part in triplet))
            moment = training.file.time(int(index))
            output = at_time(model, triplet.before, triplet.after, moment)
            losses.append(float(training.loss(output, triplet).total))
            if not math.isfinite(losses[-1]):
                break
            scores.append(psnr(to_frame(output.middle), frames[1]))
    model.train()
    return float(np.mean(losses)), float(np.mean(scores)) if scores else math.nan


def _copy_weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
