"""Training: one cell's network on the training split, killed and resumed without a trace."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.base import ranks
from bench.base.device import place
from bench.base.errors import DamagedError, UserError
from bench.base.files import content_digest, set_aside, write_text
from bench.base.progress import Progress, announcing, silent
from bench.cells.cell import budget_of
from bench.cells.variants import gap_fact
from bench.scores.metrics import psnr
from bench.stages.finished_training import take_over
from bench.stages.keys import Inputs, method_settings, training_settings
from bench.stages.memory_check import check_training
from bench.stages.splits import centre, spread_over_gaps
from bench.stages.stage import Context, Facts, Result, Stage
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
from bench.store.checkpoints import below, load_optimiser, named, optimiser_tensors
from bench.store.facts import TrainFacts
from bench.store.records import CHECKPOINT, LOG, WEIGHTS
from bench.store.weights import load_tensors, load_weights, save_tensors, save_weights
from bench.triplets.at_time import frames_at, indices_at
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_frame, to_triplets
from bench.triplets.training_crops import CropSampler
from methods.interface import FittedInterpolator, Interpolator, Triplets
from methods.losses import build_loss
from methods.timed import at_time, parts_of

REVISION = 1
_ROWS = "rows"  # of the log, in a checkpoint: beside it the log is only for readers
_CHECKPOINT_SECONDS = 60.0
_VALIDATION_TRIPLETS = 16


@dataclass
class _State:
    """What a checkpoint holds beside weights and optimiser."""

    step: int = 0
    best_loss: float = math.inf
    best_psnr: float = -math.inf
    best_step: int = 0
    seconds: float = 0.0


class Checkpoint(NamedTuple):
    """A training on its way: tensors, and what else it has to know, as it was written."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    @property
    def step(self) -> int:
        """Steps that were done."""
        return int(self.facts["state"]["step"])


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """What a killed training has left in a folder, if it has left anything.

    Raises:
        DamagedError: no training can go on from it.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    found = Checkpoint(*load_tensors(path))
    if _ROWS not in found.tensors:
        raise DamagedError(path, f"{path} does not hold the log of its training.")
    return found


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

    A checkpoint is written at every validation and once a minute; where one is given, the
    training goes on from it. On a CPU the result is the same to the last bit. Of several processes
    that train together the first one validates and writes.

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
    state, best, rows = _State(), _copy_weights(model), list[dict[str, float]]()
    if found is not None:
        state, best, rows = _resume(found, model, optimiser)
    elif ranks.is_first():
        log.unlink(missing_ok=True)  # of an earlier training: this one may fail before its first
    validate_after = training.preset.validation_steps(len(training.train))
    saved = started = time.monotonic()
    before, unread = state.seconds, list[Numbers]()
    model.train()
    for batch in _batches(training, state.step):
        batch = sent(batch, training.device)
        numbers = gradient_step(model, optimiser, training, state.step, batch)
        state.step += 1
        state.seconds = before + time.monotonic() - started
        unread.append(numbers._replace(seconds=state.seconds))
        validating = state.step in validate_after
        saving = validating or time.monotonic() - saved > _CHECKPOINT_SECONDS
        if saving or state.step == training.steps or len(unread) >= training.steps_a_reading:
            rows += read_numbers(unread)
            unread.clear()
        if validating and _is_best(model, training, state, rows[-1]):
            best = _copy_weights(model)
        progress(state.step, training.steps, _loss_words(training, rows))
        if saving and ranks.is_first():
            _write_log(log, rows)
            _save(checkpoint, model, optimiser, best, state, rows)
            saved = time.monotonic()
    model.load_state_dict(best)
    facts = _facts(training, state, rows)
    if ranks.is_first():
        _leave(folder, model, {**facts, **gap_fact(training.file.gap)})
    return facts


def _loss_words(training: Training, rows: list[dict[str, float]]) -> str:
    """The loss of the last step that was read, and which terms have joined it: they raise it."""
    if not rows:
        return ""
    joined = training.joining if rows[-1]["step"] > training.opening else ""
    return f"loss {rows[-1]['loss']:.4f}" + f" with {joined}" * bool(joined)


def _announcement(training: Training) -> str:
    """How many steps of how many crops there are, and when the loss will rise."""
    steps, batch, joining = training.steps, training.preset.batch, training.joining
    words = f"{steps:,} steps of {batch} crop{'s' * (batch > 1)}"
    if not joining:
        return words
    terms = f"{joining} terms join" if " and " in joining else f"{joining} term joins"
    return f"{words}; after step {training.opening:,} the {terms}, which raises the loss"


def _batches(training: Training, step: int) -> Iterator[Triplets]:
    """The batches of all steps from ``step`` on."""
    preset = training.preset
    sampler = CropSampler(
        training.file, training.train, preset.crop, preset.batch, training.seed, training.times
    )
    return sampler.steps(step, training.steps)


def _is_best(model: Interpolator, training: Training, state: _State, row: dict[str, float]) -> bool:
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


def _leave(folder: Path, model: Interpolator, facts: Mapping[str, Any]) -> None:
    """Write the weights, without the seconds: the same training leaves the same file."""
    lasting = {name: fact for name, fact in facts.items() if name != "training_seconds"}
    save_weights(folder / WEIGHTS, model, lasting)
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _facts(training: Training, state: _State, rows: list[dict[str, float]]) -> TrainFacts:
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


def _save(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    state: _State,
    rows: list[dict[str, float]],
) -> None:
    tensors = named({"model": model.state_dict(), "best": best}) | optimiser_tensors(optimiser)
    columns = _columns(rows)
    values = [[row.get(column, math.nan) for column in columns] for row in rows]
    tensors[_ROWS] = torch.tensor(values, dtype=torch.float64)
    save_tensors(path, tensors, {"state": vars(state), "columns": columns})


def _resume(
    found: Checkpoint, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[_State, dict[str, Tensor], list[dict[str, float]]]:
    tensors, facts = found
    model.load_state_dict(below("model.", tensors))
    load_optimiser(optimiser, tensors)
    rows = [
        {name: v for name, v in zip(facts["columns"], values, strict=True) if not math.isnan(v)}
        for values in tensors[_ROWS].tolist()
    ]
    return _State(**facts["state"]), below("best.", tensors), rows


def _write_log(path: Path, rows: list[dict[str, float]]) -> None:
    """Rows as CSV; a column that a row does not have (validation, shares) stays empty there."""
    columns = _columns(rows)
    lines = [",".join(columns)]
    lines += [",".join(f"{row[c]:.9g}" if c in row else "" for c in columns) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def _columns(rows: list[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def settings(inputs: Inputs) -> dict[str, Any]:
    """Everything that a cell's weights depend on; of one that learns nothing, its method."""
    found = method_settings(inputs)
    if inputs.cell.learns:
        found["train_revision"] = REVISION
    if inputs.cell.trained:
        found |= training_settings(inputs)
    return found


def _key(inputs: Inputs) -> str | None:
    return content_digest(settings(inputs)) if inputs.cell.learns else None


def _compute(context: Context, tick: Progress) -> Result:
    """Take over a finished training, or fit, or train; each leaves the weights."""
    file = context.dataset.training
    model = context.cell.variant.build(file.times)
    taken = None if context.config.rerun else take_over(context, model)
    if taken is not None:
        return Result(taken)
    if not context.cell.trained:
        indices = context.split("train")
        fit(model, file, indices, tick)
        save_weights(context.folder / WEIGHTS, model, gap_fact(file.gap))
        return Result(TrainFacts(triplets=len(indices)))
    if context.cell.variant.init is not None:
        load_weights(context.cell.variant.init, model)
    teacher = context.teacher()
    if teacher is not None:
        tick = context.display.stage("train")  # the teacher's training may have had the bar
    training = _training(context, teacher, model)
    found = _checkpoint(context, training.steps)
    hint = "" if context.cell.preset == "quick" else "; `--preset quick` takes minutes"
    tick = announcing(tick, context.cell.title, hint, context.display)
    check_training(context.cell, model, training, context.room)
    context.display.note(f"  {context.cell.title}: {_announcement(training)}.")
    ranks.own_share(training.preset.batch)  # too many processes: before any of them begins
    ranks.from_first(context.cell.words())
    try:
        facts = train(model, training, context.folder, tick, found)
    except DivergenceError:
        raise  # every process has seen the same numbers and goes on to the next cell
    except Exception:
        ranks.leave()  # the others know nothing of it and would wait
        raise
    facts["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    facts["features"] = context.features.name if context.features else None
    if teacher is not None:
        facts["teacher"] = context.teacher_digest()
    return Result(facts)


def take_part(context: Context) -> None:
    """Train beside the first process, which leaves the files; errors of the training are its."""
    torch.manual_seed(context.cell.seed)
    model = context.cell.variant.build(context.dataset.training.times)
    training = _training(context, context.teacher(), model)
    with suppress(DivergenceError):
        train(model, training, context.folder, silent, load_checkpoint(context.folder))


def _training(context: Context, teacher: nn.Module | None, model: Interpolator) -> Training:
    file = context.dataset.training
    cell, config, loss = context.cell, context.config, context.cell.loss_variant
    if loss is None:
        raise ValueError(f"The trained cell {cell.title} has no loss.")
    return Training(
        file=file,
        train=context.split("train"),
        validation=context.split("validation"),
        preset=budget_of(cell, config),
        loss=build_loss(loss.name, loss.options, context.features, teacher),
        seed=cell.seed,
        device=context.device,
        bf16=config.precision == "bf16",
        times=tuple(moment for moment, _ in parts_of(model, file.times)),
    )


def _checkpoint(context: Context, steps: int) -> Checkpoint | None:
    """Where a killed training goes on; a damaged checkpoint is set aside."""
    path, tell = context.folder / CHECKPOINT, context.display.note
    if context.config.rerun:
        path.unlink(missing_ok=True)
    try:
        found = load_checkpoint(context.folder)
    except DamagedError:
        kept = set_aside(path)
        tell(f"  {path} is damaged: the training begins anew, and kept is {kept.name}.")
        return None
    if found is not None:
        tell(f"  {context.cell.title}: the training goes on after step {found.step} of {steps}.")
    return found


def _warnings(context: Context, facts: Facts | None) -> list[str]:
    """What is unusual about the training of a cell, and about its course once it is done."""
    variant, samples = context.cell.variant, context.config.samples
    weights = variant.weights
    if weights is not None:
        return [f"not trained by this run: the weights are those of {weights.name}"]
    warnings = []
    if variant.init is not None:
        warnings.append(f"starts from the weights of {variant.init.name}")
    if context.dataset.borrows and context.cell.learns:
        warnings.append(f"learned from the training split of {context.dataset.training.name}")
    if samples is not None and context.cell.trained:
        warnings.append(f"trained on {samples} crops only")
    parts = budget_of(context.cell, context.config).micro_batch if context.cell.trained else None
    if parts is not None:
        warnings.append(f"trained {parts} crop{'s' * (parts > 1)} at a time (--micro-batch)")
    done: Facts = facts or {}
    if done.get("features") == "random":
        warnings.append("trained with random VGG features")
    warnings += [
        f"the {part} term was {_percent(share)} of the loss in the first step that had all terms"
        for part, share in done.get("first_shares", {}).items()
        if share < 0.1
    ]
    return warnings


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


STAGE = Stage(
    name="train",
    reads=None,
    leaves=WEIGHTS,
    revision=REVISION,
    key=_key,
    compute=_compute,
    warnings=_warnings,
)
