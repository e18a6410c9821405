"""Membranes: how well a network finds them in the stored frames."""

from __future__ import annotations

from typing import Any

from bench.base.files import content_digest, file_digest
from bench.base.progress import Progress
from bench.scores.membranes import MEMBRANE_METRICS, labelled, membrane_means
from bench.stages import predict
from bench.stages.apart import check_judge, check_weights
from bench.stages.keys import Inputs
from bench.stages.masks import segment
from bench.stages.own_thresholds import own_scores, own_thresholds
from bench.stages.second_judge import no_second, second_digest, second_scores, second_segmenter
from bench.stages.stage import Context, Facts, Result, Stage
from bench.store.facts import SegmentFacts
from bench.store.records import MASKS, WEIGHTS

REVISION = 4
MEMBRANES = "membranes.parquet"
_REMEDY = "give another --segmenter or --teacher"


def _key(inputs: Inputs) -> str | None:
    if inputs.segmenter is None:
        return None
    parts: list[Any] = [predict.key(inputs), inputs.segmenter, REVISION, *inputs.columns]
    # Triplets without labels of their neighbours have the keys of before there were any.
    if inputs.carried is not None:
        parts.append(inputs.carried)
    if inputs.second is not None:
        parts.append({"second": inputs.second})
    # Of what learns nothing, retuned thresholds alone depend on the dataset that is learned from.
    if inputs.tested is not None and not inputs.cell.learns and inputs.config.segmenter is not None:
        parts.append({"retuned_on": inputs.learned_from})  # else the segmenter's key has it
    return content_digest(parts)


def _compute(context: Context, _: Progress) -> Result:
    segmenter = context.segmenters.get(context.dataset)
    check_judge(segmenter.digest, context.teacher_digest(), _REMEDY)
    check_weights(segmenter.ceiling / WEIGHTS, predict.weights_of(context), _REMEDY)
    own, second = own_thresholds(context, segmenter), second_segmenter(context)
    further = [own_scores(segmenter, own)] if own is not None else []
    further += [second_scores(second)] if second is not None else []
    frames, masks = context.folder / predict.FRAMES, context.folder / MASKS
    table = segment(
        segmenter,
        predict.stored_frames(frames),
        predict.stored_triplets(frames),
        context.folder / MEMBRANES,
        masks,
        context.display.stage("segment"),  # the segmenter's training may have had the bar
        further,
    )
    facts = SegmentFacts(
        reference=segmenter.reference,
        segmenter=segmenter.digest,
        threshold=segmenter.thresholds.mask,
        seed_threshold=segmenter.thresholds.seeds,
        ceiling=segmenter.ceiling.name,
        masks=file_digest(masks),
        triplets=len(labelled(table)),
    )
    if own is not None:
        facts |= {"own_threshold": own.mask, "own_seed_threshold": own.seeds}
    if second is not None:
        facts |= {
            "second_segmenter": second.digest,
            "second_threshold": second.thresholds.mask,
            "second_seed_threshold": second.thresholds.seeds,
            "second_ceiling": second.ceiling.name,
        }
    return Result(facts, membrane_means(table))


def _stands(context: Context, facts: Facts) -> bool:
    """Whether its segmenters are still there; one trained anew may differ by machine."""
    found = context.segmenters.digest(context.dataset), second_digest(context)
    return bool((facts["segmenter"], facts.get("second_segmenter")) == found)


def _lacks(context: Context, facts: Facts | None) -> list[str]:
    """Why there are no membrane scores, in a sentence."""
    if lack := context.segmenters.lack(context.dataset):
        return [lack]
    if facts is None or facts["triplets"] > 0:
        return []
    remedy = "" if context.config.max_triplets is None else "; leave --max-triplets out"
    return [
        "No membrane scores: no test triplet that was looked at has a membrane to compare with"
        f"{remedy}."
    ]


def _doubts(context: Context) -> list[str]:
    """What is doubted of the labels that membranes are learned from or compared with.

    Also why there is no second judge, where one was asked for.
    """
    dataset = context.dataset
    doubts = [*dataset.training.doubts, *dataset.test.doubts, *no_second(context)]
    return list(dict.fromkeys(doubts))


STAGE = Stage(
    name="segment",
    reads="predict",
    leaves=MEMBRANES,
    revision=REVISION,
    key=_key,
    compute=_compute,
    means=MEMBRANE_METRICS,
    beside=True,
    stands=_stands,
    lacks=_lacks,
    doubts=_doubts,
)
