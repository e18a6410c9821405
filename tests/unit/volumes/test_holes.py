"""Slices that a volume lacks: no triplet spans them, and who reads the dataset is told."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.base.errors import UserError
from bench.base.invalid_option import parsed
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.split import depth_blocks, middle_slices
from bench.volumes.cards import load_card
from bench.volumes.facts import VolumeFacts
from bench.volumes.facts_in_words import told
from bench.volumes.holes import as_ranges, parse_missing
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume

SIDE, MISSING = 96, (7, 20, 21)
STACK = moving_texture(30, SIDE)


def options(**changes) -> BuildOptions:
    return BuildOptions(**{"tile": 48, "search": 4, **changes})


def make(path: Path, stack: np.ndarray, missing=(), **changes) -> TripletFile:
    volume = ArrayVolume("v", stack, missing=missing)
    build("mine", [volume], load_card("mine"), options(**changes), path)
    return TripletFile(path)


def spoilt(value: int) -> np.ndarray:
    stack = STACK.copy()
    stack[list(MISSING)] = value
    return stack


@pytest.mark.parametrize("axis", ["z", "x"])
def test_the_triplets_are_those_of_the_whole_volume_that_touch_no_hole(
    tmp_path: Path, axis: str
) -> None:
    words = {"split_axis": axis, "histogram": "none", "align": axis == "z"}
    words |= {"tile": 16, "stride": 16} if axis == "x" else {}
    words["tile"] = max(words.get("tile", 48), 32) if axis == "z" else 32
    stack, gone = (STACK, spoilt(0)) if axis == "z" else (
        np.tile(STACK, (1, 1, 2)), np.tile(spoilt(0), (1, 1, 2))
    )  # fmt: skip
    whole, file = (
        make(tmp_path / "w.h5", stack, **words),
        make(tmp_path / "h.h5", gone, MISSING, **words),
    )
    spans = {z + step for z in MISSING for step in (-1, 0, 1)}
    left = whole.keys[~whole.keys["z"].isin(spans)]
    corners = ["z", "y", "x", "shift_before_y", "shift_after_x", "peak_before", "column"]
    np.testing.assert_array_equal(file.keys[corners], left[corners])
    for mine, other in enumerate(left.index):
        np.testing.assert_array_equal(file.frames(mine), whole.frames(other))


def test_what_stands_in_a_missing_slice_changes_nothing(tmp_path: Path) -> None:
    one = make(tmp_path / "a.h5", spoilt(0), MISSING)
    two = make(tmp_path / "b.h5", spoilt(77), MISSING)
    assert one.fingerprint == two.fingerprint
    assert one.volumes == two.volumes
    assert one.volumes[0].sha256 == ArrayVolume("v", spoilt(9), missing=MISSING).digest
    assert one.volumes[0].sha256 != ArrayVolume("v", spoilt(0)).digest
    with h5py.File(tmp_path / "a.h5") as file:  # the reference is made of what is there
        assert not file["histograms/v/counts"][list(MISSING)].any()


def test_a_volume_without_holes_says_nothing_of_them(tmp_path: Path) -> None:
    make(tmp_path / "t.h5", STACK)
    with h5py.File(tmp_path / "t.h5") as file:
        assert not {"missing", "first"} & set(json.loads(file.attrs["volumes"])[0])


def test_what_is_missing_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    make(tmp_path / "t.h5", STACK, MISSING)
    with h5py.File(tmp_path / "t.h5", "a") as file:
        volumes = json.loads(file.attrs["volumes"])
        assert volumes[0]["missing"] == list(MISSING)
        volumes[0]["missing"] = [7]
        file.attrs["volumes"] = json.dumps(volumes)
    with pytest.raises(UserError, match="do not fit its fingerprint"):
        TripletFile(tmp_path / "t.h5")


@given(depth=st.integers(3, 60), missing=st.sets(st.integers(0, 59), max_size=20))
def test_blocks_hold_equally_many_slices_and_whole_triplets_only(
    depth: int, missing: set[int]
) -> None:
    gone = frozenset(z for z in missing if z < depth)
    present = [z for z in range(depth) if z not in gone]
    block = {z: [i * 5 // len(present) for i in range(len(present))][n]
             for n, z in enumerate(present)}  # fmt: skip
    edges = [len(present) * b // 5 for b in range(6)]
    for b in range(5):
        block |= dict.fromkeys(present[edges[b] : edges[b + 1]], b)
    middles = [z for z in range(1, depth - 1) if not {z - 1, z, z + 1} & gone]
    assert list(middle_slices(depth, gone)) == middles
    expected = {z: block[z] for z in middles if block[z - 1] == block[z] == block[z + 1]}
    assert {z: b for z, b in enumerate(depth_blocks(depth, gone)) if b >= 0} == expected


def test_a_missing_slice_is_not_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", STACK, photometric="minisblack")
    with open_volume(tmp_path / "s.tif", missing=[7]) as volume:
        assert volume.missing == {7}
        np.testing.assert_array_equal(volume.slice(8), STACK[8])
        with pytest.raises(UserError, match=r"Slice 7 .* is missing"):
            volume.slice(7)
    with pytest.raises(UserError, match=r"slices 0 to 29; --missing names 30, 35-36"):
        open_volume(tmp_path / "s.tif", missing=[4, 30, 35, 36])


def test_a_volume_of_which_too_much_is_missing_is_refused_unread(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No three neighbouring slices"):
        make(tmp_path / "t.h5", STACK, range(0, 30, 3))
    with pytest.raises(
        UserError, match="its block along z, because too many slices there are missing"
    ):
        make(tmp_path / "t.h5", STACK, [24, 27])
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_those_of_the_file() -> None:
    assert parse_missing("105,111-112") == (105, 111, 112)
    assert parse_missing([3, 4]) == (3, 4)
    assert parse_missing("") == ()
    for text in ("1-", "a", "-2", "1.5", "3-4-5", "9" * 5000):
        with pytest.raises(ValueError, match=r"is no number and no range.*111-112"):
            parse_missing(text)
    assert as_ranges([105, 111, 112, 113, 120]) == "105, 111-113, 120"
    volume = VolumeFacts(
        name="v", shape=(30, 9, 9), voxel_size=None, grey_range=None, sha256="", missing=(2, 8, 9),
        first=103,
    )  # fmt: skip
    assert told([volume]) == [("missing slices", "105, 111-112")]
    assert told([volume.model_copy(update={"missing": ()})]) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [(" 5 ", (5,)), ("3,,5", (3, 5)), ("9, 7 - 8,8", (7, 8, 9)), ("4,4,4", (4,)), (",", ())],
)
def test_numbers_are_in_order_and_each_stands_once(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_missing(text) == numbers


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1,34-33", "'34-33' runs backwards; write 33-34"),
        ("0-9999999999", "names 10,000,000,000 slices, and 1,000,000 are the most"),
        ("0-700000,0-700000", "names 1,400,002 slices"),
        ("7,5-", "'5-' is no number and no range"),
    ],
)
def test_a_mistake_is_named(text: str, wrong: str) -> None:
    with pytest.raises(UserError, match=f"--missing is not valid.*{wrong}"):
        parsed("missing", parse_missing, text)


@settings(max_examples=300)
@given(st.text("0123456789-, a\n٣²", max_size=24) | st.text(max_size=24))
def test_any_text_is_numbers_in_order_or_one_sentence(text: str) -> None:
    try:
        numbers = parsed("missing", parse_missing, text)
    except UserError as error:
        assert "\n" not in str(error)
        assert str(error).endswith(".")
        return
    assert isinstance(numbers, tuple)
    assert all(type(number) is int for number in numbers)
    assert list(numbers) == sorted(set(numbers))


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    """The slices 7, 20 and 21 are in the file, and black."""
    tifffile.imwrite(tmp_path / "stack.tif", spoilt(0), photometric="minisblack")
    return tmp_path / "stack.tif"


SMALL = ("--tile", 48, "--search", 4)


def test_a_folder_with_holes_and_a_tiff_that_names_them_are_one_dataset(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiff: Path
) -> None:
    (tmp_path / "holes").mkdir()
    for z, grey in enumerate(STACK):
        if z not in MISSING:
            Image.fromarray(grey).save(tmp_path / "holes" / f"z{z + 100:04d}.png")
    words = (*SMALL, "--data", tmp_path)
    code, out, _ = bench(capsys, "data", "build", "a", "--source", tmp_path / "holes", *words)
    assert (code, "107, 120-121\n" in out) == (0, True)
    code, out, _ = bench(
        capsys, "data", "build", "b", "--source", tiff, "--missing", "7,20-21", *words
    )
    assert (code, "missing slices  " in out) == (0, True)
    one, two = (TripletFile(dataset_path(tmp_path, name, 0)) for name in "ab")
    assert one.volumes[0].sha256 == two.volumes[0].sha256
    assert set(one.keys["z"]) == set(range(1, 29)) - {6, 7, 8, 19, 20, 21, 22}
    assert one.keys.drop(columns="volume").equals(two.keys.drop(columns="volume"))
    assert all((one.frames(i) == two.frames(i)).all() for i in range(len(one)))
    _, out, _ = bench(capsys, "data", "info", "a", "--data", tmp_path, "--json")
    assert json.loads(out)["missing slices"] == "107, 120-121"


def test_a_run_builds_with_holes_and_knows_the_dataset_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiff: Path, without_picture: None
) -> None:
    words = ("run", "--methods", "average", "--stages", "train", "--dataset", "mine",
             "--data", tmp_path, "--out", tmp_path / "results")  # fmt: skip
    code, _, err = bench(capsys, *words, "--missing", "7")
    assert (code, "--missing goes with --source" in err) == (2, True)
    big = moving_texture(30, 160)
    big[list(MISSING)] = 0
    tifffile.imwrite(tiff, big, photometric="minisblack")
    source = ("--source", tiff, "--missing", "7,20-21")
    _, _, err = bench(capsys, *words, *source)
    assert "  missing slices: 7, 20-21." in err
    assert "  tile: 128, the largest" in err
    code, _, err = bench(capsys, *words, *source)
    assert "Building" not in err
    code, _, err = bench(capsys, *words, *source[:2])
    assert (code, "another --missing" in err) == (2, True)


def test_each_source_has_its_own_holes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, tiff: Path
) -> None:
    tifffile.imwrite(tmp_path / "whole.tif", moving_texture(30, SIDE, seed=1))
    words = ["data", "build", "two", "--source", tmp_path / "whole.tif", "--source", tiff, *SMALL,
             "--data", tmp_path]  # fmt: skip
    code, _, err = bench(capsys, *words, "--missing", "7,20-21")
    assert (code, "one for each" in err) == (2, True)
    code, out, _ = bench(capsys, *words, "--missing", "", "--missing", "7,20-21")
    assert (code, " stack: 7, 20-21\n" in out) == (0, True)
    counts = TripletFile(dataset_path(tmp_path, "two", 0)).keys.groupby("volume")["z"].nunique()
    assert dict(counts) == {"whole": 28, "stack": 21}
    code, _, err = bench(capsys, *words, "--missing", "x", "--missing", "")
    assert (code, "--missing is not valid" in err) == (2, True)
