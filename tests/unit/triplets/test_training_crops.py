import numpy as np
import pytest
from conftest import moving_texture

from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.options import BuildOptions
from bench.triplets.training_crops import CropSampler, time_of_step
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume


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


def test_batches_halfway_are_those_of_before_there_were_times(sampler: CropSampler) -> None:
    """Trainings that were killed go on, and their keys still say what they saw."""
    file, indices, seed = sampler.file, sampler.indices, sampler.seed
    for step in range(0, 30, 7):
        expected = []
        for number in range(step * sampler.batch, (step + 1) * sampler.batch):
            epoch, place = divmod(number, len(indices))
            order = np.random.default_rng((seed, 0, epoch)).permutation(len(indices))
            frames = file.frames(int(indices[order[place]]))
            random = np.random.default_rng((seed, 1, number))
            y, x = (int(random.integers(side - sampler.crop + 1)) for side in frames.shape[1:])
            crop = frames[:, y : y + sampler.crop, x : x + sampler.crop]
            for axis in range(3):
                if random.random() < 0.5:
                    crop = np.flip(crop, axis)
            expected.append(crop)
        pairs = zip(sampler.step(step), to_triplets(np.stack(expected)), strict=True)
        assert all((one == other).all() for one, other in pairs)


@pytest.fixture(scope="module", params=[2, 3])
def wide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TripletFile:
    """Triplets of gaps of two or three slices."""
    path = tmp_path_factory.mktemp("wide") / "triplets.h5"
    build(
        "wide",
        [ArrayVolume("wide", moving_texture(depth=30, side=64))],
        load_card("wide"),
        BuildOptions(tile=48, stride=48, search=4, gap=request.param),
        path,
    )
    return TripletFile(path)


def _origin(file: TripletFile, sample: np.ndarray) -> tuple[int, bool]:
    """The triplet that a whole frame is from, and whether before and after are exchanged."""
    found = [
        (index, t == -1)
        for index in range(len(file))
        for t in (1, -1)
        for v in (1, -1)
        for h in (1, -1)
        if (sample[::t, ::v, ::h] == file.frames(index)).all()
    ]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("every", [True, False], ids=["any time", "up to 1/2"])
def test_all_slices_of_a_step_are_at_its_time(wide: TripletFile, every: bool) -> None:
    times = wide.times if every else tuple(time for time in wide.times if time <= 0.5)
    train = wide.indices("train")
    sampler = CropSampler(wide, train, crop=wide.tile, batch=4, seed=0, times=times)
    seen: dict[float, set[tuple[float, bool]]] = {time: set() for time in times}
    for step in range(8 * len(times)):
        batch = np.stack([np.rint(t.numpy() * 255) for t in sampler.step(step)], 1)[:, :, 0]
        time = time_of_step(times, step)
        assert time == times[step % len(times)]
        for sample in batch:
            index, exchanged = _origin(wide, sample)
            assert index in train
            own = wide.time(index)
            assert (1 - own if exchanged else own) == pytest.approx(time)
            seen[time].add((own, exchanged))
    assert all(len(ways) == 2 for ways in seen.values())


def test_every_triplet_at_a_time_is_seen_once_an_epoch(wide: TripletFile) -> None:
    times = tuple(time for time in wide.times if time <= 0.5)
    train = wide.indices("train")
    for turn, time in enumerate(times):
        own = [
            int(i)
            for i in train
            if min(wide.time(int(i)), 1 - wide.time(int(i))) == pytest.approx(time)
        ]
        sampler = CropSampler(wide, train, crop=wide.tile, batch=len(own), seed=0, times=times)
        batch = np.stack([np.rint(t.numpy() * 255) for t in sampler.step(turn + len(times))], 1)[
            :, :, 0
        ]
        assert sorted(_origin(wide, sample)[0] for sample in batch) == own
