"""The second judge of a cell: a segmenter of another architecture beside the first.

It shows whether an order of methods is one network's accident. No figure of the first depends on
it.
"""

from __future__ import annotations

from bench.base.errors import UserError
from bench.scores.membranes import JUDGED, SECOND, scored_again
from bench.stages.apart import check_judge, check_weights
from bench.stages.masks import Further
from bench.stages.predict import weights_of
from bench.stages.segmenter import Segmenter
from bench.stages.stage import Context
from bench.store.records import WEIGHTS
from bench.store.weights import tensors_digest

_REMEDY = "it is the second judge: give another --teacher, or leave --judges out"


def second_segmenter(context: Context) -> Segmenter | None:
    """The second judge of a cell's dataset, trained now if it is not there.

    Returns:
        None where nobody asked for one, or there are no labels to learn it from.

    Raises:
        UserError: it took part in the cell's loss, or is the first judge as well.
    """
    seconds = context.seconds
    if seconds is None or seconds.key(context.dataset) is None:
        return None
    second = seconds.get(context.dataset)
    judges = seconds.weights(context.dataset), context.segmenters.weights(context.dataset)
    own, other = (None if path is None else tensors_digest(path) for path in judges)
    if context.cell.needs_teacher and (path := context.teachers.weights(context.dataset.training)):
        check_judge(str(own), tensors_digest(path), _REMEDY)
    check_weights(second.ceiling / WEIGHTS, weights_of(context), _REMEDY)
    if own == other:
        raise UserError(
            "The segmenter given with --segmenter is the second judge of this dataset as well, so "
            "there is nobody to compare it with; leave --judges or --segmenter out."
        )
    return second


def second_scores(second: Segmenter) -> Further:
    """What scores a frame by the second judge, in columns behind ``second_``."""
    return lambda frame, _, index: scored_again(
        second.scores(second.probability(frame), index), JUDGED, SECOND
    )


def second_digest(context: Context) -> str | None:
    """SHA-256 of its weights; None where there is none, or it is still to be made."""
    return None if context.seconds is None else context.seconds.digest(context.dataset)


def no_second(context: Context) -> list[str]:
    """Why nobody judges beside the first, in a sentence, where somebody was asked to."""
    if context.seconds is None or not (lack := context.seconds.lack(context.dataset)):
        return []
    why = lack.removeprefix("No membrane scores: ").partition("; give the weights")[0].rstrip(".")
    return [f"No second judge: {why}."]
