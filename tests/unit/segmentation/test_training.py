"""The training of a segmenter as a notebook calls it: what goes in, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segmentation.training import Budget, Slices, Trained, begin, train
from segmentation.unet import UNet, UNetOptions

CPU = torch.device("cpu")
BUDGET = Budget(steps=4, every=2, crop=32, batch=4)


def slices(height: int, width: int, count: int = 2) -> Slices:
    """Stripes, of which every eighth column is membrane."""
    mask = np.zeros((count, height, width), bool)
    mask[..., ::8] = True
    return Slices(np.where(mask, 60, 180).astype(np.uint8), mask, np.ones_like(mask))


def trained(learned: Slices, validation: Slices) -> Trained:
    torch.manual_seed(0)
    course = begin(UNet(UNetOptions(decoder=(8, 4, 4))), BUDGET, CPU)
    return train(course, learned, validation, BUDGET, progress=lambda *_: None)


def test_slices_narrower_than_a_crop_are_learned_from() -> None:
    """Crops are turned: those of a strip of 20 lines are squares of 20."""
    assert len(trained(slices(20, 96), slices(20, 96)).curve) == 2


def test_a_validation_slice_of_which_nothing_is_known_counts_in_no_dice() -> None:
    known = slices(32, 32, 1)
    unknown = known._replace(masks=known.masks & False, valid=known.valid & False)
    both = Slices(*map(np.concatenate, zip(known, unknown, strict=True)))
    assert trained(known, both).dice == trained(known, known).dice
    with pytest.raises(ValueError, match="No pixel of the validation slices is known"):
        trained(known, unknown)


@pytest.mark.parametrize(
    "wrong",
    [
        slices(32, 32)._replace(frames=np.full((2, 32, 32), 0.5, np.float32)),
        slices(32, 32)._replace(masks=np.full((2, 32, 32), 255, np.uint8)),
        slices(32, 32)._replace(valid=np.ones((2, 32, 31), bool)),
    ],
)
def test_slices_of_other_types_are_refused(wrong: Slices) -> None:
    for pair in ((wrong, slices(32, 32)), (slices(32, 32), wrong)):
        with pytest.raises(ValueError, match="Give frames as uint8 NHW"):
            trained(*pair)
