"""A folder of slices: the number in a name is z, and a hole in the numbers is a missing slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.base.errors import UserError
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.sources import open_volume
from segmentation.labels import UNLABELLED

RAW = np.random.default_rng(0).integers(0, 256, (40, 8, 9), dtype=np.uint8)


def folder(path: Path, names: list[str], first: int = 0, step: int = 1) -> Path:
    """The n-th name shows the n-th slice, or every step-th from the first."""
    path.mkdir()
    for z, name in enumerate(names):
        Image.fromarray(RAW[first + step * z]).save(path / name)
    return path


def test_holes_in_the_numbers_are_missing_slices(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    for z in set(range(40)) - {7, 20, 21}:
        Image.fromarray(RAW[z]).save(path / f"z{100 + z:04d}.png")
    stack = open_stack(path, "")
    assert (stack.shape, stack.first, stack.missing) == ((40, 8, 9), 100, {7, 20, 21})
    for z in (0, 6, 8, 39):
        np.testing.assert_array_equal(stack.read(z), RAW[z])
    with pytest.raises(UserError, match="has no slice 107"):
        stack.read(7)
    with open_volume(path) as volume:
        assert (volume.missing, volume.first, volume.shape[0]) == ({7, 20, 21}, 100, 40)


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("slice{}.png", 0),  # 2 before 10
        ("{:03d}.png", 0),
        ("cell3_2024-05-01_z{:04d}_raw.png", 0),
        ("S{0:03d}_z{0:05d}.png", 0),  # twice the same
        ("Image_{}.PNG", 0),
    ],
)
def test_the_number_that_differs_is_z(tmp_path: Path, form: str, first: int) -> None:
    stack = open_stack(folder(tmp_path / "a", [form.format(z) for z in range(12)]), "")
    assert (stack.shape[0], stack.first, stack.missing, stack.notes) == (12, first, frozenset(), ())
    for z in (0, 2, 10, 11):
        np.testing.assert_array_equal(stack.read(z), RAW[z])


def test_of_several_numbers_the_even_one_counts(tmp_path: Path) -> None:
    times = [100, 103, 104, 109, 110]
    stack = open_stack(folder(tmp_path / "a", [f"z{z}_t{t}.png" for z, t in enumerate(times)]), "")
    assert (stack.shape[0], stack.missing) == (5, frozenset())
    np.testing.assert_array_equal(stack.read(3), RAW[3])


def test_another_number_that_could_be_z_is_told(tmp_path: Path) -> None:
    """A counter of the files is even where z has a hole."""
    there = [0, 1, 2, 4, 5, 6]
    source = folder(tmp_path / "a", [f"z{z}_n{n}.png" for n, z in enumerate(there)])
    [note] = open_stack(source, "").notes
    assert "z0_n0.png is z 0; if z is another of them, rename the files" in note
    sections = [f"wafer{1 + z // 4}_z{z:02}_of_10.png" for z in range(10)]  # no other could be
    assert open_stack(folder(tmp_path / "b", sections), "").notes == ()


def test_numbers_in_steps_are_closed_up_with_a_note(tmp_path: Path) -> None:
    stack = open_stack(folder(tmp_path / "a", [f"z{z}.png" for z in range(50, 100, 10)]), "")
    assert (stack.shape[0], stack.first, stack.missing) == (5, 0, frozenset())
    assert "in steps of 10: z 50 becomes 0 and z 60 becomes 1" in stack.notes[0]
    np.testing.assert_array_equal(stack.read(4), RAW[4])
    holed = open_stack(folder(tmp_path / "b", [f"z{z}.png" for z in (0, 10, 20, 40, 50)]), "")
    assert (holed.shape[0], holed.missing) == (6, {3})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["z1.png", "z2.png", "overview.png"], "name of overview.png in .* has no number"),
        (["z1.png", "z01.png", "z2.png"], "z01.png and z1.png in .* have the same number"),
        ([f"z{z:02x}.png" for z in range(8, 14)], "z08.png and z0a.png .* hexadecimal"),
        (["a1.png", "b2.png", "c3.png"], "differ in more than numbers"),
        (["z1_t5.png", "z2_t9.png", "z4_t10.png"], "z1_t5.png and z4_t10.png.*only number"),
        (["z0_y0.png", "z0_y1.png", "z1_y0.png", "z1_y1.png"], "Several numbers differ"),
        (["z1_t3.png", "z2_t2.png", "z3_t1.png"], "Several numbers differ"),  # opposite orders
        (["20240501120000.png", "20240501120007.png", "20240502130001.png"], "count of slices"),
    ],
)
def test_what_is_not_clear_is_named(tmp_path: Path, names: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_stack(folder(tmp_path / "a", names), "")


def test_a_folder_of_tiffs_is_numbered_alike(tmp_path: Path) -> None:
    for z in (3, 4, 6):
        tifffile.imwrite(tmp_path / f"img_{z}.ome.tif", RAW[z], metadata={"axes": "YX"})
    stack = open_stack(tmp_path, "")
    assert (stack.shape[0], stack.first, stack.missing) == (4, 3, {2})
    np.testing.assert_array_equal(stack.read(3), RAW[6])


def test_labels_of_some_slices_lie_at_their_numbers(tmp_path: Path) -> None:
    grey = folder(tmp_path / "grey", [f"z{z}.png" for z in range(10, 30)])
    some = folder(tmp_path / "some", [f"ids{z}.png" for z in range(15, 20)], first=5)
    beyond = folder(tmp_path / "beyond", [f"ids{z}.png" for z in range(5, 13)])
    with open_volume(grey, labels=some) as volume:
        np.testing.assert_array_equal(volume.labels(5), RAW[5])
        np.testing.assert_array_equal(volume.labels(9), RAW[9])
        assert (volume.labels(4) == UNLABELLED).all()
        assert (volume.labels(10) == UNLABELLED).all()
    with open_volume(grey, labels=beyond) as volume:
        np.testing.assert_array_equal(volume.labels(0), RAW[5])
        assert (volume.labels(3) == UNLABELLED).all()
    shifted = folder(tmp_path / "shifted", [f"ids{z}.png" for z in range(20)])
    with open_volume(grey, labels=shifted) as volume:  # as many: slice for slice, and said
        np.testing.assert_array_equal(volume.labels(0), RAW[0])
        assert "begin with 10 and those of" in volume.notes[0]
    away = folder(tmp_path / "away", [f"ids{z}.png" for z in range(50, 55)])
    with pytest.raises(UserError, match="labels of the same volume"):
        open_volume(grey, labels=away)


@pytest.mark.parametrize(
    ("grey", "labelled"),
    [
        (range(20), range(0, 20, 4)),  # every fourth slice is labelled
        (range(100, 120), range(102, 120, 3)),
        (range(50, 250, 10), range(80, 120, 10)),  # in the steps of the slices
        (range(50, 250, 10), range(80, 200, 20)),
        (range(50, 250, 10), range(80, 81)),  # a single one
    ],
)
def test_labels_whose_numbers_go_in_steps_lie_at_them(
    tmp_path: Path, grey: range, labelled: range
) -> None:
    source = folder(tmp_path / "grey", [f"z{number}.png" for number in grey])
    places = [grey.index(number) for number in labelled]
    step = labelled.step // grey.step or 1
    names = [f"ids{number}.png" for number in labelled]
    labels = folder(tmp_path / "ids", names, places[0], step)
    with open_volume(source, labels=labels) as volume:
        for z in range(len(grey)):
            expected = np.full(RAW[z].shape, UNLABELLED)
            if z in places:
                expected = np.where(RAW[z] == 255, UNLABELLED, RAW[z].astype(np.uint64))
            np.testing.assert_array_equal(volume.labels(z), expected)
        assert not any("ids in steps" in note for note in volume.notes)


def test_labels_that_lie_between_the_numbers_are_refused(tmp_path: Path) -> None:
    source = folder(tmp_path / "grey", [f"z{number}.png" for number in range(50, 250, 10)])
    for number, labelled in enumerate((range(55, 80, 5), range(3, 8), range(85, 135, 10))):
        labels = folder(tmp_path / f"{number}", [f"ids{n}.png" for n in labelled])
        with pytest.raises(UserError, match="labels of the same volume"):
            open_volume(source, labels=labels)


def test_a_mask_that_is_numbered_otherwise_is_told(tmp_path: Path) -> None:
    grey = folder(tmp_path / "grey", [f"z{z}.png" for z in range(10)])
    mask = folder(tmp_path / "mask", [f"m{z}.png" for z in range(1, 11)])
    with open_volume(grey, mask=mask) as volume:
        assert "begin with 0 and those of" in volume.notes[0]
