"""How much of a dataset is labelled, split by split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.triplets.file import TripletFile
from bench.triplets.split import LEARNED_OR_SCORED

_FEW = 5  # slices


class Share(NamedTuple):
    """Slices of a split: those of which a kept triplet has a labelled pixel, of how many."""

    labelled: int
    slices: int


def shares(file: TripletFile) -> dict[str, Share]:
    """What of each split is labelled; empty for a dataset without labels."""
    if not file.has_labels:
        return {}
    found = {}
    for split in LEARNED_OR_SCORED:
        indices = file.indices(split)
        keys = file.keys.loc[indices, ["volume", "z"]]
        there = keys[file.labelled[indices] > 0]
        found[split] = Share(len(there.drop_duplicates()), len(keys.drop_duplicates()))
    return found


def few_labels(file: TripletFile) -> Iterator[str]:
    """A sentence for each split in which nothing is labelled, or hardly anything."""
    for split, (labelled, slices) in shares(file).items():
        if labelled >= min(_FEW, slices):
            continue
        what = (
            f"Only {labelled} of the {slices} slices of the {split} split of '{file.name}' "
            f"{'is' if labelled == 1 else 'are'} labelled"
            if labelled
            else f"No slice of the {split} split of '{file.name}' is labelled, so that no "
            "membranes can be learned or scored"
        )
        yield f"{what}; another --fold may have more."


def label_rows(file: TripletFile) -> Iterator[tuple[str, str]]:
    """How much is labelled and what is doubted, as rows of a table."""
    for split, (labelled, slices) in shares(file).items():
        yield f"labelled: {split}", f"{labelled} of {slices} slices"
    for sentence in (*few_labels(file), *file.doubts):
        yield "caution", sentence
