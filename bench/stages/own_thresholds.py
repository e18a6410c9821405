"""Retuned thresholds: chosen for a method on its validation frames, not on real slices.

The thresholds of the real slices are the ones that count: a laboratory's segmenter does not know
which slice is synthetic. These say what retuning it for the method would give.
"""

from __future__ import annotations

import numpy as np

from bench.scores.membranes import OWN, RETUNED, label_truth, pixel_size, scored_again
from bench.stages.masks import Further
from bench.stages.predict import method_of, predict_frame
from bench.stages.segmenter import Segmenter
from bench.stages.splits import spread_over_gaps
from bench.stages.stage import Context
from segmentation.scores import Thresholds
from segmentation.thresholds import THRESHOLDS, best_seed_threshold, dice_by_threshold

_SLICES = 8  # whole ones, as for the segmenter's own threshold of seeds


def own_thresholds(context: Context, segmenter: Segmenter) -> Thresholds | None:
    """The thresholds that fit the frames of a cell's method best on validation triplets.

    Returns:
        That of masks with the best mean Dice, then that of seeds with the least mean adapted Rand
        error; None where no validation triplet is labelled.
    """
    file = context.dataset.training
    labelled = [int(i) for i in context.split("validation") if file.has_labels and file.labelled[i]]
    chosen = spread_over_gaps(file, np.array(labelled, np.intp), _SLICES)
    if len(chosen) == 0:
        return None
    model, tile = method_of(context), context.config.predict_tile
    found = []
    for index in chosen:
        frames, time = file.frames(int(index)), file.time(int(index))
        frame = predict_frame(model, frames, context.device, tile, time)
        truth = label_truth(file, int(index))
        if truth is not None:
            found.append((segmenter.probability(frame), truth))
    dice = [dice_by_threshold(membrane, truth.mask, truth.valid) for membrane, truth in found]
    mask = float(THRESHOLDS[int(np.argmax(np.mean(dice, axis=0)))])
    slices = [(membrane, truth.segments) for membrane, truth in found]
    return Thresholds(mask, best_seed_threshold(slices, mask, pixel_size(file)))


def own_scores(segmenter: Segmenter, own: Thresholds) -> Further:
    """What scores a frame with a method's own thresholds, in columns behind ``own_``."""
    return lambda _, membrane, index: scored_again(
        segmenter.scores(membrane, index, own), RETUNED, OWN
    )
