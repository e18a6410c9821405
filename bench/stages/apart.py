"""A judge and a teacher are never one network: what took part in a loss does not score.

A run looks at the files before it trains; a stage looks once more before it scores.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.base.errors import UserError
from bench.cells.config import RunConfig
from bench.cells.variants import taught_by
from bench.stages.segmenter import load_segmenter
from bench.stages.segmenter_cache import Segmenters
from bench.stages.teacher import Teachers
from bench.store.weights import tensors_digest
from bench.triplets.dataset import Dataset


def check_teacher(config: RunConfig) -> None:
    """Refuse a teacher that cannot be loaded, or that is the segmenter given to judge.

    Raises:
        UserError: which of the two.
    """
    if config.teacher is None:
        return
    load_segmenter(config.teacher)
    if config.segmenter is not None:
        check_apart(config, config.segmenter, config.teacher)


def check_apart(config: RunConfig, judge: Path, teacher: Path) -> None:
    """Refuse a judge that is the teacher: a copy of its weights is, whatever else the file says.

    Args:
        config: the run; the one of the two that it names is to be another.
        judge: file of the segmenter that scores.
        teacher: file of the segmenter through which a loss looks.

    Raises:
        UserError: they are the same network.
    """
    if tensors_digest(judge) != tensors_digest(teacher):
        return
    if config.teacher is not None and config.segmenter is not None:
        raise UserError(
            f"--teacher {teacher} and --segmenter {judge} are the same network, and a segmenter "
            "that took part in a loss cannot judge; give another file to one of them."
        )
    given, path, part, other = (
        ("segmenter", judge, f"the loss looks for membranes through ({teacher})", "judge")
        if config.teacher is None
        else ("teacher", teacher, f"judges the frames ({judge})", "take part in the loss")
    )
    raise UserError(
        f"--{given} {path} is the network that {part}, so it cannot {other}; give another "
        f"--{given}, or leave --{given} out."
    )


def check_before_training(
    judges: Segmenters, teachers: Teachers, dataset: Dataset, config: RunConfig
) -> None:
    """Refuse the judge of a dataset that is its teacher, before a training has looked through it.

    Two that are made here differ by their seeds. Where one is given and the other is still to be
    made, that is made now: it may come out as the one that is given.

    Raises:
        UserError: they are the same network.
    """
    if judges.lack(dataset) or (config.segmenter is None and config.teacher is None):
        return
    learned_from = dataset.training
    if judges.weights(dataset) is None and "segment" in config.stages:
        _attempt(partial(judges.get, dataset))
    if teachers.weights(learned_from) is None and "train" in config.stages:
        _attempt(partial(teachers.get, learned_from))
    judge, teacher = judges.weights(dataset), teachers.weights(learned_from)
    if judge is not None and teacher is not None:
        check_apart(config, judge, teacher)


def _attempt(make: Callable[[], object]) -> None:
    """Make what cells need; where that fails, each of them says so."""
    try:
        make()
    except OSError:
        raise
    except Exception:
        return


def check_weights(judge: Path, weights: Path | None, remedy: str) -> None:
    """Refuse scores by a segmenter that the file of weights to be scored names as a teacher.

    They may be of a training that no record at hand speaks of.

    Args:
        judge: file of the segmenter that scores.
        weights: of what is scored; None for a method without any.
        remedy: what to do then.

    Raises:
        UserError: it does.
    """
    for teacher in [] if weights is None else taught_by(weights):
        check_judge(tensors_digest(judge), teacher, remedy)


def check_judge(judge: str, teacher: str | None, remedy: str) -> None:
    """Refuse scores by a segmenter that took part in the training of what it scores.

    A run has looked at its files before (``check_apart``); no score is left to that alone.

    Args:
        judge: SHA-256 of the segmenter's file, or of its tensors.
        teacher: the same of the teacher's.
        remedy: what to do then.

    Raises:
        UserError: they are the same.
    """
    if judge == teacher:
        raise UserError(
            f"The segmenter took part in the loss of this cell, so it cannot judge it; {remedy}."
        )
