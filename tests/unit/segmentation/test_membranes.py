import numpy as np

from segmentation.labels import UNLABELLED
from segmentation.membranes import membranes


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
