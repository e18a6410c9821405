"""Membranes: how well a network finds them in the stored frames."""

from __future__ import annotations

from bench.base.files import content_digest, file_digest
from bench.base.progress import Progress
from bench.scores.membranes import MEMBRANE_METRICS, labelled, membrane_means
from bench.stages import predict
from bench.stages.keys import Inputs
from bench.stages.masks import segment
from bench.stages.own_thresholds import own_thresholds
from bench.stages.stage import Context, Facts, Result, Stage
from bench.stages.teacher import check_judge
from bench.store.facts import SegmentFacts
from bench.store.records import MASKS

REVISION = 4
MEMBRANES = "membranes.parquet"


def _key(inputs: Inputs) -> str | None:
    if inputs.segmenter is None:
        return None
    parts = [predict.key(inputs), inputs.segmenter, REVISION, *inputs.columns]
    # Triplets without labels of their neighbours have the keys of before there were any.
    return content_digest(parts if inputs.carried is None else [*parts, inputs.carried])


def _compute(context: Context, _: Progress) -> Result:
    segmenter = context.segmenters.get(context.dataset)
    check_judge(segmenter.digest, context.teacher_digest())
    own = own_thresholds(context, segmenter)
    frames, masks = context.folder / predict.FRAMES, context.folder / MASKS
    table = segment(
        segmenter,
        predict.stored_frames(frames),
        predict.stored_triplets(frames),
        context.folder / MEMBRANES,
        masks,
        context.display.stage("segment"),  # the segmenter's training may have had the bar
        own,
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
    return Result(facts, membrane_means(table))


def _stands(context: Context, facts: Facts) -> bool:
    """Whether its segmenter is still there; one trained anew may differ by machine."""
    return bool(facts["segmenter"] == context.segmenters.digest(context.dataset))


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
    """What is doubted of the labels that membranes are learned from or compared with."""
    dataset = context.dataset
    return list(dict.fromkeys([*dataset.training.doubts, *dataset.test.doubts]))


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
