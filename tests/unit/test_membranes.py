import numpy as np

from segmentation.membranes import UNLABELLED, membranes


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
    mask, valid = membranes(labels, pixel_size=5.0, width=0.0, zero="membrane")
    assert mask[:, 9:11].all()
    assert valid.all()
    mask, valid = membranes(labels, pixel_size=5.0, width=10.0, zero="ignore")
    assert not mask.any()
    assert (~valid).sum() == 16


def test_a_membrane_that_was_drawn_is_not_widened_and_a_process_of_zeros_is_unknown() -> None:
    labels = np.full((8, 40), 7, np.uint64)
    labels[:, 4:8] = 0
    labels[:, 20:36] = 0  # 80 nm: no membrane is that thick
    mask, valid = membranes(labels, pixel_size=5.0, width=20.0, zero="membrane")
    drawn = [*range(4, 8), *range(20, 24), *range(32, 36)]  # within 24 nm of an id: 4 pixels
    assert np.flatnonzero(mask[0]).tolist() == drawn
    assert np.flatnonzero(~valid[0]).tolist() == list(range(24, 32))


def test_a_boundary_to_unlabelled_pixels_is_no_membrane() -> None:
    labels = halves()
    labels[:, 10:] = UNLABELLED
    mask, valid = membranes(labels, pixel_size=5.0, width=20.0)
    assert not mask.any()
    assert valid[:, :10].all()
    assert not valid[:, 10:].any()
