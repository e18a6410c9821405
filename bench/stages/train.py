"""The stage `train`: one cell's network on the training split of its dataset."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

import torch
from torch import nn

from bench.base import ranks
from bench.base.errors import DamagedError
from bench.base.files import content_digest, set_aside
from bench.base.progress import Progress, announcing, silent
from bench.cells.cell import budget_of
from bench.cells.presets import PRESETS
from bench.cells.variants import network_facts, taught_by
from bench.stages.finished_training import take_over
from bench.stages.kept_weights import check_kept
from bench.stages.keys import Inputs, method_settings, training_settings
from bench.stages.memory_check import check_training
from bench.stages.stage import Context, Facts, Result, Stage
from bench.stages.training import announcement, fit, train
from bench.stages.training_checkpoint import Checkpoint, load_checkpoint
from bench.stages.training_step import DivergenceError, Training
from bench.store.facts import TrainFacts
from bench.store.records import CHECKPOINT, WEIGHTS
from bench.store.weights import check_unchanged, load_weights, save_weights, tensors_digest
from methods.interface import Interpolator
from methods.losses import build_loss
from methods.timed import parts_of

REVISION = 1


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
        return Result(taken.facts, made=taken)
    if not context.cell.trained:
        indices = context.split("train")
        fit(model, file, indices, tick)
        save_weights(context.folder / WEIGHTS, model, network_facts(model, file.gap))
        _check_kept(context, model, int(indices[0]))
        return Result(TrainFacts(triplets=len(indices)))
    if context.cell.variant.init is not None:
        check_unchanged(context.cell.variant.init, context.keys.settings["init"])
        load_weights(context.cell.variant.init, model)
    teacher = context.teacher()
    if teacher is not None:
        tick = context.display.stage("train")  # the teacher's training may have had the bar
    training = _training(context, teacher, model)
    found = _checkpoint(context, training.steps)
    hint = "" if context.cell.preset == "quick" else "; `--preset quick` takes minutes"
    tick = announcing(tick, context.cell.title, hint, context.display)
    check_training(context.cell, model, training, context.room)
    context.display.note(f"  {context.cell.title}: {announcement(training)}.")
    ranks.own_share(training.preset.batch)  # too many processes: before any of them begins
    ranks.from_first(context.cell.words())
    try:
        facts = train(model, training, context.folder, tick, found)
    except DivergenceError:
        raise  # every process has seen the same numbers and goes on to the next cell
    except Exception:
        ranks.leave()  # the others know nothing of it and would wait
        raise
    _check_kept(context, model, int(training.validation[0]))
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


def _check_kept(context: Context, model: Interpolator, index: int) -> None:
    """Require that a triplet's slice is the same from the weights that are on disk."""
    file, variant = context.dataset.training, context.cell.variant
    build = partial(variant.build, file.times)
    check_kept(model, build, context.folder, file, index, context.device)


def _training(context: Context, teacher: nn.Module | None, model: Interpolator) -> Training:
    file = context.dataset.training
    cell, config, loss = context.cell, context.config, context.cell.loss_variant
    if loss is None:
        raise ValueError(f"The trained cell {cell.title} has no loss.")
    init = cell.variant.init
    path = None if teacher is None else context.teachers.weights(file)
    taught = [tensors_digest(path)] if path else []
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
        taught_by=(*taught, *(taught_by(init) if init else ())),
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
        own = PRESETS[context.cell.preset].samples
        if own is None or samples < own:
            warnings.append(f"trained on {samples} crops only")
        elif samples > own:
            warnings.append(f"trained on {samples} crops")
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
