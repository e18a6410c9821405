import numpy as np
import pytest

from segmentation.carried import neurites
from segmentation.labels import UNLABELLED, components
from segmentation.membranes import membranes
from segmentation.scores import truth_from_labels


def halves() -> np.ndarray:
    labels = np.full((8, 20), 7, np.uint64)
    labels[:, 10:] = 9
    return labels


def test_a_boundary_of_ids_is_widened_to_the_stated_width() -> None:
    for pixels in (2, 4, 6):
        mask, valid = membranes(halves(), pixel_size=5.0, width=5.0 * pixels)
        assert valid.all()
        assert (mask.sum(axis=1) == pixels).all()
        assert mask[:, 10 - pixels // 2 : 10 + pixels // 2].all()


def test_zero_is_membrane_or_unknown_as_the_card_says() -> None:
    labels = halves()
    labels[:, 9:11] = 0
    mask, valid = membranes(labels, pixel_size=5.0, width=10.0, zero="membrane")
    assert np.flatnonzero(mask[0]).tolist() == [9, 10]
    assert valid.all()
    mask, valid = membranes(labels, pixel_size=5.0, width=10.0, zero="ignore")
    assert not mask.any()
    assert np.flatnonzero(~valid[0]).tolist() == [8, 9, 10, 11]  # a pixel of 5 nm on either side


def test_a_membrane_has_its_width_however_thick_it_was_drawn() -> None:
    for half in (0, 1, 2, 3, 4):
        labels = halves()
        labels[:, 10 - half : 10 + half] = 0
        mask, valid = membranes(labels, pixel_size=5.0, width=20.0, zero="membrane")
        assert np.flatnonzero(mask[0]).tolist() == [8, 9, 10, 11]
        # Drawn, but off the line, and half a membrane around that.
        beside = [*range(8 - half, 8), *range(12, 12 + half)] if half > 2 else []
        assert np.flatnonzero(~valid[0]).tolist() == beside


def test_a_process_of_zeros_is_unknown_with_all_that_was_drawn_around_it() -> None:
    labels = np.full((8, 40), 7, np.uint64)
    labels[:, 12:28] = 0  # 80 nm: no membrane is that thick
    labels[:, 28:] = 9
    mask, valid = membranes(labels, pixel_size=5.0, width=20.0, zero="membrane")
    assert not mask.any()
    assert np.flatnonzero(~valid[0]).tolist() == list(range(10, 30))


def test_a_boundary_to_unlabelled_pixels_is_no_membrane() -> None:
    labels = halves()
    labels[:, 10:] = UNLABELLED
    mask, valid = membranes(labels, pixel_size=5.0, width=20.0)
    assert not mask.any()
    assert np.flatnonzero(valid[0]).tolist() == list(range(8))


@pytest.mark.parametrize(
    "wrong",
    [
        np.where(halves() == 9, -1, 7),  # int64: -1 is no mark of the unlabelled here
        np.where(halves() == 9, 2**32 - 1, 7).astype(np.uint32),
        (halves() + 2**24).astype(np.float32),  # 2**24 + 7 and 2**24 + 9 are other numbers there
        np.stack([halves()] * 3),
    ],
)
def test_labels_that_would_be_read_as_others_are_refused(wrong: np.ndarray) -> None:
    for read in (
        lambda: membranes(wrong, 5.0),
        lambda: truth_from_labels(wrong, 5.0),
        lambda: components(wrong),
        lambda: neurites(wrong, wrong, 5.0),
    ):
        with pytest.raises(ValueError, match="Give labels as uint64 HW"):
            read()


def test_slices_of_two_shapes_and_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        neurites(halves(), halves()[:-1], 5.0)
    with pytest.raises(ValueError, match="not 'mask' and 'ignore'"):
        membranes(halves(), 5.0, kind="mask")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not 'ids' and 'unknown'"):
        truth_from_labels(halves(), 5.0, zero="unknown")  # type: ignore[arg-type]
