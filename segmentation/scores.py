"""How well the membranes of one frame fit the truth: overlap, lines, segments.

A score over many frames that is a ratio of sums (boundary F1, pixel Dice) is given as its counts.
Pixels without a known truth count in no score.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from segmentation.labels import UNLABELLED, components
from segmentation.membranes import Kind, Zero, membranes

TOLERANCE = 2  # pixels between two lines that count as one
BORDER = 25.0  # nm on each side of a segment's border that no segment score counts (CREMI)
SEED = 12.0  # nm a place lies away from every membrane for a segment to grow from it

Bits = NDArray[np.bool_]
Labels = NDArray[np.int32]
Probability = NDArray[np.float32]


class Thresholds(NamedTuple):
    """Probabilities above which a pixel is membrane.

    Attributes:
        mask: for lines: Dice and boundary F1.
        seeds: for segments, which grow from the places away from all such pixels. Lower: a gap
            in a line costs Dice a few pixels, but joins two neurites.
    """

    mask: float
    seeds: float


class Truth(NamedTuple):
    """What the membranes of a frame are compared with.

    Attributes:
        mask: bool HW, true on membrane; false where nothing is known.
        valid: bool HW, false where nothing is known.
        segments: int32 HW, from 1; 0 where segment scores do not count.
    """

    mask: Bits
    valid: Bits
    segments: Labels


def truth_from_labels(
    labels: NDArray[np.uint64],
    pixel_size: float,
    kind: Kind = "ids",
    zero: Zero = "ignore",
) -> Truth:
    """The truth of a labelled slice.

    Args:
        labels: HW; ``UNLABELLED`` where nothing is known.
        pixel_size: side of a pixel in nm.
        kind: neuron ids, or a mask that is 0 on membrane.
        zero: what id 0 means.

    Returns:
        Membranes as ``membranes`` draws them, or as the mask has them; segments are the
        connected components (4 neighbours) of equal ids, or of what is not membrane.

    Raises:
        ValueError: the labels are not uint64 HW, or there is no such kind or meaning of 0.
    """
    mask, valid = membranes(labels, pixel_size, zero=zero, kind=kind)
    if kind == "membrane_mask":  # a mask may be grey: what is not membrane is all one
        labels = np.where((labels == 0) | (labels == UNLABELLED), labels, np.uint64(1))
    return Truth(mask, valid, _inner(components(labels), pixel_size))


def truth_from_probability(
    probability: Probability, thresholds: Thresholds, pixel_size: float
) -> Truth:
    """The segmentation of a real slice as a truth: for slices without labels.

    Raises:
        ValueError: the probabilities are not HW in [0, 1].
    """
    require_probability(probability)
    mask = probability > thresholds.mask
    segments = _inner(watershed(probability, thresholds.seeds, pixel_size), pixel_size)
    return Truth(mask, np.ones_like(mask), segments)


def require_probability(probability: Probability) -> None:
    """Refuse logits, grey levels and NaN: thresholds and the flood would make membranes of them.

    Raises:
        ValueError: the probabilities are not HW in [0, 1].
    """
    if probability.ndim != 2 or not (probability.min() >= 0 and probability.max() <= 1):
        raise ValueError("Give the probabilities of one slice, HW in [0, 1].")


def score_membranes(
    probability: Probability, thresholds: Thresholds, truth: Truth, segments: Labels
) -> dict[str, float]:
    """Every score of one frame.

    Args:
        probability: HW in [0, 1], of each pixel to be membrane.
        thresholds: above which it is taken for membrane.
        truth: of the same frame.
        segments: HW, what ``watershed`` makes of the probabilities.

    Returns:
        ``dice``; pixels as ``true_positive``, ``false_positive``, ``false_negative``; pixels of
        centre lines as ``boundary_hits_predicted`` of ``boundary_predicted`` and
        ``boundary_hits_true`` of ``boundary_true``; ``voi_split``, ``voi_merge`` (bits) and
        ``adapted_rand_error``. Dice is NaN where no pixel is valid, the segment scores where
        no segment counts.

    Raises:
        ValueError: the probabilities are not HW in [0, 1].
    """
    require_probability(probability)
    mask = (probability > thresholds.mask) & truth.valid
    scores = _overlap(mask, truth) | _lines(mask, truth.mask)
    if not truth.segments.any():
        return scores | dict.fromkeys(SEGMENT_SCORES, float("nan"))
    return scores | segment_scores(segments, truth.segments)


def watershed(probability: Probability, threshold: float, pixel_size: float) -> Labels:
    """Segments of a frame, from 1: grown from the places away from membranes until they meet.

    Seeds are the connected places more than 12 nm off every pixel above the threshold; they
    flood the map of probabilities in the order of its values (Meyer's algorithm). All is 0
    where there is no such place.

    Raises:
        ValueError: the probabilities are not HW in [0, 1].
    """
    from skimage.segmentation import watershed as flood

    require_probability(probability)
    membrane = probability > threshold
    if membrane.any():
        inside = ndimage.distance_transform_edt(~membrane) * pixel_size > SEED
    else:
        inside = ~membrane
    seeds, _ = ndimage.label(inside)
    # The flood is faster on eight bits than on floats, and finer levels mean nothing.
    levels = np.rint(probability * 255).astype(np.uint8)
    segments: Labels = flood(levels, seeds.astype(np.int32))
    return segments


SEGMENT_SCORES = ("voi_split", "voi_merge", "adapted_rand_error")


def segment_scores(predicted: Labels, truth: Labels) -> dict[str, float]:
    """Variation of information and adapted Rand error of two segmentations.

    ``voi_split`` is H(predicted | truth) in bits, what is lost by cutting true segments;
    ``voi_merge`` H(truth | predicted), by joining them (Meila 2003). ``adapted_rand_error`` is
    1 - F1 over pairs of pixels that lie in one segment (Arganda-Carreras et al. 2015).
    docs/decisions/0012 says why these are not scikit-image's own functions.

    Args:
        predicted: int HW.
        truth: int HW; 0 is not counted.
    """
    counted = truth > 0
    rows, columns = truth[counted], predicted[counted]
    table = sparse.coo_array((np.ones(len(rows), np.int64), (rows, columns))).tocsr()
    table.sum_duplicates()
    joint, one, other = table.data, table.sum(axis=1), table.sum(axis=0)
    entropy = _entropy(joint)
    together = (_pairs(one) + _pairs(other)) / 2
    return {
        "voi_split": entropy - _entropy(one),
        "voi_merge": entropy - _entropy(other),
        "adapted_rand_error": 1 - _pairs(joint) / together if together else 0.0,
    }


def _overlap(mask: Bits, truth: Truth) -> dict[str, float]:
    both = int(np.count_nonzero(mask & truth.mask))
    excess = int(np.count_nonzero(mask)) - both
    missed = int(np.count_nonzero(truth.mask)) - both
    return {
        "dice": dice(both, excess, missed) if truth.valid.any() else float("nan"),
        "true_positive": both,
        "false_positive": excess,
        "false_negative": missed,
    }


def dice(true_positive: float, false_positive: float, false_negative: float) -> float:
    """2 TP / (2 TP + FP + FN); 1 where neither the prediction nor the truth has a membrane."""
    size = 2 * true_positive + false_positive + false_negative
    return 2 * true_positive / size if size else 1.0


def _lines(mask: Bits, truth: Bits) -> dict[str, float]:
    """Pixels of centre lines, and how many have one of the other's within the tolerance."""
    from skimage.morphology import skeletonize

    predicted, true = (skeletonize(lines) for lines in (mask, truth))
    return {
        "boundary_hits_predicted": int(np.count_nonzero(predicted & _near(true))),
        "boundary_predicted": int(np.count_nonzero(predicted)),
        "boundary_hits_true": int(np.count_nonzero(true & _near(predicted))),
        "boundary_true": int(np.count_nonzero(true)),
    }


def _near(lines: Bits) -> Bits:
    near: Bits = ndimage.binary_dilation(lines, _disk())
    return near


@cache
def _disk() -> Bits:
    offsets = np.arange(-TOLERANCE, TOLERANCE + 1)
    disk: Bits = np.hypot(offsets[:, None], offsets) <= TOLERANCE
    return disk


def _inner(segments: Labels, pixel_size: float) -> Labels:
    """Segments without the pixels near a border; the border of a segment to 0 is one too."""
    border = np.zeros(segments.shape, bool)
    for before, after in ((np.s_[:-1], np.s_[1:]), (np.s_[:, :-1], np.s_[:, 1:])):
        differ = segments[before] != segments[after]
        border[before] |= differ
        border[after] |= differ
    if not border.any():
        return segments
    distance = ndimage.distance_transform_edt(~border) * pixel_size
    return np.where(distance > BORDER, segments, 0).astype(np.int32)


def _entropy(counts: NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _pairs(counts: NDArray[np.int64]) -> float:
    return float((counts.astype(np.float64) * (counts - 1)).sum())
