from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from bench.base.progress import PlainDisplay, Progress
from bench.stages.segmenter_training import end_training, train_segmenter
from bench.triplets.file import TripletFile
from segmentation.augment import Crop, augment
from segmentation.linknet import LinkNetOptions
from segmentation.loss import membrane_loss
from segmentation.network import MembraneNetwork
from segmentation.networks import NetworkOptions, build
from segmentation.scores import segment_scores, watershed
from segmentation.thresholds import THRESHOLDS, best_seed_threshold, dice_by_threshold
from segmentation.training import Budget, Slices, begin, probability, train
from segmentation.unet import UNet, UNetOptions

CPU = torch.device("cpu")
SMALL = UNetOptions(decoder=(8, 4, 4))
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=[SMALL, LinkNetOptions()], ids=["unet", "linknet"])
def model(request: pytest.FixtureRequest) -> MembraneNetwork:
    torch.manual_seed(0)
    return build(request.param).eval()


def test_any_size_is_the_size_of_the_answer_and_padding_is_replication(
    model: MembraneNetwork,
) -> None:
    frame = torch.rand(1, 1, 61, 50)
    with torch.inference_mode():
        answer = model(frame)
        assert answer.shape == frame.shape
        standard = (frame - frame.mean()) / (frame.std() + 1e-6)
        padded = functional.pad(standard, (0, 6, 0, 3), mode="replicate")
        direct = model.network(padded)[..., :61, :50]
    torch.testing.assert_close(answer, direct)


def test_contrast_and_brightness_do_not_matter(model: MembraneNetwork) -> None:
    frame = torch.rand(1, 1, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(model(frame), model(0.4 * frame + 0.2), rtol=1e-3, atol=1e-3)


def test_an_unknown_encoder_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="resnet19"):
        UNet(UNetOptions(encoder="resnet19"))


def test_loss_is_zero_when_certain_and_right_and_sees_valid_pixels_only() -> None:
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., :3] = 1
    valid = torch.ones_like(mask)
    right = (mask * 2 - 1) * 50
    assert float(membrane_loss(right, mask, valid, 3.0)) == pytest.approx(0, abs=1e-5)
    assert float(membrane_loss(-right, mask, valid, 3.0)) > 10
    valid[..., 6:] = 0
    wrong_there = right.clone()
    wrong_there[..., 6:] = 50
    assert float(membrane_loss(wrong_there, mask, valid, 3.0)) == pytest.approx(0, abs=1e-5)


def test_dice_at_every_threshold_is_dice_of_the_mask() -> None:
    random = np.random.default_rng(0)
    found = random.random((20, 21), np.float32)
    mask, valid = random.random((2, 20, 21)) > [[[0.7]], [[0.2]]]
    expected = []
    for threshold in THRESHOLDS:
        above = (found > threshold) & valid
        true = mask & valid
        expected.append(2 * (above & true).sum() / (above.sum() + true.sum()))
    np.testing.assert_allclose(dice_by_threshold(found, mask, valid), expected)
    nothing = np.zeros((4, 4), bool)
    assert (dice_by_threshold(np.zeros((4, 4), np.float32), nothing, ~nothing) == 1).all()


def test_the_threshold_of_seeds_closes_the_gaps_that_the_mask_s_leaves() -> None:
    """A membrane that fades for longer than two seeds are apart."""
    random = np.random.default_rng(0)
    found = 0.04 * random.random((80, 80), np.float32)
    found[:, 39:42] = 0.9
    found[20:60, 39:42] = 0.3
    segments = np.ones((80, 80), np.int32)
    segments[:, 40:] = 2
    best = best_seed_threshold([(found, segments)], 0.6, 6.0)
    assert 0.04 < best < 0.3

    def error(threshold: float) -> float:
        flooded = watershed(found, threshold, 6.0)
        return segment_scores(flooded, segments)["adapted_rand_error"]

    assert error(best) < 0.05 < error(0.6)


def test_without_segments_the_seeds_have_the_threshold_of_the_mask() -> None:
    nothing = np.zeros((8, 8), np.int32)
    assert best_seed_threshold([(np.zeros((8, 8), np.float32), nothing)], 0.45, 6.0) == 0.45


def test_augmentation_turns_frame_and_masks_alike() -> None:
    grid = np.arange(36, dtype=np.float32).reshape(6, 6) / 36
    crop = Crop(grid, grid > 0.5, grid < 0.8)
    random = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        frame, mask, valid = augment(crop, random)
        seen.add(mask.tobytes())
        assert frame.dtype == np.float32
        assert mask.sum() == crop.mask.sum()
        # Gain and gamma rise with the grey level, so brighter stays brighter on average.
        assert frame[mask].mean() > frame[~mask].mean()
        assert (mask | valid).all()
    assert len(seen) == 8


def slices(count: int, seed: int) -> Slices:
    """Dark lines on a bright ground."""
    random = np.random.default_rng(seed)
    masks = np.zeros((count, 48, 48), bool)
    for mask in masks:
        mask[:, random.integers(0, 46) :][:, :3] = True
        mask[random.integers(0, 46) :][:3] = True
    frames = np.clip(np.where(masks, 70, 170) + random.normal(0, 10, masks.shape), 0, 255)
    return Slices(frames.astype(np.uint8), masks, np.ones_like(masks))


def test_training_learns_and_is_a_function_of_the_seed() -> None:
    def trained():  # type: ignore[no-untyped-def]
        torch.manual_seed(0)
        model = UNet(SMALL)
        budget = Budget(steps=60, crop=32, batch=4, every=20)
        course = begin(model, budget, CPU)
        return model, train(course, slices(8, 0), slices(4, 1), budget, lambda *_: None)

    model, found = trained()
    assert found.dice > 0.8
    assert found.threshold in THRESHOLDS
    assert [row["step"] for row in found.curve] == [20, 40, 60]
    again, repeated = trained()
    assert repeated.dice == found.dice
    frame = slices(1, 2).frames[0]
    assert (probability(model, frame, CPU) == probability(again, frame, CPU)).all()


def test_training_ends_when_there_is_nothing_more_to_gain() -> None:
    budget = Budget(steps=60, crop=32, batch=1, every=2, patience=2, learning_rate=0.0)
    torch.manual_seed(0)
    course = begin(UNet(SMALL), budget, CPU)
    found = train(course, slices(2, 0), slices(2, 1), budget, lambda *_: None)
    assert found.curve[-1]["step"] < 60


class _Killing(PlainDisplay):
    """Interrupts a training after a step."""

    def __init__(self, write: Callable[[str], None], step: int) -> None:
        super().__init__(write)
        self._step = step

    def stage(self, name: str) -> Progress:
        del name

        def tick(done: int, *_: object) -> None:
            if done == self._step:
                raise KeyboardInterrupt

        return tick


def _segmenter(
    file: TripletFile, folder: Path, display: PlainDisplay, options: NetworkOptions = SMALL
) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    budget = Budget(steps=12, every=4, crop=32, batch=2)
    return train_segmenter(file, folder, options, budget, CPU, display)


@pytest.mark.parametrize("options", [SMALL, LinkNetOptions()], ids=["unet", "linknet"])
def test_a_killed_training_goes_on_bit_equal(
    cells: TripletFile, tmp_path: Path, options: NetworkOptions
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    said: list[str] = []
    expected = _segmenter(cells, whole, PlainDisplay(said.append), options)
    with pytest.raises(KeyboardInterrupt):
        _segmenter(cells, killed, _Killing(said.append, 10), options)
    assert "goes on" not in "\n".join(said)
    found = _segmenter(cells, killed, PlainDisplay(said.append), options)
    assert "The training goes on after step 8 of 12." in "\n".join(said)
    assert (killed / "weights.safetensors").read_bytes() == (
        whole / "weights.safetensors"
    ).read_bytes()
    assert {**found, "training_seconds": 0} == {**expected, "training_seconds": 0}
    logs = [pd.read_csv(folder / "training.csv") for folder in (whole, killed)]
    pd.testing.assert_frame_equal(*(log.drop(columns="seconds") for log in logs))
    end_training(killed)
    assert sorted(path.name for path in killed.iterdir()) == ["training.csv", "weights.safetensors"]


def test_a_damaged_checkpoint_is_kept_and_the_training_begins_anew(
    cells: TripletFile, tmp_path: Path
) -> None:
    said: list[str] = []
    expected = _segmenter(cells, tmp_path / "whole", PlainDisplay(said.append))
    with pytest.raises(KeyboardInterrupt):
        _segmenter(cells, tmp_path / "killed", _Killing(said.append, 10))
    checkpoint = tmp_path / "killed/checkpoint.safetensors"
    damaged = bytearray(checkpoint.read_bytes())
    damaged[-5] ^= 1
    checkpoint.write_bytes(damaged)
    found = _segmenter(cells, tmp_path / "killed", PlainDisplay(said.append))
    assert "begins anew" in "\n".join(said)
    assert found["validation_dice"] == expected["validation_dice"]
    assert (tmp_path / "killed/checkpoint.safetensors.corrupt").read_bytes() == damaged
