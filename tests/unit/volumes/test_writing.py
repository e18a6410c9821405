"""Volumes that are written: bit for bit, of every kind, whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import stores
import tensorstore as ts
import tifffile
import zarr
from faults import limited
from filelock import FileLock
from PIL import Image

from bench.base.errors import UserError
from bench.base.files import file_digest
from bench.volumes.formats.array import ArrayStack
from bench.volumes.formats.open_stack import open_stack
from bench.volumes.formats.stack import Box, Stack
from bench.volumes.sources import open_volume
from bench.volumes.writing import content
from bench.volumes.writing.content import Notes
from bench.volumes.writing.filled_stack import FilledMask, Window
from bench.volumes.writing.write_volume import check_target, write_volume

SIZE = (40.0, 6.07, 4.1)
SHAPE = (7, 37, 53)
NOTES = Notes(SIZE, {2: "filled", 5: "filled in places"}, "repair.json")
MARKS = {
    "synthetic": {"2": "filled", "5": "filled in places"},
    "first": 0,
    "repair": "repair.json",
}
IN_PLACES = np.zeros(SHAPE[1:], dtype=bool)
IN_PLACES[30:36, 11:50] = True


@dataclass(frozen=True)
class Fill:
    """One slice of an array: all of it, or where a mask says."""

    grey: np.ndarray
    there: np.ndarray | None = None

    def mask(self, window: Window) -> np.ndarray | None:
        return None if self.there is None else self.there[window]

    def values(self, window: Window) -> np.ndarray:
        return self.grey[window]


def made(dtype: str, seed: int = 0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    known = np.iinfo(dtype)
    return random.integers(known.min, known.max, shape, dtype=dtype, endpoint=True)


def source_of(values: np.ndarray, size: tuple[float, ...] | None = SIZE) -> Stack:
    stack = ArrayStack("A volume", values)
    stack.resolution = size
    return stack


def filled(values: np.ndarray) -> tuple[dict[int, Fill], np.ndarray]:
    """Slice 2 and places in slice 5 filled, and what the volume is then."""
    new = made(str(values.dtype), 1, values.shape)
    expected = values.copy()
    expected[2] = new[2]
    expected[5][IN_PLACES] = new[5][IN_PLACES]
    return {2: Fill(new[2]), 5: Fill(new[5], IN_PLACES)}, expected


def read(source: str | Path) -> tuple[np.ndarray, Stack]:
    """What our own reader finds."""
    stack = open_stack(source, "volumes/raw")
    values = np.stack([stack.read(z) for z in range(stack.shape[0]) if z not in stack.missing])
    stack.close()
    return values, stack


def digests(path: Path) -> dict[str, str]:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    return {str(file.relative_to(path)): file_digest(file) for file in files}


def by_tensorstore(path: Path, driver: str) -> Any:
    place = {"driver": "file", "path": f"{path}/"}
    return ts.open({"driver": driver, "kvstore": place}).result()


def as_ome_zarr(path: Path) -> tuple[np.ndarray, Any]:
    group = zarr.open_group(path, mode="r")
    [image] = group.attrs["ome"]["multiscales"]
    assert image["axes"] == [{"name": a, "type": "space", "unit": "nanometer"} for a in "zyx"]
    [step] = image["datasets"][0]["coordinateTransformations"]
    assert step == {"type": "scale", "scale": list(SIZE)}
    return group[image["datasets"][0]["path"]][...], group.attrs["interslice"]


def as_zarr(path: Path) -> tuple[np.ndarray, Any]:
    array = zarr.open_array(path, mode="r")
    assert array.metadata.dimension_names == ("z", "y", "x")
    return array[...], array.attrs["interslice"]


def as_n5(path: Path) -> tuple[np.ndarray, Any]:
    about = json.loads((path / "attributes.json").read_text())
    assert about["pixelResolution"] == {"unit": "nm", "dimensions": list(SIZE[::-1])}
    return by_tensorstore(path, "n5").read().result().T, about["interslice"]


def as_precomputed(path: Path) -> tuple[np.ndarray, Any]:
    about = json.loads((path / "info").read_text())
    assert about["scales"][0]["resolution"] == list(SIZE[::-1])
    values = by_tensorstore(path, "neuroglancer_precomputed").read().result()
    return values[..., 0].T, about["interslice"]


def as_hdf5(path: Path) -> tuple[np.ndarray, Any]:
    with h5py.File(path) as file:
        values = file["volumes/raw"]
        assert tuple(values.attrs["resolution"]) == SIZE
        assert [axis.label for axis in values.dims] == ["z", "y", "x"]
        return values[...], json.loads(values.attrs["interslice"])


def as_tiff(path: Path) -> tuple[np.ndarray, Any]:
    with tifffile.TiffFile(path) as file:
        assert file.series[0].axes == "ZYX"
        about = file.imagej_metadata
        assert (about["unit"], about["spacing"]) == ("nm", SIZE[0])
        marks = file.pages[0].description.split("interslice=")[1]
        return file.series[0].asarray(), json.loads(marks)


def as_ome_tiff(path: Path) -> tuple[np.ndarray, Any]:
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"
        image = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
        about = image["Pixels"]
        assert tuple(about[f"PhysicalSize{axis}"] for axis in "ZYX") == SIZE
        return file.series[0].asarray(), json.loads(image["Description"].split("interslice=")[1])


def as_pictures(path: Path) -> tuple[np.ndarray, Any]:
    names = [f"slice{z:04d}.tif" for z in range(SHAPE[0])]
    assert sorted(os.listdir(path)) == names
    said: dict[str, Any] = {}
    for z, name in enumerate(names):
        with tifffile.TiffFile(path / name) as file:
            _, _, line = str(file.pages[0].description).partition("interslice=")
        if line:
            marks = json.loads(line)
            assert marks.pop("first") == z
            said |= marks | {"synthetic": said.get("synthetic", {}) | marks["synthetic"]}
    return np.stack([tifffile.imread(path / name) for name in names]), said | {"first": 0}


READERS: dict[str, Callable[[Path], tuple[np.ndarray, Any]]] = {
    "a.ome.zarr": as_ome_zarr,
    "a.zarr": as_zarr,
    "a.n5": as_n5,
    "a.precomputed": as_precomputed,
    "a.h5": as_hdf5,
    "a.tif": as_tiff,
    "a.ome.tif": as_ome_tiff,
    "a/": as_pictures,
}
ENDINGS = list(READERS)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("name", ENDINGS)
def test_what_is_written_is_read_back_bit_for_bit(name: str, dtype: str, tmp_path: Path) -> None:
    """By our reader and by the library of the format; and written again, it has the same bytes."""
    values = made(dtype)
    filling, expected = filled(values)
    target = tmp_path / name
    write_volume(f"{tmp_path}/{name}", source_of(values), filling, NOTES)
    ours, stack = read(target)
    theirs, marks = READERS[name](target)
    for found in (ours, theirs):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
    assert stack.resolution == pytest.approx(SIZE, rel=1e-9)
    assert (stack.offset or (0, 0, 0)) == (0, 0, 0)
    assert marks == MARKS
    assert os.listdir(tmp_path) == [target.name]
    again = tmp_path / "again"
    write_volume(f"{again}/{name}", source_of(values), filling, NOTES)
    assert digests(again / name) == digests(target)


@pytest.mark.parametrize("name", [name for name in ENDINGS if name != "a.precomputed"])
def test_a_voxel_size_that_nobody_knows_is_not_made_up(name: str, tmp_path: Path) -> None:
    write_volume(f"{tmp_path}/{name}", source_of(made("uint8"), None), {}, Notes())
    values, stack = read(tmp_path / name)
    np.testing.assert_array_equal(values, made("uint8"))
    assert stack.resolution is None


def test_hdf5_keeps_no_time(tmp_path: Path) -> None:
    write_volume(tmp_path / "a.h5", source_of(made("uint8")), {}, NOTES)
    with h5py.File(tmp_path / "a.h5") as file:
        times = [h5py.h5o.get_info(file[name].id).mtime for name in ("volumes", "volumes/raw")]
    assert times == [0, 0]


@pytest.mark.parametrize("name", ENDINGS)
def test_a_source_in_chunks_is_copied_in_parts_of_slices(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of a budget of bytes are whole chunks of the source, across all three axes."""
    monkeypatch.setattr(content, "_BLOCK_BYTES", 3 * 16 * 32 * 2)
    values = made("uint16")
    filling, expected = filled(values)
    array = zarr.create_array(tmp_path / "s.zarr", data=values, chunks=(3, 16, 16))
    array.attrs["resolution"] = SIZE
    source = open_stack(tmp_path / "s.zarr", "")
    boxes = list[Box]()
    crop = type(source).crop
    monkeypatch.setattr(
        type(source), "crop", lambda self, box: boxes.append(box) or crop(self, box)
    )
    ticks = list[tuple[int, int]]()
    write_volume(
        f"{tmp_path}/{name}", source, filling, NOTES, lambda n, of, _: ticks.append((n, of))
    )
    found, _ = READERS[name](tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    blocks = boxes[1:]  # the first is the whole
    if name in ("a.tif", "a.ome.tif", "a/"):  # a page is a slice
        assert blocks == []
        assert ticks == [(z + 1, 7) for z in range(7)]
    else:
        sides = {(y.start, y.stop, x.start, x.stop) for _, y, x in blocks}
        rows = [(low, min(low + 16, 37)) for low in (0, 16, 32)]
        assert sides == {(*y, *x) for y in rows for x in ((0, 32), (32, 53))}
        assert {(z.start, z.stop) for z, _, _ in blocks} == {(0, 3), (3, 6), (6, 7)}
        assert ticks == [(n + 1, 18) for n in range(18)]


@pytest.mark.parametrize(
    "kind",
    [stores.ome_zarr, stores.zarr3, stores.n5, stores.precomputed, stores.hdf5],
    ids=lambda kind: kind.__name__,
)
def test_chunks_are_those_of_the_source(kind: Callable, tmp_path: Path) -> None:
    values = made("uint8", shape=(9, 70, 66))
    source = open_stack(kind(tmp_path, values), "")
    assert source.chunk == ((4, 16, 16) if kind is stores.zarr3 else (8, 32, 32))
    write_volume(tmp_path / "new.zarr", source, {}, Notes(source.resolution))
    write_volume(f"{tmp_path / 'new.h5'}:raw", source, {}, Notes(source.resolution))
    source.close()
    assert zarr.open_array(tmp_path / "new.zarr", mode="r").chunks == source.chunk
    with h5py.File(tmp_path / "new.h5") as file:
        assert file["raw"].chunks == source.chunk
    found, stack = read(tmp_path / "new.zarr")
    np.testing.assert_array_equal(found, values)
    assert stack.resolution == pytest.approx(stores.SIZE, rel=1e-9)


def test_hdf5_keeps_what_its_source_says(tmp_path: Path) -> None:
    """Path, attributes, chunks and compression; what is said of axes is said of z, y, x."""
    values = made("uint8")
    with h5py.File(tmp_path / "s.h5", "w") as file:
        data = file.create_dataset("em/grey", data=values.T, chunks=(8, 4, 2), compression="lzf")
        data.attrs.update({"comment": "sample A", "resolution": SIZE[::-1], "gain": 1.5})
        for axis, letter in enumerate("xyz"):
            data.dims[axis].label = letter
    source = open_stack(f"{tmp_path / 's.h5'}:em/grey", "")
    write_volume(tmp_path / "n.h5", source, {}, Notes(source.resolution))
    with h5py.File(tmp_path / "n.h5") as file:
        data = file["em/grey"]
        np.testing.assert_array_equal(data[...], values)
        assert (data.chunks, data.compression) == ((2, 4, 8), "gzip")
        assert (data.attrs["comment"], data.attrs["gain"]) == ("sample A", 1.5)
        assert tuple(data.attrs["resolution"]) == SIZE
        assert "interslice" not in data.attrs
    write_volume(f"{tmp_path / 'm.h5'}:/volumes/labels/mask", source, {}, Notes())
    with h5py.File(tmp_path / "m.h5") as file:
        assert file["volumes/labels/mask"].shape == SHAPE
    source.close()


@pytest.mark.parametrize("ending", [".png", ".TIF", ".bmp"])
def test_a_hole_in_a_folder_is_filled_under_the_name_of_its_number(
    ending: str, tmp_path: Path
) -> None:
    """Other holes stay, and so do the names; what PNG can hold does not become another kind."""
    values = made("uint8", shape=(8, 5, 6))
    (tmp_path / "s").mkdir()
    for z in set(range(8)) - {3, 6}:
        write = tifffile.imwrite if ending == ".TIF" else lambda p, v: Image.fromarray(v).save(p)
        write(tmp_path / "s" / f"em7_z{97 + z:03d}_a{ending}", values[z])
    source = open_stack(tmp_path / "s", "")
    write_volume(f"{tmp_path}/n/", source, {3: Fill(values[3])}, Notes())
    written = {".png": ".png", ".TIF": ".TIF", ".bmp": ".png"}[ending]
    names = [f"em7_z{97 + z:03d}_a{written}" for z in range(8) if z != 6]
    assert sorted(os.listdir(tmp_path / "n")) == names
    found, stack = read(tmp_path / "n")
    assert (stack.first, stack.missing) == (97, {6})
    np.testing.assert_array_equal(found, np.delete(values, 6, axis=0))
    part = source.crop((slice(2, 5), slice(0, 5), slice(1, 4)))
    write_volume(f"{tmp_path}/part/", part, {1: Fill(values[3][:, 1:4])}, Notes())
    assert sorted(os.listdir(tmp_path / "part")) == names[2:5]
    np.testing.assert_array_equal(read(tmp_path / "part")[0], values[2:5, :, 1:4])


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pictures_are_png_where_those_of_the_source_are(dtype: str, tmp_path: Path) -> None:
    values = made(dtype, shape=(4, 5, 6))
    (tmp_path / "s").mkdir()
    for z in range(4):
        Image.fromarray(values[z]).save(tmp_path / "s" / f"{z}.png")
    write_volume(f"{tmp_path}/n/", open_stack(tmp_path / "s", ""), {}, NOTES)
    for z in range(4):
        found = np.asarray(Image.open(tmp_path / "n" / f"{z}.png"))
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values[z])


def test_a_picture_says_that_it_is_synthetic(tmp_path: Path) -> None:
    """The others are the same to the byte, and files from 1 have the number of their names."""
    values = made("uint8", shape=(4, 5, 6))
    (tmp_path / "s").mkdir()
    for z in range(4):
        Image.fromarray(values[z]).save(tmp_path / "s" / f"{z + 1}.png")
    source, notes = open_stack(tmp_path / "s", ""), Notes(None, {3: "synthesised"}, "repair.json")
    write_volume(f"{tmp_path}/marked/", source, {}, notes)
    write_volume(f"{tmp_path}/plain/", source, {}, Notes())
    told = {}
    for z in range(4):
        name = f"{z + 1}.png"
        with Image.open(tmp_path / "marked" / name) as picture:
            told[name] = picture.info
        same = (tmp_path / "marked" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
        assert same == (z != 2)
    mark = {"synthetic": {"3": "synthesised"}, "first": 3, "repair": "repair.json"}
    assert {name: info for name, info in told.items() if info} == {
        "3.png": {"interslice": json.dumps(mark, separators=(",", ":"))}
    }
    np.testing.assert_array_equal(read(tmp_path / "marked")[0], values)


def test_a_mark_leads_to_the_index_of_a_slice(tmp_path: Path) -> None:
    """Of a folder from 1, and of a region of it."""
    values = made("uint8", shape=(6, 5, 6))
    (tmp_path / "s").mkdir()
    for z in range(6):
        Image.fromarray(values[z]).save(tmp_path / "s" / f"{z + 1}.png")
    part = open_stack(tmp_path / "s", "").crop((slice(2, 6), slice(0, 5), slice(0, 6)))
    write_volume(tmp_path / "a.zarr", part, {1: Fill(values[0])}, Notes(None, {4: "synthesised"}))
    array = zarr.open_array(tmp_path / "a.zarr", mode="r")
    marks = array.attrs["interslice"]
    [index] = [int(number) - marks["first"] for number in marks["synthetic"]]
    np.testing.assert_array_equal(array[index], values[0])


def test_names_in_steps_go_on_in_steps(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for number in (8, 10, 14):
        Image.fromarray(made("uint8", shape=(5, 6))).save(tmp_path / "s" / f"s{number}.png")
    assert open_stack(tmp_path / "s", "").names == ("s8.png", "s10.png", "s12.png", "s14.png")


def test_what_is_missing_and_not_filled_is_marked(tmp_path: Path) -> None:
    source = source_of(made("uint8"))
    source.missing, source.first = frozenset({3, 4}), 100
    write_volume(tmp_path / "a.zarr", source, {3: Fill(source.read(0))}, Notes())
    array = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert array.attrs["interslice"] == {"missing": [104], "first": 100}
    np.testing.assert_array_equal(array[3], source.read(0))
    assert not array[4].any()


@pytest.mark.parametrize("name", ["a.tif", "a/", "a.zarr", "a.h5"])
def test_an_inverted_source_looks_the_same(name: str, tmp_path: Path) -> None:
    """TIFF stores the same values and says so; others store the values turned."""
    values = made("uint8")
    filling, expected = filled(values)
    tifffile.imwrite(tmp_path / "s.tif", values, photometric="miniswhite")
    source = open_stack(tmp_path / "s.tif", "")
    assert source.inverted
    write_volume(f"{tmp_path}/{name}", source, filling, NOTES)
    found, stack = read(tmp_path / name)
    source.close()
    kept = name in ("a.tif", "a/")
    assert stack.inverted == kept
    np.testing.assert_array_equal(found, expected if kept else 255 - expected)


def test_a_compressed_tiff_stays_compressed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros(SHAPE, np.uint8), compression="lzw")
    source = open_stack(tmp_path / "s.tif", "")
    write_volume(tmp_path / "n.tif", source, {}, Notes())
    source.close()
    with tifffile.TiffFile(tmp_path / "n.tif") as file:
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert not file.asarray().any()


def test_more_than_4_gb_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for largest, big in ((7 * 37 * 53, False), (7 * 37 * 53 - 1, True)):
        monkeypatch.setattr("bench.volumes.writing.tiff._LARGEST", largest)
        target = tmp_path / f"{big}.tif"
        write_volume(target, source_of(made("uint8")), {}, NOTES)
        with tifffile.TiffFile(target) as file:
            assert file.is_bigtiff == big
            np.testing.assert_array_equal(file.asarray(), made("uint8"))


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.zarr", "a.precomputed", "a.h5"])
def test_a_part_of_a_volume_lies_where_it_was(name: str, tmp_path: Path) -> None:
    size = (40.0, 6.0, 4.0)
    source = source_of(made("uint8"), size)
    source.offset = (80.0, 0.0, 400.0)
    part = source.crop((slice(1, 4), slice(20, 37), slice(8, 40)))
    write_volume(f"{tmp_path}/{name}", part, {}, Notes(size))
    found, stack = read(tmp_path / name)
    np.testing.assert_array_equal(found, made("uint8")[1:4, 20:37, 8:40])
    assert stack.offset == (80.0 + 40, 120.0, 400.0 + 32)


@pytest.mark.parametrize("name", ENDINGS)
def test_the_mask_of_what_was_filled_is_written_like_a_volume(name: str, tmp_path: Path) -> None:
    values = made("float32")
    filling, _ = filled(values)
    mask = FilledMask(source_of(values), filling)
    write_volume(f"{tmp_path}/{name}", mask, {}, NOTES)
    expected = np.zeros(SHAPE, np.uint8)
    expected[2], expected[5][IN_PLACES] = 255, 255
    np.testing.assert_array_equal(READERS[name](tmp_path / name)[0], expected)


def test_a_slice_that_is_filled_is_not_read(tmp_path: Path) -> None:
    """It may be the one that cannot be."""
    values = made("uint8")
    source = source_of(values)
    stored = source.read

    def damaged(z: int) -> np.ndarray:
        if z == 2:
            raise UserError("Slice 2 is damaged.")
        return stored(z)

    source.read = damaged
    filling, expected = filled(values)
    write_volume(tmp_path / "a.h5", source, filling, NOTES)
    np.testing.assert_array_equal(read(tmp_path / "a.h5")[0], expected)


@pytest.mark.parametrize("name", ENDINGS)
def test_what_is_there_is_left_as_it_is(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    target.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        write_volume(f"{tmp_path}/{name}", source_of(made("uint8")), {}, NOTES)
    assert target.read_text() == "mine"
    assert os.listdir(tmp_path) == [target.name]


@pytest.mark.parametrize(
    ("name", "values", "size", "words"),
    [
        ("a.nrrd", made("uint8"), SIZE, r"ends in \.nrrd.*\.ome\.zarr, .*\.h5.*ends in / for"),
        ("s3://mine/a.zarr", made("uint8"), SIZE, "is on a server"),
        ("a.n5", made("float16"), SIZE, "holds float16 values"),
        ("a.precomputed", made("float64"), SIZE, "holds float64 values"),
        ("precomputed://a", made("uint8"), None, "does not say its voxel size"),
        ("a.tif", np.broadcast_to(np.uint8(0), (3, 2**14, 2**14)), SIZE, "too many for a file"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_refused_before_any_work(
    name: str, values: np.ndarray, size: Any, words: str, tmp_path: Path
) -> None:
    source = source_of(values[:, :9, :9], size)
    source.shape = values.shape
    with contextlib.chdir(tmp_path), pytest.raises(UserError, match=words):
        check_target(name, source, size)
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_into_the_source(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for z in range(3):
        Image.fromarray(made("uint8")[z]).save(tmp_path / "s" / f"{z}.png")
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "link").symlink_to(tmp_path / "s")
    source = open_stack(tmp_path / "s", "")
    for target, words in (
        (tmp_path / "s" / "a.tif", "lies in the source"),
        (tmp_path / "s", "is the source, which is never written over; give another name"),
        (tmp_path / "link", "is the source"),
        (tmp_path, "holds the source; give another name"),
    ):
        with pytest.raises(UserError, match=words):
            write_volume(target, source, {}, NOTES)
    (tmp_path / "link").unlink()
    assert sorted(tmp_path.rglob("*")) == before


def test_an_hdf5_source_is_not_written_over(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"] = made("uint8")
    with pytest.raises(UserError, match=r"a\.h5 is the source"):
        check_target(tmp_path / "a.h5", open_stack(tmp_path / "a.h5", "volumes/raw"), SIZE)


@pytest.mark.parametrize("name", ENDINGS)
def test_a_full_disk_is_a_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    """Also where only the last byte of a file is too much."""
    source, there = source_of(made("uint8")), tmp_path / "there"
    write_volume(f"{there}/{name}", source, {}, NOTES)
    sizes = [each.stat().st_size for each in there.rglob("*") if each.is_file()]
    for size in (300, max(sizes) - 1):
        with limited(size), pytest.raises(UserError, match=r"cannot be written \(the disk is full"):
            write_volume(f"{tmp_path}/{name}", source, {}, NOTES)
        assert os.listdir(tmp_path) == ["there"]


def test_so_it_is_for_png(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for z in range(3):
        Image.fromarray(made("uint8")[z]).save(tmp_path / "s" / f"{z}.png")
    with limited(1000), pytest.raises(UserError, match=r"cannot be written \(the disk is full\)"):
        write_volume(f"{tmp_path}/n/", open_stack(tmp_path / "s", ""), {}, NOTES)
    assert os.listdir(tmp_path) == ["s"]


def test_a_folder_that_is_no_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(UserError, match="cannot be written to"):
        write_volume(tmp_path / "f" / "a.zarr", source_of(made("uint8")), {}, NOTES)


def test_two_do_not_write_the_same(tmp_path: Path) -> None:
    with (
        FileLock(tmp_path / ".a.zarr.lock"),
        pytest.raises(UserError, match="Another process is writing"),
    ):
        write_volume(tmp_path / "a.zarr", source_of(made("uint8")), {}, NOTES)


KILLED = """
import os, sys, numpy as np
from bench.volumes.formats.array import ArrayStack
from bench.volumes.writing.content import Notes
from bench.volumes.writing.write_volume import write_volume
values = np.load(sys.argv[1])
for name in sys.argv[2:]:
    if os.fork() == 0:
        write_volume(name, ArrayStack("v", values), {}, Notes(), lambda *_: os._exit(9))
    os.wait()
"""


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    values = made("uint8")
    np.save(tmp_path / "v.npy", values)
    names = [name for name in ENDINGS if name != "a.precomputed"]
    (tmp_path / "n").mkdir()
    targets = [f"{tmp_path}/n/{name}" for name in names]
    words = [sys.executable, "-c", KILLED, str(tmp_path / "v.npy"), *targets]
    subprocess.run(words, check=True, timeout=120)
    parts = {f".{name.rstrip('/')}.part" for name in names}
    assert parts <= set(os.listdir(tmp_path / "n"))
    for name, target in zip(names, targets, strict=True):
        assert not Path(target).exists()
        write_volume(target, source_of(values, None), {}, Notes())
        write_volume(f"{tmp_path}/m/{name}", source_of(values, None), {}, Notes())
    assert digests(tmp_path / "n") == digests(tmp_path / "m")


def test_the_written_volume_is_a_source_like_any_other(tmp_path: Path) -> None:
    """Grey range, numbers of slices and polarity are those of the first."""
    values = made("uint16")
    write_volume(tmp_path / "a.ome.zarr", source_of(values), {}, NOTES)
    with open_volume(tmp_path / "a.ome.zarr", grey_range=(100, 60_000)) as volume:
        scaled = (values[4].astype(float) - 100) * 255 / 59_900
        np.testing.assert_array_equal(volume.slice(4), np.rint(np.clip(scaled, 0, 255)))


@pytest.mark.parametrize("name", ENDINGS)
def test_zeros_keep_their_sign_and_what_is_no_number_its_bits(name: str, tmp_path: Path) -> None:
    """Also in a chunk of which all values equal 0, which a store may leave out."""
    values = np.zeros(SHAPE, np.float32)
    values[:4] = -0.0
    values[4, 0, :2] = np.nan, -np.inf
    write_volume(f"{tmp_path}/{name}", source_of(values), {}, NOTES)
    found, _ = READERS[name](tmp_path / name)
    np.testing.assert_array_equal(found.view(np.uint32), values.view(np.uint32))
    write_volume(f"{tmp_path}/all/{name}", source_of(-np.zeros(SHAPE, np.float32)), {}, NOTES)
    found, _ = READERS[name](tmp_path / "all" / name)
    assert np.signbit(found).all()


@pytest.mark.parametrize("name", ["a.tif", 'é&"1.ome.tif', "a/"])
def test_tiff_says_the_size_of_a_pixel_where_that_of_a_slice_is_not_known(
    name: str, tmp_path: Path
) -> None:
    size = (None, 6.07, 4.1)
    write_volume(f"{tmp_path}/{name}", source_of(made("uint8"), size), {}, Notes(size))
    found, stack = read(tmp_path / name)
    np.testing.assert_array_equal(found, made("uint8"))
    assert stack.resolution is not None
    assert stack.resolution[0] is None
    assert stack.resolution[1:] == pytest.approx(size[1:], rel=1e-9)
