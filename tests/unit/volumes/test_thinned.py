"""Every n-th slice of a volume, and the dataset that is built from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import neurites

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.dataset import Dataset, leakage_between
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from bench.volumes.thinned import ThinnedVolume

GREY, IDS = neurites(depth=50, side=96)
SIZE = (10.0, 6.0, 6.0)


def made(
    path: Path, step: int = 1, every: int = 1, missing: tuple[int, ...] = (), **changes: object
) -> TripletFile:
    """A dataset of every ``step``-th slice of the array, of which the build takes each n-th."""
    volume = ArrayVolume("v", GREY[::step], IDS[::step], SIZE, missing)
    words = {"tile": 40, "stride": 40, "search": 4, "every": every, **changes}
    build("mine", [volume], load_card("mine"), BuildOptions(**words), path)
    return TripletFile(path)


@pytest.fixture(scope="module")
def thin(tmp_path_factory: pytest.TempPathFactory) -> TripletFile:
    return made(tmp_path_factory.mktemp("thin") / "triplets.h5", every=2)


def test_it_is_the_dataset_of_a_volume_with_fewer_slices(thin: TripletFile, tmp_path: Path) -> None:
    plain = made(tmp_path / "triplets.h5", step=2)
    assert len(thin) == len(plain)
    for index in range(len(plain)):
        np.testing.assert_array_equal(thin.frames(index), plain.frames(index))
        np.testing.assert_array_equal(thin.labels(index), plain.labels(index))
        np.testing.assert_array_equal(thin.neighbour_labels(index), plain.neighbour_labels(index))
    others = [name for name in plain.keys.columns if name != "z"]
    assert thin.keys[others].equals(plain.keys[others])
    assert (thin.keys["z"] == 2 * plain.keys["z"]).all()
    assert thin.voxel_size == (20.0, 6.0, 6.0)
    assert thin.fingerprint != plain.fingerprint
    assert thin.leakage() == plain.leakage() == 0.0
    assert verify(thin.path) == []


def test_its_slices_are_numbered_as_in_the_source(tmp_path: Path) -> None:
    # Slice 7 is not taken whether it is there or not.
    file = made(tmp_path / "triplets.h5", every=2, missing=(7, 20))
    rows = dict(describe(file))
    assert rows["slices taken"] == "0, 2, 4 and so on, 24 in all (--every 2)"
    assert rows["missing slices"] == "20"
    taken = sorted(set(file.keys["z"]))
    assert taken == [z for z in range(2, 48, 2) if z not in (18, 20, 22)]


def test_every_slice_says_nothing_of_it(tmp_path: Path) -> None:
    file = made(tmp_path / "triplets.h5")
    assert "slices taken" not in dict(describe(file))
    assert "every" not in file.options.as_json()
    assert file.volumes[0].as_json().keys().isdisjoint({"every"})


def test_leakage_is_between_slices_that_were_taken(thin: TripletFile, tmp_path: Path) -> None:
    random = made(tmp_path / "triplets.h5", every=2, split="paper")
    assert random.leakage() > 0.9
    assert leakage_between(random, thin) > 0.5
    assert Dataset("mine", thin, thin).facts()["leakage"] == 0.0


def test_a_voxel_size_that_is_said_is_that_of_the_source(tmp_path: Path) -> None:
    file = made(tmp_path / "triplets.h5", every=4, tile=32, stride=32, voxel_size=(8, 8, 8),
                split="paper")  # fmt: skip
    assert file.voxel_size == (32.0, 8.0, 8.0)


def test_the_volume_is_every_nth_slice() -> None:
    volume = ThinnedVolume(ArrayVolume("v", GREY, IDS, SIZE, missing=(4, 8, 9)), 4)
    assert volume.shape == (13, 96, 96)
    assert volume.missing == {1, 2}
    assert volume.label_box == (slice(0, 13), slice(0, 96), slice(0, 96))
    np.testing.assert_array_equal(volume.slice(12), GREY[48])
    np.testing.assert_array_equal(volume.labels(3), IDS[12])
    plain = ArrayVolume("v", GREY[::4], missing=(1, 2))
    assert volume.digest == plain.digest


def test_a_volume_that_becomes_too_shallow_is_refused() -> None:
    with pytest.raises(UserError, match=r"every 25th leaves 2; .* smaller --every"):
        ThinnedVolume(ArrayVolume("v", GREY), 25)
