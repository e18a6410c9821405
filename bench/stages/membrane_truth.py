"""Whether a dataset has membranes to learn from and to compare with, in each split."""

from __future__ import annotations

import numpy as np

from bench.scores.membranes import true_membranes
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from segmentation.labels import UNLABELLED


def no_membranes(dataset: Dataset, *, given: bool) -> str:
    """Why there can be no membrane scores, in one sentence; empty where there can.

    Args:
        dataset: what is learned from, and what is scored.
        given: whether the segmenter was trained elsewhere, so that nothing has to be learned.
    """
    training, test = dataset.training, dataset.test
    if not given and not training.has_labels:
        return (
            f"No membrane scores: '{training.name}' has no labels to learn membranes from; give "
            "the weights of a segmenter trained on another dataset with --segmenter FILE."
        )
    needed = [] if given else [(training, "train"), (training, "validation")]
    needed += [(test, "test")] if test.has_labels else []
    for file, split in needed:
        if lack := _lack(file, split):
            return f"No membrane scores: {lack}."
    return ""


def nothing_to_learn(file: TripletFile) -> str:
    """Why no membranes can be learned from a dataset, in one clause; empty where they can."""
    if not file.has_labels:
        return f"'{file.name}' has no labels to learn membranes from"
    return next(filter(None, (_lack(file, split) for split in ("train", "validation"))), "")


def _lack(file: TripletFile, split: str) -> str:
    """What the truth of a split lacks; only as many triplets are read as it takes."""
    labelled = [int(index) for index in file.indices(split) if file.labelled[index]]
    if not labelled:
        return (
            f"no slice of the {split} split of '{file.name}' is labelled; another --fold may have "
            "labelled ones"
        )
    membrane = other = False
    for index in labelled:
        found = true_membranes(file, index)
        if found is None:
            continue
        membrane |= bool(found.mask.any())
        other |= bool((found.valid & ~found.mask).any())
        if membrane and other:
            return ""
    if not membrane and len(set.union(*(_ids(file, index) for index in labelled))) == 1:
        return (
            f"the labels of the {split} split of '{file.name}' are one id everywhere; give labels "
            "that tell neurites apart"
        )
    has = "nothing but membrane" if membrane else "no membrane"
    if not membrane and not other:
        has = "neither a membrane nor a pixel that is surely none"
    return (
        f"the labels of the {split} split of '{file.name}' hold {has}; say what they are with "
        "--label-kind and --label-zero, or take another --fold"
    )


def _ids(file: TripletFile, index: int) -> set[int]:
    labels = file.labels(index)
    return set() if labels is None else {int(i) for i in np.unique(labels) if i != UNLABELLED}
