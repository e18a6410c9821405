"""Which triplets are for training, validation and test: five blocks of a volume, or at random."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BLOCKS = 5
LEARNED_FROM = ("train", "validation")
LEARNED_OR_SCORED = (*LEARNED_FROM, "test")
SPLITS = (*LEARNED_OR_SCORED, "gap")
SplitName = Literal["blocked", "paper"]
Axis = Literal["z", "y", "x"]

_NO_BLOCK = -1


def block_edges(length: int) -> list[int]:
    """The six edges of five equal blocks along an axis."""
    return [length * block // BLOCKS for block in range(BLOCKS + 1)]


def middle_slices(
    depth: int, missing: frozenset[int] = frozenset(), gap: int = 1
) -> NDArray[np.intp]:
    """The z that can be the middle of a triplet, or the first middle of a wider gap.

    It, the other middles of the gap and both its neighbours have a slice.

    Args:
        depth: of the volume.
        missing: the z that have no slice.
        gap: how many middles follow one another.
    """
    there = np.ones(depth, dtype=bool)
    there[list(missing)] = False
    ends = depth - gap - 1  # of the slices before
    if ends <= 0:
        return np.empty(0, dtype=np.intp)
    whole = np.all([there[step : step + ends] for step in range(gap + 2)], axis=0)
    return np.flatnonzero(whole) + 1


def depth_blocks(
    depth: int, missing: frozenset[int] = frozenset(), gap: int = 1
) -> NDArray[np.intp]:
    """For each z the block in which all slices around the gap that it begins lie, or -1.

    The slices that there are, in order, are cut into five equal blocks.

    Args:
        depth: of the volume.
        missing: the z that have no slice.
        gap: how many slices a gap has; of one slice, the block holds the triplet of z.
    """
    present = np.setdiff1d(np.arange(depth), list(missing))
    block_of = np.full(depth, _NO_BLOCK, dtype=np.intp)
    for block, (low, high) in enumerate(pairwise(block_edges(len(present)))):
        block_of[present[low:high]] = block
    blocks = np.full(depth, _NO_BLOCK, dtype=np.intp)
    first = middle_slices(depth, missing, gap)
    inside = first[block_of[first - 1] == block_of[first + gap]]
    blocks[inside] = block_of[inside]
    return blocks


def random_blocks(rejected: NDArray[np.bool_], seed: int) -> NDArray[np.intp]:
    """Five random blocks of equal size, drawn for kept and rejected triplets apart."""
    random = np.random.default_rng(seed)
    blocks = np.empty(len(rejected), dtype=np.intp)
    for group in (np.flatnonzero(~rejected), np.flatnonzero(rejected)):
        blocks[random.permutation(group)] = np.arange(len(group)) * BLOCKS // max(len(group), 1)
    return blocks


def split_names(blocks: NDArray[np.intp], fold: int) -> NDArray[np.str_]:
    """Three blocks are training, one is validation, one is test.

    In fold 0 the last is test and the one before it validation; each further fold moves
    both on by one block. A triplet in no block is in the gap.
    """
    names = np.full(len(blocks), "train", dtype="<U10")
    names[blocks == (BLOCKS - 1 + fold) % BLOCKS] = "test"
    names[blocks == (BLOCKS - 2 + fold) % BLOCKS] = "validation"
    names[blocks == _NO_BLOCK] = "gap"
    return names


def split_words(split: SplitName, axis: Axis, fold: int) -> str:
    """How triplets were split, for somebody who reads the counts below."""
    if split == "paper":
        return f"at random, as in the paper, fold {fold}"
    crossing = "triplets that cross two blocks are in no split (gap)"
    return f"blocked along {axis}, fold {fold}; {crossing}"
