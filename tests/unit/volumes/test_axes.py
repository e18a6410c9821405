"""Which axis of a file is z, which channel is read, and which of its series is the stack."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from stores import opened

from bench.base.errors import UserError
from bench.volumes.sources import open_volume

RAW = np.random.default_rng(0).integers(0, 256, (7, 30, 36), dtype=np.uint8)
OTHER = 255 - RAW
LABELS = np.arange(RAW.size, dtype=np.uint32).reshape(RAW.shape)


def read(source: str | Path, **asked) -> np.ndarray:
    with opened(source, **asked) as volume:
        return np.stack([volume.slice(z) for z in range(volume.shape[0])])


def notes(source: str | Path, **asked) -> str:
    with opened(source, **asked) as volume:
        return " ".join(volume.notes)


def hdf5(path: Path, values: np.ndarray, labels: str = "", **attributes) -> str:
    with h5py.File(path, "w") as file:
        file["a"] = values
        for axis, label in enumerate(labels):
            file["a"].dims[axis].label = label
        file["a"].attrs.update(attributes)
    return f"{path}:/a"


@pytest.mark.parametrize(
    ("axes", "how"),
    [
        ("CZYX", {"ome": True}),
        ("ZCYX", {"ome": True}),
        ("ZCYX", {"imagej": True}),
        ("ZCYX", {"imagej": True, "truncate": True}),  # one page, as ImageJ writes large files
        ("ZCYX", {"ome": True, "compression": "zlib"}),
    ],
)
def test_of_several_channels_one_is_chosen(tmp_path: Path, axes: str, how: dict) -> None:
    path = tmp_path / ("a.ome.tif" if "ome" in how else "a.tif")
    both = np.stack([RAW, OTHER], axes.index("C"))
    tifffile.imwrite(path, both, metadata={"axes": axes}, photometric="minisblack", **how)
    with pytest.raises(UserError, match=r"2 axes .*(C 2, Z 7|Z 7, C 2).*--channel N, 0 to 1"):
        open_volume(path)
    np.testing.assert_array_equal(read(path, channel=0), RAW)
    np.testing.assert_array_equal(read(path, channel=1), OTHER)
    with pytest.raises(UserError, match=r"no channel 2; give --channel 0 to 1"):
        opened(path, channel=2)


def test_time_and_depth_are_not_joined(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.stack([RAW, OTHER, RAW]), metadata={"axes": "TZYX"},
        photometric="minisblack",
    )  # fmt: skip
    with pytest.raises(UserError, match=r"T 3, Z 7.*--axes CZYX --channel 0"):
        open_volume(tmp_path / "a.ome.tif")
    found = read(tmp_path / "a.ome.tif", axes="czyx", channel=1)  # as the sentence says
    np.testing.assert_array_equal(found, OTHER)


def test_several_axes_beside_the_channels_are_refused(tmp_path: Path) -> None:
    every = np.stack([np.stack([RAW, OTHER])] * 2)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", every, metadata={"axes": "TCZYX"}, photometric="minisblack"
    )
    for asked in ({}, {"channel": 0}):
        with pytest.raises(UserError, match=r"T 2, .*write a file of its own for each stack"):
            opened(tmp_path / "a.ome.tif", **asked)


@pytest.mark.parametrize("letter", ["T", "C"])
def test_a_stack_along_another_letter_is_a_stack(tmp_path: Path, letter: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RAW, imagej=True, metadata={"axes": f"{letter}YX"})
    np.testing.assert_array_equal(read(path), RAW)
    assert f"its axis {letter} is read as z" in notes(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("words", ["images=7", "images=7\nslices=7", "images=7\nframes=7"])
def test_one_page_with_all_the_slices_behind_it(tmp_path: Path, words: str, byteorder: str) -> None:
    """As ImageJ writes more than 4 GB."""
    path, deep = tmp_path / "a.tif", RAW.astype(np.uint16) * 257
    tifffile.imwrite(
        path, deep[0], description=f"ImageJ=1.53t\n{words}\n", metadata=None, byteorder=byteorder
    )
    with path.open("ab") as file:
        file.write(deep[1:].astype(f"{byteorder}u2").tobytes())
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    np.testing.assert_array_equal(read(path, grey_range=(0, 65535)), RAW)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="cut short"):
        open_volume(path, grey_range=(0, 65535))


def test_the_largest_series_is_read(tmp_path: Path) -> None:
    thumbnail = np.zeros((9, 9), np.uint8)
    for name, first in (("behind", False), ("before", True)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as writer:
            if first:
                writer.write(thumbnail, metadata=None)
            for image in RAW:
                writer.write(image, contiguous=False, metadata=None)
            if not first:
                writer.write(thumbnail, metadata=None)
        np.testing.assert_array_equal(read(tmp_path / f"{name}.tif"), RAW)
        assert "holds 2 series; the largest, 7 x 30 x 36" in notes(tmp_path / f"{name}.tif")


def test_thumbnails_between_the_slices_are_left_aside_and_other_pages_are_not(
    tmp_path: Path,
) -> None:
    for name, reduced in (("reduced", 1), ("full", 0)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as writer:
            for image in RAW:
                writer.write(image, contiguous=False, metadata=None)
                writer.write(image[:9, :9], contiguous=False, metadata=None, subfiletype=reduced)
    np.testing.assert_array_equal(read(tmp_path / "reduced.tif"), RAW)
    with pytest.raises(UserError, match=r"Page 1 of .* is not like page 0"):
        open_volume(tmp_path / "full.tif")


def test_slices_that_were_written_one_by_one_are_one_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for image in RAW:
            writer.write(image, contiguous=False)  # each with a description of its own
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RAW)


def test_a_description_that_does_not_count_the_pages_is_not_believed(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for z, image in enumerate(RAW):
            words = "ImageJ=1.53t\nimages=4\nslices=4\n" if z == 0 else None
            writer.write(image, contiguous=False, metadata=None, description=words)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), RAW)


def test_axes_of_length_1_drop_out(tmp_path: Path) -> None:
    five = RAW[None, :, None]
    tifffile.imwrite(tmp_path / "a.tif", five, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", RAW[..., None], photometric="minisblack")
    source = hdf5(tmp_path / "a.h5", RAW[None, ..., None])
    for path in (tmp_path / "a.tif", tmp_path / "b.tif", source):
        np.testing.assert_array_equal(read(path), RAW)


@pytest.mark.parametrize("order", ["zyx", "xyz", "yxz", "zxy", "xzy"])
def test_hdf5_axes_are_read_from_labels_and_axistags(tmp_path: Path, order: str) -> None:
    stored = RAW.transpose(["zyx".index(letter) for letter in order])
    tags = json.dumps({"axes": [{"key": letter, "typeFlags": 2} for letter in order]})
    by_label = hdf5(tmp_path / "label.h5", stored, order)
    by_tag = hdf5(tmp_path / "tag.h5", stored, axistags=tags)
    for source in (by_label, by_tag):
        np.testing.assert_array_equal(read(source), RAW)
    np.testing.assert_array_equal(read(hdf5(tmp_path / "a.h5", stored), axes=order), RAW)


@pytest.mark.parametrize("other", ["view", "s", "", "zoom", "?"])
def test_an_axis_of_another_name_leaves_those_of_the_others(tmp_path: Path, other: str) -> None:
    """Of length 1 it drops out, and otherwise it is asked for."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, stored in (("one", RAW.T[None]), ("two", np.stack([RAW.T, OTHER.T]))):
            file[name] = stored
            file[name].attrs["DIMENSION_LABELS"] = [other, "x", "y", "z"]
    one, two = (f"{tmp_path / 'a.h5'}:/{name}" for name in ("one", "two"))
    np.testing.assert_array_equal(read(one), RAW)
    assert not notes(one)
    with pytest.raises(UserError, match=r"2, Z 7, .*say which is z .* with --axes CXYZ --channel"):
        open_volume(two)
    np.testing.assert_array_equal(read(two, axes="CXYZ", channel=1), OTHER)


def test_an_axis_of_another_name_beside_y_and_x_is_z(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = RAW.T
        file["a"].attrs["DIMENSION_LABELS"] = ["x", "y", "section"]
    source = f"{tmp_path / 'a.h5'}:/a"
    np.testing.assert_array_equal(read(source), RAW)
    assert "no axis Z longer than 1: its axis E is read as z" in notes(source)


def test_names_that_say_nothing_are_no_names(tmp_path: Path) -> None:
    """As xarray calls axes that nobody named."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.zeros((64, 64, 7), np.uint8)
        file["a"].attrs["DIMENSION_LABELS"] = ["dim_0", "dim_1", "dim_2"]
    assert "does not name its axes" in notes(f"{tmp_path / 'a.h5'}:/a")


def test_channels_of_hdf5(tmp_path: Path) -> None:
    stored = np.stack([RAW, OTHER], -1)[None]
    tagged = hdf5(tmp_path / "tag.h5", stored, "tzyxc")
    with pytest.raises(UserError, match="--channel N, 0 to 1"):
        open_volume(tagged)
    np.testing.assert_array_equal(read(tagged, channel=1), OTHER)
    plain = hdf5(tmp_path / "a.h5", stored)
    with pytest.raises(UserError, match="4 axes longer than 1"):
        open_volume(plain)
    for axes in ("tzyxc", "zyxc"):  # with and without the axis of length 1
        np.testing.assert_array_equal(read(plain, axes=axes, channel=1), OTHER)


@pytest.mark.parametrize("chunks", [None, (8, 8, 8), (30, 36, 1)])
def test_slices_across_the_stored_array_are_read_in_blocks(tmp_path: Path, chunks) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(
            "a", data=RAW.T, chunks=chunks and tuple(np.minimum(chunks, RAW.T.shape))
        )
    with opened(f"{tmp_path / 'a.h5'}:/a", axes="xyz") as volume:
        for z in (6, 0, 3, 5):  # in any order
            np.testing.assert_array_equal(volume.slice(z), RAW[z])


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}])
def test_axes_say_what_a_tiff_does_not(tmp_path: Path, how: dict) -> None:
    path = tmp_path / "a.tif"
    for order in ("xyz", "zxy", "yzx"):
        stored = RAW.transpose(["zyx".index(letter) for letter in order])
        tifffile.imwrite(path, stored, photometric="minisblack", **how)
        np.testing.assert_array_equal(read(path, axes=order), RAW)


def test_axes_hold_for_the_labels_too(tmp_path: Path) -> None:
    grey = hdf5(tmp_path / "a.h5", np.stack([RAW.T, OTHER.T]))
    labels = hdf5(tmp_path / "b.h5", LABELS.T)  # which have no channels
    with opened(grey, labels=labels, axes="CXYZ", channel=1) as volume:
        np.testing.assert_array_equal(volume.slice(4), OTHER[4])
        np.testing.assert_array_equal(volume.labels(4), LABELS[4])


def test_axes_that_do_not_fit_are_named(tmp_path: Path) -> None:
    source = hdf5(tmp_path / "a.h5", RAW)
    for asked, words in (
        ({"axes": "zyxc"}, "names 4 axes, but .* has 3"),
        ({"axes": "zzyx"}, "does not name y and x once"),
        ({"axes": "zy"}, "does not name y and x once"),
        ({"channel": 0}, "no axis C"),
    ):
        with pytest.raises(UserError, match=words):
            opened(source, **asked)


def test_a_shape_in_the_order_x_y_z_is_hinted_at(tmp_path: Path) -> None:
    for shape, doubtful in (
        ((64, 64, 7), True), ((64, 48, 16), True), ((7, 64, 64), False), ((120, 36, 36), False),
    ):  # fmt: skip
        source = hdf5(tmp_path / "a.h5", np.zeros(shape, np.uint8))
        assert ("--axes xyz" in notes(source)) is doubtful
    labelled = hdf5(tmp_path / "b.h5", np.zeros((64, 64, 7), np.uint8), "zyx")
    assert not notes(labelled)


def test_a_folder_of_files_with_channels(tmp_path: Path) -> None:
    for z in range(len(RAW)):
        tifffile.imwrite(
            tmp_path / f"z{z}.tif", np.stack([RAW[z], OTHER[z]]), imagej=True,
            metadata={"axes": "CYX"},
        )  # fmt: skip
    with pytest.raises(UserError, match="2 pages; a folder holds one slice each"):
        open_volume(tmp_path)
    np.testing.assert_array_equal(read(tmp_path, channel=1), OTHER)
