import numpy as np
import pytest
from skimage.metrics import adapted_rand_error, variation_of_information

from segmentation.labels import UNLABELLED
from segmentation.scores import (
    Thresholds,
    Truth,
    score_membranes,
    segment_scores,
    truth_from_labels,
    truth_from_probability,
    watershed,
)

PIXEL = 6.0
HALF = Thresholds(0.5, 0.5)


def line(column: int, side: int = 40) -> np.ndarray:
    """A vertical membrane, one pixel wide."""
    mask = np.zeros((side, side), bool)
    mask[:, column] = True
    return mask


def truth(mask: np.ndarray, valid: np.ndarray | None = None) -> Truth:
    known = np.ones_like(mask) if valid is None else valid
    return Truth(mask & known, known, np.zeros(mask.shape, np.int32))


def score(predicted: np.ndarray, reference: Truth) -> dict[str, float]:
    return scores_of(predicted.astype(np.float32), reference)


def scores_of(probability: np.ndarray, reference: Truth) -> dict[str, float]:
    segments = watershed(probability, HALF.seeds, PIXEL)
    return score_membranes(probability, HALF, reference, segments)


def test_counts_of_hand_made_masks() -> None:
    predicted, true = np.zeros((8, 10), bool), np.zeros((8, 10), bool)
    predicted[:, 2:5] = True  # 24 pixels, 16 of them right
    true[:, 3:6] = True  # 24 pixels
    scores = score(predicted, truth(true))
    counts = [scores[n] for n in ("true_positive", "false_positive", "false_negative")]
    assert counts == [16, 8, 8]
    assert scores["dice"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(("shift", "hits"), [(0, 40), (2, 40), (3, 0)])
def test_a_line_counts_within_two_pixels(shift: int, hits: int) -> None:
    scores = score(line(20 + shift), truth(line(20)))
    assert scores["boundary_predicted"] == scores["boundary_true"] == 40
    assert scores["boundary_hits_predicted"] == scores["boundary_hits_true"] == hits


def test_a_missing_line_costs_recall_and_not_precision() -> None:
    scores = score(line(10), truth(line(10) | line(30)))
    assert (scores["boundary_hits_predicted"], scores["boundary_predicted"]) == (40, 40)
    assert (scores["boundary_hits_true"], scores["boundary_true"]) == (40, 80)


def test_nothing_against_nothing_and_against_something() -> None:
    nothing = np.zeros((40, 40), bool)
    assert score(nothing, truth(nothing))["dice"] == 1.0
    assert score(nothing, truth(line(20)))["dice"] == 0.0
    assert score(line(20), truth(nothing))["dice"] == 0.0
    nowhere = score(line(20), truth(line(20), valid=nothing))
    assert np.isnan(nowhere["dice"])
    assert np.isnan(nowhere["voi_split"])


def test_unknown_pixels_count_in_nothing() -> None:
    known = np.zeros((40, 40), bool)
    known[:20] = True
    reference = truth(line(20), known)
    one, other = line(20), line(20)
    other[25:] = ~other[25:]
    assert score(one, reference)["true_positive"] == 20
    a, b = score(one, reference), score(other, reference)
    assert {k: v for k, v in a.items() if "voi" not in k and "rand" not in k} == {
        k: v for k, v in b.items() if "voi" not in k and "rand" not in k
    }


def test_segment_scores_by_hand() -> None:
    """A true segment of 4 pixels cut in halves: one bit lost by cutting it, none by joining."""
    true = np.array([[1, 1, 1, 1, 2, 2, 2, 2]], np.int32)
    cut = np.array([[1, 1, 3, 3, 2, 2, 2, 2]], np.int32)
    scores = segment_scores(cut, true)
    assert scores["voi_split"] == pytest.approx(0.5)  # half of the pixels, one bit each
    assert scores["voi_merge"] == pytest.approx(0.0)
    # Pairs joined in both 2 + 2 + 12, in the truth 24, in the prediction 16.
    assert scores["adapted_rand_error"] == pytest.approx(1 - 16 / 20)
    joined = segment_scores(np.ones_like(true), true)
    assert joined["voi_merge"] == pytest.approx(1.0)
    assert joined["voi_split"] == pytest.approx(0.0)


@pytest.mark.parametrize("seed", range(5))
def test_segment_scores_are_those_of_scikit_image(seed: int) -> None:
    random = np.random.default_rng(seed)
    true = random.integers(0, 6, (30, 31)).astype(np.int32)
    predicted = random.integers(0, 9, (30, 31)).astype(np.int32)
    counted = true > 0
    scores = segment_scores(predicted, true)
    # Its first conditional entropy is that of the second image given the first.
    split, merge = variation_of_information(true[counted], predicted[counted])
    error, _, _ = adapted_rand_error(true[counted], predicted[counted], ignore_labels=())
    assert scores["voi_split"] == pytest.approx(split, abs=1e-9)
    assert scores["voi_merge"] == pytest.approx(merge, abs=1e-9)
    assert scores["adapted_rand_error"] == pytest.approx(error, abs=1e-9)


def quarters() -> np.ndarray:
    labels = np.full((60, 60), 5, np.uint64)
    labels[:, 30:] = 7
    labels[30:, :30] = 9
    labels[30:, 30:] = 5  # one id in two places that do not touch: two segments
    return labels


def test_segments_are_connected_ids_without_their_borders() -> None:
    reference = truth_from_labels(quarters(), PIXEL)
    assert sorted(np.unique(reference.segments)) == [0, 1, 2, 3, 4]
    # 25 nm are 4.2 pixels from the outermost pixel of a segment: five are left out.
    assert (reference.segments[10, 25:35] == 0).all()
    assert reference.segments[10, 24] != reference.segments[10, 35] != 0


def test_unlabelled_and_zero_are_no_segments() -> None:
    labels = quarters()
    labels[:, :10] = UNLABELLED
    labels[:10] = 0
    reference = truth_from_labels(labels, PIXEL, zero="membrane")
    assert not reference.valid[20, :10].any()
    assert reference.mask[8, 30]  # between two ids that reach 24 nm into what is drawn
    assert not reference.valid[4].any()
    assert not reference.segments[:10].any()
    assert not reference.segments[:, :10].any()


def test_a_mask_is_taken_as_it_is() -> None:
    labels = np.where(line(20), 0, 1).astype(np.uint64)
    reference = truth_from_labels(labels, PIXEL, kind="membrane_mask", zero="membrane")
    assert (reference.mask == line(20)).all()
    assert len(np.unique(reference.segments)) == 3


def test_what_is_not_membrane_in_a_grey_mask_is_one_segment() -> None:
    """A picture of a mask may have any level beside 0: it is no id."""
    plain = np.where(line(20), 0, 1).astype(np.uint64)
    grey = plain * 255
    grey[5:15, 5:15] = 200
    grey[30:, 30:] = plain[30:, 30:] = UNLABELLED
    one, other = (truth_from_labels(each, PIXEL, kind="membrane_mask") for each in (plain, grey))
    np.testing.assert_array_equal(one.segments, other.segments)


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((40, 40), 200, np.uint8),  # grey levels
        np.linspace(-3, 3, 1600, dtype=np.float32).reshape(40, 40),  # logits
        np.full((40, 40), np.nan, np.float32),
        np.zeros((3, 40, 40), np.float32),
    ],
)
def test_what_are_no_probabilities_is_refused(wrong: np.ndarray) -> None:
    nothing = np.zeros((40, 40), np.int32)
    with pytest.raises(ValueError, match=r"HW in \[0, 1\]"):
        watershed(wrong, 0.5, PIXEL)
    with pytest.raises(ValueError, match=r"HW in \[0, 1\]"):
        score_membranes(wrong, HALF, truth(line(20)), nothing)
    with pytest.raises(ValueError, match=r"HW in \[0, 1\]"):
        truth_from_probability(wrong, HALF, PIXEL)


def test_a_perfect_map_gives_back_the_segments() -> None:
    reference = truth_from_labels(quarters(), PIXEL)
    scores = score(reference.mask, reference)
    assert scores["dice"] == 1.0
    for name in ("voi_split", "voi_merge", "adapted_rand_error"):
        assert scores[name] == pytest.approx(0.0, abs=1e-12)


def test_a_gap_in_a_membrane_is_closed_by_the_flood() -> None:
    """Two seeds meet where the map is highest, though no pixel there is above the threshold."""
    probability = np.zeros((60, 60), np.float32)
    probability[:, 29:31] = 0.9
    probability[28:32, 29:31] = 0.4
    segments = watershed(probability, 0.5, PIXEL)
    assert segments[5, 5] != segments[5, 55]
    assert segments[30, 20] == segments[5, 5]
    assert segments[30, 40] == segments[5, 55]


def test_without_labels_the_real_slice_is_its_own_ceiling() -> None:
    random = np.random.default_rng(0)
    probability = random.random((50, 50), np.float32)
    probability[20:30] = 0.01
    reference = truth_from_probability(probability, HALF, PIXEL)
    scores = scores_of(probability, reference)
    assert scores["dice"] == 1.0
    assert reference.valid.all()
