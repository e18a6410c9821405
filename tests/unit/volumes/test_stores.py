"""One volume in every kind of file: the same triplets; scales, groups, servers; what is refused."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mrcfile
import nibabel
import nrrd
import numpy as np
import pytest
import stores
import tifffile
import zarr
from conftest import neurites
from serving import serving

from bench.base.errors import UserError
from bench.base.progress import open_display
from bench.triplets.build_dataset import build_dataset
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.volumes.formats import array_file, location
from bench.volumes.sources import Given
from segmentation.labels import UNLABELLED

GREY, IDS = (values[:, :96] for values in neurites(depth=20, side=112))
BUILD = {"tile": 40, "stride": 40, "search": 4, "split": "paper"}


def built(data: Path, given: Given, **changes: object) -> TripletFile:
    build_dataset("mine", given, data, open_display(), **BUILD, **changes)
    return TripletFile(dataset_path(data, "mine", 0))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> TripletFile:
    folder = tmp_path_factory.mktemp("tiff")
    source, labels = stores.tiff(folder, GREY), folder / "labels.tif"
    tifffile.imwrite(labels, IDS.astype(np.uint16))
    return built(folder, Given([source], [labels]))


def same_values(source: str | Path, values: np.ndarray, **named: object) -> tuple[float, ...]:
    with stores.opened(source, **named) as volume:
        assert volume.shape == values.shape
        for z, there in enumerate(values):
            np.testing.assert_array_equal(volume.slice(z), there)
        return volume.voxel_size


@pytest.mark.parametrize("kind", stores.KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_gives_the_same_dataset(
    kind: Callable, tmp_path: Path, expected: TripletFile
) -> None:
    """Down to the fingerprint, which holds every pixel, every key and the voxel size."""
    (tmp_path / "ids").mkdir()
    source, labels = kind(tmp_path, GREY), stores.precomputed(
        tmp_path / "ids", IDS, encoding="compressed_segmentation",
        compressed_segmentation_block_size=[8, 8, 8],
    )  # fmt: skip
    size = stores.SIZE if kind in stores.WITHOUT_SIZE else None
    found = built(tmp_path, Given([source], [labels]), voxel_size=size)
    assert found.voxel_size == stores.SIZE
    assert (found.fingerprint == expected.fingerprint) == (size is None)
    assert found.keys.equals(expected.keys)
    for index in range(len(expected)):
        np.testing.assert_array_equal(found.frames(index), expected.frames(index))
        np.testing.assert_array_equal(found.labels(index), expected.labels(index))


@pytest.mark.parametrize("kind", [stores.ome_zarr, stores.zarr3, stores.n5, stores.sharded],
                         ids=lambda kind: kind.__name__)  # fmt: skip
def test_a_volume_on_a_server_gives_the_same_dataset(
    kind: Callable, tmp_path: Path, expected: TripletFile
) -> None:
    source = kind(tmp_path, GREY)
    labels = tmp_path / "labels.tif"
    tifffile.imwrite(labels, IDS.astype(np.uint16))
    with serving(tmp_path) as served:
        found = built(tmp_path, Given([f"{served.address}/{source.name}"], [labels]))
        same_values(f"precomputed://{served.address}/{source.name}/?key=1", GREY)
    assert found.fingerprint == expected.fingerprint


@pytest.mark.parametrize(
    "kind",
    [
        stores.tiff, stores.ome_zarr, stores.n5, stores.precomputed, stores.mrc, stores.nifti,
        stores.dm4,
    ],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_labels_may_be_of_every_kind(kind: Callable, tmp_path: Path) -> None:
    ids = IDS.astype(np.int16 if kind in (stores.mrc, stores.nifti) else np.uint16)
    if kind is stores.mrc:
        with mrcfile.new(tmp_path / "v.mrc") as file:
            file.set_data(ids)
        source = tmp_path / "v.mrc"
    else:
        source = kind(tmp_path, ids)
    with stores.opened(stores.npy(tmp_path, GREY), labels=source) as volume:
        for z in range(20):
            np.testing.assert_array_equal(volume.labels(z), IDS[z])


@pytest.mark.parametrize(
    "kind", [stores.ome_zarr, stores.ome_zarr_05, stores.n5_scales, stores.precomputed],
    ids=lambda kind: kind.__name__,
)  # fmt: skip
def test_a_scale_is_read(kind: Callable, tmp_path: Path) -> None:
    source = kind(tmp_path, GREY)
    assert same_values(source, GREY[:, ::2, ::2], level=1) == (40.0, 12.0, 8.0)
    with pytest.raises(UserError, match=r"has the scales 0 to 1; give one of them with --level"):
        stores.opened(source, level=2)
    with pytest.raises(UserError, match=r"in one scale; leave --level out"):
        stores.opened(stores.npy(tmp_path, GREY), level=1)


def test_a_scale_of_an_image_can_be_named_itself(tmp_path: Path) -> None:
    source = stores.ome_zarr(tmp_path, GREY)
    assert same_values(source / "s1", GREY[:, ::2, ::2]) == (40.0, 12.0, 8.0)
    source = stores.n5_scales(tmp_path, GREY)
    assert same_values(source / "em" / "s1", GREY[:, ::2, ::2]) == (40.0, 12.0, 8.0)


def image_with_axes(path: Path, values: np.ndarray, axes: dict[str, str], size: list) -> Path:
    """An OME-Zarr image of one scale; its axes by name, with the unit of each, or none."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=values)
    named = [{"name": name} | ({"unit": unit} if unit else {}) for name, unit in axes.items()]
    scale = [{"type": "scale", "scale": size}]
    group.attrs["multiscales"] = [
        {"axes": named, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    ]
    return path


@pytest.mark.parametrize("other", ["view", "s"])
def test_an_axis_of_an_image_with_another_name_leaves_those_of_the_others(
    other: str, tmp_path: Path
) -> None:
    units = dict.fromkeys("xyz", "nanometer")
    source = image_with_axes(tmp_path / "v", GREY.T[None], {other: "", **units}, [1, 4, 6, 40])
    assert same_values(source, GREY) == stores.SIZE
    without = dict.fromkeys([other, *"zyx"], "")
    source = image_with_axes(tmp_path / "u", GREY[None], without, [1, 0.04, 0.006, 0.004])
    with stores.opened(source) as volume:
        assert volume.voxel_size is None
        assert volume.notes[0].count("without a unit, which is not used; say what is right") == 1


@pytest.mark.parametrize(
    ("axes", "believed"),
    [
        ({"a": "", "b": "", "d": ""}, False),
        ({"t": "second", "y": "nanometer", "x": "nanometer"}, False),
        ({"section": "nanometer", "y": "nanometer", "x": "nanometer"}, True),
    ],
)
def test_an_axis_that_is_read_as_z_has_a_unit_of_length(
    axes: dict[str, str], believed: bool, tmp_path: Path
) -> None:
    with stores.opened(image_with_axes(tmp_path / "v", GREY, axes, [40, 6, 4])) as volume:
        assert volume.voxel_size == (stores.SIZE if believed else None)
        assert ("40 x 6 x 4 without a unit" in " ".join(volume.notes)) is not believed


def test_a_time_that_is_read_as_z_is_no_length(tmp_path: Path) -> None:
    axes = {"t": "second", **dict.fromkeys("zyx", "nanometer")}
    source = image_with_axes(tmp_path / "v", GREY[:, None], axes, [7, 40, 6, 4])
    with stores.opened(source) as volume:
        assert volume.voxel_size is None
        assert "says no length for an axis that is read as z" in " ".join(volume.notes)


def test_labels_of_an_image_lie_in_it(tmp_path: Path) -> None:
    """``--labels IMAGE`` takes its labels group, at the scale that is read."""
    source = stores.ome_zarr(tmp_path, GREY)
    image = zarr.open_group(source / "labels" / "cells", mode="w", zarr_format=2)
    image.attrs["multiscales"] = stores.scales((0.04, 0.006, 0.004), "micrometer")
    for level in range(2):
        image.create_array(f"s{level}", data=IDS[None, :, :: 2**level, :: 2**level])
    zarr.open_group(source / "labels", mode="a", zarr_format=2)
    with stores.opened(source, labels=source, level=1) as volume:
        np.testing.assert_array_equal(volume.labels(3), IDS[3, ::2, ::2])
        np.testing.assert_array_equal(volume.slice(3), GREY[3, ::2, ::2])
    assert stores.opened(source).has_labels is False
    zarr.open_group(source / "labels" / "nuclei", mode="w", zarr_format=2).create_array(
        "a", data=IDS
    )
    with pytest.raises(UserError, match=r"holds 2 arrays \(cells, nuclei/a\)"):
        stores.opened(source, labels=source)


@pytest.mark.parametrize("version", [2, 3])
def test_a_group_with_one_array_is_that_array(tmp_path: Path, version: int) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array("em/raw", data=GREY)
    same_values(tmp_path / "a.zarr", GREY)
    same_values(tmp_path / "a.zarr" / "em" / "raw", GREY)
    group.create_array("em/other", data=GREY)
    with pytest.raises(UserError, match=r"2 arrays \(em/other, em/raw\); name one .*zarr/em/other"):
        stores.opened(tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / "em")
    with pytest.raises(UserError, match=r"holds no Zarr array that can be found; check the path"):
        stores.opened(tmp_path / "a.zarr")
    with stores.opened(stores.npy(tmp_path, GREY)) as volume:
        assert volume.name == "v"


@pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")
@pytest.mark.parametrize("version", [2, 3])
def test_a_group_on_a_server_is_searched_by_its_metadata(tmp_path: Path, version: int) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    group.create_array("em/raw", data=GREY)
    with serving(tmp_path) as served:
        source = f"{served.address}/a.zarr"
        with pytest.raises(UserError, match="cannot be searched, so name the array in it"):
            stores.opened(source)
        same_values(f"{source}/em/raw", GREY)
        zarr.consolidate_metadata(tmp_path / "a.zarr", zarr_format=version)
        same_values(source, GREY)


def test_arrays_of_an_n5_without_scales(tmp_path: Path) -> None:
    stores.n5(tmp_path / "v.n5" / "a", GREY)
    shutil.move(tmp_path / "v.n5" / "a" / "v.n5", tmp_path / "v.n5" / "raw")
    assert same_values(tmp_path / "v.n5", GREY) == stores.SIZE
    shutil.copytree(tmp_path / "v.n5" / "raw", tmp_path / "v.n5" / "a" / "ids")
    with pytest.raises(UserError, match=r"holds 2 arrays \(a/ids, raw\)"):
        stores.opened(tmp_path / "v.n5")


def test_the_transform_of_an_n5_names_its_axes(tmp_path: Path) -> None:
    source = stores.n5(tmp_path, GREY)
    transform = {"axes": ["z", "y", "x"], "scale": [0.03, 0.008, 0.008], "units": ["um"] * 3,
                 "translate": [0, 0, 0]}  # fmt: skip
    stores.add(source / "attributes.json", {"transform": transform})
    assert same_values(source, GREY) == (30.0, 8.0, 8.0)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ({"scales": [[1, 1, 1], [2, 2, 1]]}, (30.0, 12.0, 12.0)),  # N5 Viewer
        ({"downsamplingFactors": [[1, 1, 1], [2, 2, 1]]}, (30.0, 12.0, 12.0)),  # BigDataViewer
        ({}, None),
    ],
)
def test_how_much_coarser_a_scale_of_an_n5_is(
    tmp_path: Path, group: dict[str, object], expected: tuple[float, ...] | None
) -> None:
    source = stores.n5_scales(tmp_path, GREY) / "em"
    about = source / "s1" / "attributes.json"
    plain = json.loads(about.read_text())
    del plain["downsamplingFactors"]
    about.write_text(json.dumps(plain))
    sizes = {"pixelResolution": {"dimensions": [6, 6, 30], "unit": "nm"}, **group}
    (source / "attributes.json").write_text(json.dumps(sizes))
    for place, level in ((source, 1), (source / "s1", 0)):
        with stores.opened(place, level=level) as volume:
            assert volume.voxel_size == expected
            assert any("how much coarser" in note for note in volume.notes) == (expected is None)


def test_n5_labels_lie_at_their_offset(tmp_path: Path) -> None:
    source = stores.n5(tmp_path, GREY)
    (tmp_path / "ids").mkdir()
    labels = stores.n5(tmp_path / "ids", IDS[4:12])
    z, y, x = stores.SIZE
    stores.add(labels / "attributes.json", {"offset": [0, 0, 4 * z]})
    with stores.opened(source, labels=labels) as volume:
        assert volume.label_box == (slice(4, 12), slice(0, GREY.shape[1]), slice(0, GREY.shape[2]))
        np.testing.assert_array_equal(volume.labels(5), IDS[5])
    moved = stores.n5(tmp_path / "ids" / "b", IDS)
    stores.add(moved / "attributes.json", {"offset": [2 * x, y, 0]})
    with pytest.raises(UserError, match="is not within the"):
        stores.opened(source, labels=moved)


def test_labels_in_one_scale_are_read_beside_a_coarser_scale(tmp_path: Path) -> None:
    source = stores.ome_zarr(tmp_path, GREY)
    (tmp_path / "ids").mkdir()
    labels = stores.precomputed(tmp_path / "ids", IDS[:, ::2, ::2])
    z, y, x = stores.SIZE
    info = json.loads((labels / "info").read_text())
    info["scales"] = [{**info["scales"][0], "resolution": [2 * x, 2 * y, z]}]
    (labels / "info").write_text(json.dumps(info))
    with stores.opened(source, labels=labels, level=1) as volume:
        np.testing.assert_array_equal(volume.labels(3), IDS[3, ::2, ::2])


@pytest.mark.parametrize("kind", [stores.precomputed, stores.packed], ids=["plain", "packed"])
def test_precomputed_labels_lie_at_their_offset(kind: Callable, tmp_path: Path) -> None:
    source = kind(tmp_path, GREY, corner=(100, 200, 300))
    (tmp_path / "ids").mkdir()
    part = IDS[4:12, 32:64, 64:]
    labels = kind(tmp_path / "ids", part, corner=(104, 232, 364))
    with stores.opened(source, labels=labels) as volume:
        assert volume.label_box == (slice(4, 12), slice(32, 64), slice(64, 112))
        np.testing.assert_array_equal(volume.labels(5)[32:64, 64:], IDS[5, 32:64, 64:])


@pytest.mark.parametrize("stray", ["Thumbs.db", ".DS_Store", "0-32_0-32_0-8.__lock"])
def test_chunks_are_packed_whatever_else_is_listed_before_them(stray: str, tmp_path: Path) -> None:
    """Whether a disk lists the oldest file first, the newest, or any."""
    source = stores.packed(tmp_path, GREY)
    for folder in source.glob("*_*"):
        chunks = {file: file.read_bytes() for file in folder.iterdir()}
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / stray).touch()
        for file, content in chunks.items():
            file.write_bytes(content)
        for number in range(300):
            (folder / f"{stray}{number}").touch()
    same_values(source, GREY)


@pytest.mark.parametrize("ending", [".br", ".zst"])
def test_chunks_that_are_packed_in_another_way_are_refused(ending: str, tmp_path: Path) -> None:
    source = stores.packed(tmp_path, GREY)
    for file in source.glob("*_*/*.gz"):
        file.rename(file.with_suffix(ending))
    with pytest.raises(UserError, match=rf"chunks .* packed as \{ending}, which is not read"):
        stores.opened(source)


def test_a_layer_on_a_server_is_fetched_once_and_side_by_side(tmp_path: Path) -> None:
    source = stores.zarr2(tmp_path, GREY)  # 3 layers of 3 x 4 chunks
    with serving(tmp_path, wait_s=0.05) as served:
        same_values(f"{served.address}/{source.name}", GREY)
    chunks = {name: count for name, count in served.fetched.items() if not name.endswith("arr")
              and ".z" not in name.rpartition("/")[2]}  # fmt: skip
    assert len(chunks) == 36
    assert set(chunks.values()) == {1}
    assert served.at_once >= 4


def test_a_volume_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucket" / "em").mkdir(parents=True)
    stores.zarr3(tmp_path / "bucket" / "em", GREY)
    with serving(tmp_path) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", served.address)
        assert same_values("s3://bucket/em/v.zarr", GREY) == stores.SIZE


def test_a_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    location.library_context.cache_clear()
    monkeypatch.setattr(location, "_RETRIES", {"max_retries": 1, "initial_delay": "1ms"})
    refused = pytest.raises(UserError, match=r"holds no Zarr, N5 or neuroglancer precomputed")
    with serving(tmp_path) as served, refused:
        stores.opened(f"{served.address}/nothing")
    with pytest.raises(UserError, match=r"cannot be fetched \(.*onnect.*\); check the address"):
        stores.opened(f"{served.address}/a.zarr")
    location.library_context.cache_clear()


# MRC


def stamped(path: Path, values: np.ndarray, *, flags: int | None, highest: float = 0.0) -> Path:
    """Bytes with IMOD's stamp and flags, or without them."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(values.view(np.int8))
        file.header.dmax = highest
    if flags is not None:
        content = bytearray(path.read_bytes())
        content[152:160] = np.array([1146047817, flags], "<i4").tobytes()
        path.write_bytes(content)
    return path


def test_which_bytes_of_an_mrc_are_unsigned(tmp_path: Path) -> None:
    path, signed = tmp_path / "a.rec", GREY ^ 128
    same_values(stamped(path, GREY, flags=0), GREY)  # IMOD, unsigned
    same_values(stamped(path, signed, flags=1, highest=200), GREY)  # IMOD, signed
    same_values(stamped(path, GREY, flags=None, highest=200), GREY)  # no signed byte is 200
    same_values(stamped(path, signed, flags=None, highest=100), GREY)  # the standard
    ids = np.array([[[0, 1], [-1, 127]]] * 3, np.int8)
    stamped(path, ids, flags=None)
    with stores.opened(stores.npy(tmp_path, ids.view(np.uint8)), labels=path) as volume:
        assert volume.labels(0).tolist() == [[0, 1], [UNLABELLED, UNLABELLED]]


def test_an_mrc_says_its_axes_and_size(tmp_path: Path) -> None:
    path = stores.mrc(tmp_path, GREY)
    with mrcfile.open(path, "r+") as file:
        file.header.mapc, file.header.maps = 3, 1
    with stores.opened(path) as volume:  # columns run along z
        assert volume.shape == GREY.shape[::-1]
        np.testing.assert_array_equal(volume.slice(5), GREY[:, :, 5].T)
    with mrcfile.new(tmp_path / "b.st") as file:
        file.set_data((GREY ^ 128).view(np.int8))
        file.voxel_size = 1.0  # as IMOD writes it where nobody knows
    assert same_values(tmp_path / "b.st", GREY) is None


# NRRD, NIfTI, NumPy


def test_a_voxel_size_without_a_unit_is_told_and_not_used(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), GREY.T, {"spacings": [4, 6, 40]})
    nibabel.save(nibabel.Nifti1Image(GREY.T, np.diag([4, 6, 40, 1])), tmp_path / "a.nii")
    source = stores.zarr3(tmp_path, GREY)
    assert same_values(source, GREY) == stores.SIZE
    for path, words in (("a.nrrd", "40 x 6 x 4"), ("a.nii", "4 x 6 x 40")):
        with stores.opened(tmp_path / path) as volume:
            assert volume.voxel_size is None
            assert any(f"{words} without a unit" in note for note in volume.notes)


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_an_nrrd_of_several_members(encoding: str, pack: Callable, tmp_path: Path) -> None:
    """As pigz, bgzip and pbzip2 write."""
    source = stores.nrrd_file(tmp_path, GREY, encoding)
    header = source.read_bytes().partition(b"\n\n")[0] + b"\n\n"
    content = GREY.tobytes()
    members = pack(content[:9000]), pack(content[9000:9500]), pack(content[9500:])
    source.write_bytes(header + b"".join(members))
    assert same_values(source, GREY) == stores.SIZE
    for damaged in (members[:2], (*members[:2], members[2][:-1000]), (*members[:2], b"other")):
        source.write_bytes(header + b"".join(damaged))
        with pytest.raises(UserError, match=r"v\.nrrd .*cut short or damaged"):
            stores.opened(source)


def test_packed_chunks_of_several_members(tmp_path: Path) -> None:
    source = stores.packed(tmp_path, GREY)
    for file in source.glob("*_*/*.gz"):
        content = gzip.decompress(file.read_bytes())
        file.write_bytes(gzip.compress(content[:99]) + gzip.compress(content[99:]))
    same_values(source, GREY)
    for file in source.glob("*_*/*.gz"):
        file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"\.gz .*cut short or damaged"):
        same_values(source, GREY)


def test_channels_of_an_nrrd_and_times_of_a_nifti(tmp_path: Path) -> None:
    two = np.stack([GREY, 255 - GREY])
    header = {"kinds": ["list", "space", "space", "space"]}
    nrrd.write(str(tmp_path / "a.nrrd"), np.moveaxis(two, 0, -1).T, header)
    with pytest.raises(UserError, match=r"say which channel is read with --channel N, 0 to 1"):
        stores.opened(tmp_path / "a.nrrd")
    same_values(tmp_path / "a.nrrd", 255 - GREY, channel=1)
    nibabel.save(nibabel.Nifti1Image(two.T, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(UserError, match=r"2 axes beside y and x"):
        stores.opened(tmp_path / "a.nii")
    same_values(tmp_path / "a.nii", 255 - GREY, axes="xyzc", channel=1)


def test_scaled_values_of_a_nifti(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(GREY.T, np.eye(4))
    image.header.set_slope_inter(2.0, 10.0)
    nibabel.save(image, tmp_path / "a.nii")
    with stores.opened(tmp_path / "a.nii", grey_range=(10.0, 520.0)) as volume:
        np.testing.assert_array_equal(volume.slice(3), GREY[3])


def test_arrays_of_an_npz_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", grey=GREY, ids=IDS)
    with pytest.raises(UserError, match=r"holds 2 arrays \(grey, ids\); name one as FILE.npz:/nam"):
        stores.opened(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"no array 'raw'"):
        stores.opened(f"{tmp_path}/a.npz:/raw")
    labels = f"{tmp_path}/a.npz:/ids"
    with stores.opened(f"{tmp_path}/a.npz:/grey", labels=labels) as volume:
        np.testing.assert_array_equal(volume.labels(3), IDS[3])


def test_slices_across_the_stored_order(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ascontiguousarray(GREY.T))
    same_values(tmp_path / "a.npy", GREY, axes="xyz")
    np.save(tmp_path / "b.npy", np.asfortranarray(GREY.astype(">u2")))
    with stores.opened(tmp_path / "b.npy", grey_range=(0.0, 255.0)) as volume:
        np.testing.assert_array_equal(volume.slice(19), GREY[19])


# What is refused


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trap = np.empty((4, 4, 4), dtype=object)
    trap[:] = Trap(tmp_path / "mark")
    np.save(tmp_path / "a.npy", trap, allow_pickle=True)
    np.savez(tmp_path / "a.npz", trap)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(UserError, match=rf"{name} cannot be read"):
            stores.opened(tmp_path / name)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("kind", stores.KINDS, ids=lambda kind: kind.__name__)
def test_damage_ends_in_one_sentence(kind: Callable, tmp_path: Path) -> None:
    """Cut files, foreign bytes and wrong numbers: refused or read, and nothing else."""
    random = np.random.default_rng(0)
    source = str(kind(tmp_path, GREY))
    root = Path(source.partition(":")[0])
    files = [root] if root.is_file() else sorted(f for f in root.rglob("*") if f.is_file())
    refused = 0
    for turn in range(24):
        file = files[0] if turn < 4 else files[int(random.integers(len(files)))]
        whole = file.read_bytes()
        damaged = bytearray(whole)
        place = int(random.integers(len(whole) if turn % 2 else min(len(whole), 512)))
        if turn % 4 == 0:
            del damaged[place:]
        elif turn % 4 == 1:
            damaged[place : place + 16] = b"\xff" * 16
        elif turn % 4 == 2:
            damaged[place : place + 1] = b"999999999"
        else:
            damaged = bytearray(random.bytes(300))
        file.write_bytes(damaged)
        try:
            with stores.opened(source) as volume:
                for z in range(volume.shape[0]):
                    volume.slice(z)
        except UserError as error:
            refused += 1
            assert str(error).endswith(".")
            assert str(error).isprintable()
            assert len(str(error)) < 700
        file.write_bytes(whole)
    assert refused >= 4
    same_values(source, GREY)


def test_what_would_take_all_memory_is_refused(tmp_path: Path) -> None:
    """TensorStore ends the process where it gets no memory, so nobody may ask it for that."""
    source = stores.zarr2(tmp_path, GREY)
    array = json.loads((source / ".zarray").read_text())
    for changes, words in (
        ({"chunks": [10**6] * 3}, r"stored in chunks of \(1000000, .* too large to read"),
        (
            {"shape": [100, 10**6, 10**6]},
            r"1000000 x 1000000 pixels, .* or --region to take a part",
        ),
    ):
        (source / ".zarray").write_text(json.dumps({**array, **changes}))
        with pytest.raises(UserError, match=words), stores.opened(source) as volume:
            volume.slice(0)


@pytest.mark.parametrize("kind", [stores.npz, stores.nrrd_file, stores.packed_nifti],
                         ids=lambda kind: kind.__name__)  # fmt: skip
def test_what_is_compressed_in_one_piece_has_a_largest_size(
    kind: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_file, "MAX_BYTES_HELD", GREY.nbytes - 1)
    with pytest.raises(UserError, match=r"in one piece, and takes more memory .* anew without"):
        stores.opened(kind(tmp_path, GREY))


def test_codecs_that_are_not_read_are_called_that(tmp_path: Path) -> None:
    source = stores.zarr2(tmp_path, GREY)
    array = json.loads((source / ".zarray").read_text())
    (source / ".zarray").write_text(json.dumps({**array, "compressor": {"id": "lz4"}}))
    with pytest.raises(UserError, match=r"stored with 'lz4', which is not read; store it anew"):
        stores.opened(source)


def test_an_nrrd_that_names_another_file_is_refused(tmp_path: Path) -> None:
    source = stores.raw_nrrd(tmp_path, GREY)
    source.write_bytes(
        source.read_bytes().replace(b"encoding", b"data file: /etc/passwd\nencoding")
    )
    with pytest.raises(UserError, match=r"'data file' that its data begin elsewhere"):
        stores.opened(source)


def test_libraries_of_other_formats_are_not_imported(tmp_path: Path) -> None:
    source = stores.tiff(tmp_path, GREY)
    program = (
        "import sys\nfrom bench.volumes.sources import open_volume\n"
        f"open_volume({str(source)!r}).slice(0)\n"
        "others = ('tensorstore', 'mrcfile', 'nrrd', 'nibabel', 'rsciio', 'dask')\n"
        "print([name for name in others if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert answer.stdout.strip() == "[]"


def test_an_unknown_kind_is_told_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.czi").write_bytes(b"other")
    (tmp_path / "none").mkdir()
    with pytest.raises(
        UserError, match=r"HDF5 .*, TIFF, MRC .*, DM3, DM4, NRRD, NIfTI .*NumPy .*N5"
    ):
        stores.opened(tmp_path / "a.czi")
    with pytest.raises(UserError, match=r"DM4 file, and no Zarr, N5 or precomputed volume"):
        stores.opened(tmp_path / "none")
