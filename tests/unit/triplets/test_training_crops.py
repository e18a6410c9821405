import numpy as np
import pytest

from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.training_crops import CropSampler


@pytest.fixture
def sampler(texture: TripletFile) -> CropSampler:
    return CropSampler(texture, texture.indices("train"), crop=32, batch=3, seed=5)


def test_a_step_is_the_same_whenever_it_is_read(sampler: CropSampler) -> None:
    streamed = list(sampler.steps(0, 6))
    for step in (5, 0, 3):
        assert all((a == b).all() for a, b in zip(streamed[step], sampler.step(step), strict=True))
    for one, other in zip(sampler.steps(3, 6), streamed[3:], strict=True):
        assert (one.middle == other.middle).all()


def test_seeds_and_steps_differ(sampler: CropSampler, texture: TripletFile) -> None:
    other = CropSampler(texture, sampler.indices, crop=32, batch=3, seed=6)
    assert not (sampler.step(0).middle == other.step(0).middle).all()
    assert not (sampler.step(0).middle == sampler.step(1).middle).all()


def test_every_triplet_is_seen_once_an_epoch(texture: TripletFile) -> None:
    """With crops of the full size, only order and flips differ between epochs."""
    indices = texture.indices("train")
    sampler = CropSampler(texture, indices, crop=texture.tile, batch=len(indices), seed=0)
    expected = sorted(int(texture.frames(i)[1].astype(int).sum()) for i in indices)
    for epoch in (0, 1):
        middle = (sampler.step(epoch).middle * 255).round().sum(dim=(1, 2, 3))
        assert sorted(int(total) for total in middle) == expected


def test_crops_are_triplets_of_the_file_up_to_flips(texture: TripletFile) -> None:
    index = texture.indices("train")[:1]
    sampler = CropSampler(texture, index, crop=texture.tile, batch=16, seed=1)
    frames = texture.frames(int(index[0]))
    batch = np.stack([np.rint(t.numpy() * 255) for t in sampler.step(0)], 1)[:, :, 0]
    seen = set()
    for sample in batch:
        flips = [
            (t, v, h)
            for t in (1, -1)
            for v in (1, -1)
            for h in (1, -1)
            if (sample[::t, ::v, ::h] == frames).all()
        ]
        assert len(flips) == 1
        seen.add(flips[0])
    assert len(seen) > 3


def test_values_are_in_unit_range() -> None:
    frames = np.array([0, 51, 255], np.uint8).reshape(1, 3, 1, 1)
    assert [float(part) for part in to_triplets(frames)] == pytest.approx([0, 0.2, 1])
