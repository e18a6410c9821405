"""Training: one cell's network on the training split, killed and resumed without a trace."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.base.errors import DamagedError, UserError
from bench.base.files import content_digest, set_aside, write_text
from bench.base.progress import Progress, announcing
from bench.cells.cell import budget_of
from bench.cells.presets import Preset
from bench.scores.metrics import psnr
from bench.stages.finished_training import take_over
from bench.stages.keys import Inputs, method_settings, training_settings
from bench.stages.splits import centre, spread
from bench.stages.stage import Context, Facts, Result, Stage
from bench.store.checkpoints import below, load_optimiser, named, optimiser_tensors
from bench.store.facts import TrainFacts
from bench.store.records import CHECKPOINT, LOG, WEIGHTS
from bench.store.weights import load_tensors, save_tensors, save_weights
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_frame, to_triplets
from bench.triplets.training_crops import CropSampler
from methods.interface import FittedInterpolator, Interpolator, Triplets
from methods.losses import LossTerms, TripletLoss, build_loss

REVISION = 1
_ROWS = "rows"  # of the log, in a checkpoint: beside it the log is only for readers
_CHECKPOINT_SECONDS = 60.0
_VALIDATION_TRIPLETS = 16
_VALIDATION_SIDE = 256


class DivergenceError(RuntimeError):
    """The loss or a gradient is no longer a number."""


@dataclass(frozen=True)
class Training:
    """What a training needs besides its network.

    Attributes:
        file: the triplets.
        train: indices of the training split.
        validation: indices of the validation split.
        preset: crops, steps and learning rate.
        loss: what is minimised.
        seed: of crops, order and flips; the network is initialised by the caller.
        device: where to compute.
        bf16: compute the network under bfloat16 autocast.
    """

    file: TripletFile
    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    preset: Preset
    loss: TripletLoss
    seed: int
    device: torch.device
    bf16: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        return self.preset.steps(len(self.train))

    @property
    def opening(self) -> int:
        """Steps at the beginning that see the pixel terms alone."""
        return 0 if self.loss.features is None else int(self.preset.features_from * self.steps)

    def loss_at(self, step: int) -> TripletLoss:
        """The loss of a step (counted from 0)."""
        return self._pixel_loss if step < self.opening else self.loss

    def rates_at(self, step: int) -> tuple[float, float]:
        """Learning rates of a step: of most parameters, and of those that estimate motion."""
        rate = self.preset.learning_rate_at(step, self.steps, self.opening)
        joined = 0 < self.opening <= step
        return rate, rate * (self.preset.motion_share if joined else 1.0)

    @cached_property
    def _pixel_loss(self) -> TripletLoss:
        return build_loss("l1", self.loss.options, None)


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


def fit(model: FittedInterpolator, file: TripletFile, train: NDArray[np.intp]) -> None:
    """Fit a closed-form method on the training split, read a triplet at a time.

    Raises:
        UserError: what it is left with is not finite.
    """

    def stream() -> Iterator[Triplets]:
        for index in train:
            yield to_triplets(file.frames(int(index))[None])

    model.fit(stream())
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
    training goes on from it. On a CPU the result is the same to the last bit.

    Returns:
        Facts for the record: steps, samples, the step whose weights were kept with its
        validation loss and PSNR (dB), seconds of training, and the share of each part of
        the loss at the first step that sees all of it.

    Raises:
        DivergenceError: loss or gradient became infinite or NaN.
    """
    model.to(training.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    training.loss.to(training.device)
    optimiser = torch.optim.Adam(_parameter_groups(model, training), betas=(0.9, 0.999))
    checkpoint, log = folder / CHECKPOINT, folder / LOG
    state, best, rows = _State(), _copy_weights(model), list[dict[str, float]]()
    if found is None:
        log.unlink(missing_ok=True)  # of an earlier training: this one may fail before its first
    else:
        state, best, rows = _resume(found, model, optimiser)
    sampler = CropSampler(
        training.file, training.train, training.preset.crop, training.preset.batch, training.seed
    )
    validate_after = training.preset.validation_steps(len(training.train))
    saved = started = time.monotonic()
    before = state.seconds
    model.train()
    for batch in sampler.steps(state.step, training.steps):
        row = _step(model, optimiser, training, state.step, batch)
        state.step += 1
        state.seconds = before + time.monotonic() - started
        if state.step in validate_after:
            loss, quality = validate(model, training)
            row |= {"validation_loss": loss, "validation_psnr": quality}
            if not math.isfinite(loss):
                raise DivergenceError(f"The validation loss at step {state.step} is {loss}.")
            if loss < state.best_loss and state.step > training.opening:
                state.best_loss, state.best_psnr, state.best_step = loss, quality, state.step
                best = _copy_weights(model)
        rows.append({"step": state.step, "seconds": state.seconds} | row)
        progress(state.step, training.steps, f"loss {row['loss']:.4f}")
        if state.step in validate_after or time.monotonic() - saved > _CHECKPOINT_SECONDS:
            _write_log(log, rows)
            _save(checkpoint, model, optimiser, best, state, rows)
            saved = time.monotonic()
    model.load_state_dict(best)
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
    # Without the seconds: the same training leaves the same file.
    lasting = {name: fact for name, fact in facts.items() if name != "training_seconds"}
    save_weights(folder / WEIGHTS, model, lasting)
    checkpoint.unlink(missing_ok=True)
    return facts


def _step(
    model: Interpolator,
    optimiser: torch.optim.Optimizer,
    training: Training,
    step: int,
    batch: Triplets,
) -> dict[str, float]:
    """One optimiser step; what it says goes into the log."""
    if step == training.opening:
        # The features' gradients are hundreds of times larger; scaled by the moments of those
        # before, the first of them would throw away what the opening has learned.
        optimiser.state.clear()
    rates = training.rates_at(step)
    for group, rate in zip(optimiser.param_groups, rates, strict=False):
        group["lr"] = rate
    batch = Triplets(*(frames.to(training.device, non_blocking=True) for frames in batch))
    autocast = torch.autocast("cuda", torch.bfloat16) if training.bf16 else nullcontext()
    with autocast:
        output = model(batch.before, batch.after)
    output = output._replace(middle=output.middle.float())
    loss = training.loss_at(step)
    terms = loss(output, batch)
    optimiser.zero_grad(set_to_none=True)
    terms.total.backward()
    norm = nn.utils.get_total_norm(
        [p.grad for p in model.parameters() if p.grad is not None], foreach=True
    )
    row = _log_row(terms, output.extras, rates[0], float(norm))
    if not (math.isfinite(row["loss"]) and math.isfinite(row["gradient_norm"])):
        raise DivergenceError(
            f"The training diverged at step {step + 1}: loss {row['loss']:.4g}, gradient norm "
            f"{row['gradient_norm']:.4g}; a smaller learning rate or another loss may help."
        )
    optimiser.step()
    if step == training.opening:
        row |= {f"share_{name}": share for name, share in loss.shares(terms).items()}
    return row


def _parameter_groups(model: Interpolator, training: Training) -> list[dict[str, Any]]:
    """All parameters; where features join later, those that estimate motion by themselves."""
    motion = [p for name in model.info.motion for p in model.get_submodule(name).parameters()]
    if not motion or not training.opening:
        return [{"params": list(model.parameters())}]
    own = set(motion)
    return [{"params": [p for p in model.parameters() if p not in own]}, {"params": motion}]


def _log_row(
    terms: LossTerms, extras: Mapping[str, Tensor], rate: float, norm: float
) -> dict[str, float]:
    row = {"learning_rate": rate, "loss": float(terms.total.detach()), "gradient_norm": norm}
    row |= {name: float(part.detach()) for name, part in terms.parts.items()}
    gammas = extras.get("gamma", torch.empty(0)).detach().flatten().tolist()
    return row | {f"gamma_{i}": gamma for i, gamma in enumerate(gammas)}


def validate(model: Interpolator, training: Training) -> tuple[float, float]:
    """Mean loss and mean PSNR over the centres of a few validation triplets, spread evenly.

    The loss is the whole one; weights are kept only from steps that see all of it too. Where it
    is not finite no PSNR is taken.
    """
    chosen = spread(training.validation, _VALIDATION_TRIPLETS)
    model.eval()
    losses, scores = [], []
    with torch.inference_mode():
        for index in chosen:
            frames = centre(training.file.frames(int(index)), _VALIDATION_SIDE)
            triplet = to_triplets(frames[None])
            triplet = Triplets(*(part.to(training.device) for part in triplet))
            output = model(triplet.before, triplet.after)
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
    model = context.cell.variant.build()
    taken = None if context.config.rerun else take_over(context, model)
    if taken is not None:
        return Result(taken)
    if isinstance(model, FittedInterpolator):
        indices = context.split("train")
        fit(model, context.dataset.training, indices)
        save_weights(context.folder / WEIGHTS, model, {})
        return Result(TrainFacts(triplets=len(indices)))
    training = _training(context)
    found = _checkpoint(context, training.steps)
    hint = "" if context.cell.preset == "quick" else "; `--preset quick` takes minutes"
    tick = announcing(tick, context.cell.title, hint, context.display)
    facts = train(model, training, context.folder, tick, found)
    facts["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    facts["features"] = context.features.name if context.features else None
    return Result(facts)


def _training(context: Context) -> Training:
    cell, config, loss = context.cell, context.config, context.cell.loss_variant
    if loss is None:
        raise ValueError(f"The trained cell {cell.title} has no loss.")
    return Training(
        file=context.dataset.training,
        train=context.split("train"),
        validation=context.split("validation"),
        preset=budget_of(cell, config),
        loss=build_loss(loss.name, loss.options, context.features),
        seed=cell.seed,
        device=context.device,
        bf16=config.precision == "bf16",
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
    weights, samples = context.cell.variant.weights, context.config.samples
    if weights is not None:
        return [f"not trained by this run: the weights are those of {weights.name}"]
    warnings = []
    if context.dataset.borrows and context.cell.learns:
        warnings.append(f"learned from the training split of {context.dataset.training.name}")
    if samples is not None and context.cell.trained:
        warnings.append(f"trained on {samples} crops only")
    done: Facts = facts or {}
    if done.get("features") == "random":
        warnings.append("trained with random VGG features")
    warnings += [
        f"the {part} part was {share:.1%} of the loss when all of it set in"
        for part, share in done.get("first_shares", {}).items()
        if share < 0.1
    ]
    return warnings


STAGE = Stage(
    name="train",
    reads=None,
    leaves=WEIGHTS,
    revision=REVISION,
    key=_key,
    compute=_compute,
    warnings=_warnings,
)
