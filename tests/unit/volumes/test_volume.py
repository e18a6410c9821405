"""Volumes: every format gives the same slices; bad files end in one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from bench.base.errors import UserError
from bench.volumes.formats.array import ArrayStack
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume, StackVolume
from segmentation.labels import UNLABELLED

RAW = np.random.default_rng(0).integers(0, 256, (12, 40, 48), dtype=np.uint8)
IDS = np.random.default_rng(1).integers(0, 9, RAW.shape).astype(np.uint64)


def slices(volume) -> np.ndarray:
    with volume:
        return np.stack([volume.slice(z) for z in range(volume.shape[0])])


def cremi(path: Path, raw=RAW, ids=IDS, offset=(0.0, 0.0, 0.0)) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["file_format"] = "0.2"
        file.create_dataset("volumes/raw", data=raw, chunks=(4, 16, 16), compression="gzip")
        file["volumes/raw"].attrs["resolution"] = (40.0, 4.0, 4.0)
        labels = file.create_dataset("volumes/labels/neuron_ids", data=ids)
        labels.attrs["resolution"] = (40.0, 4.0, 4.0)
        labels.attrs["offset"] = offset
    return path


def folder(path: Path, stack: np.ndarray, suffix: str) -> Path:
    path.mkdir()
    for z, image in enumerate(stack):
        if suffix == "png":
            Image.fromarray(image).save(path / f"slice{z}.png")
        else:
            tifffile.imwrite(path / f"slice{z}.tif", image)
    return path


def test_every_format_gives_the_same_slices_and_digest(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "pages.tif", RAW, compression="zlib")
    # One page and a plain block of pixels, as ImageJ writes stacks of more than 4 GB.
    tifffile.imwrite(tmp_path / "block.tif", RAW, imagej=True, truncate=True)
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["some/grey"] = RAW
    sources = [
        cremi(tmp_path / "sample.hdf"),
        f"{tmp_path / 'plain.h5'}:/some/grey",
        tmp_path / "pages.tif",
        tmp_path / "block.tif",
        folder(tmp_path / "pngs", RAW, "png"),
        folder(tmp_path / "tiffs", RAW, "tif"),
    ]
    expected = ArrayVolume("a", RAW).digest
    names = []
    for source in sources:
        volume = open_volume(source)
        names.append(volume.name)
        assert volume.shape == RAW.shape
        assert volume.digest == expected
        np.testing.assert_array_equal(slices(volume), RAW)  # slice10 after slice9, not after 1
    assert names == ["sample", "plain", "pages", "block", "pngs", "tiffs"]


def test_the_digest_changes_with_one_grey_level_and_with_the_shape() -> None:
    other = RAW.copy()
    other[5, 7, 9] ^= 1
    digests = [ArrayVolume("a", r).digest for r in (RAW, other, RAW.reshape(12, 48, 40))]
    assert len(set(digests)) == 3


def test_padded_cremi_labels_lie_at_their_offset(tmp_path: Path) -> None:
    ids = IDS[:4, :10, :12]
    source = cremi(tmp_path / "padded.hdf", ids=ids, offset=(3 * 40.0, 5 * 4.0, 7 * 4.0))
    with open_volume(source) as volume:
        assert volume.voxel_size == (40.0, 4.0, 4.0)
        assert volume.has_labels
        found = np.stack([volume.labels(z) for z in range(12)])
    assert found.dtype == np.uint64
    np.testing.assert_array_equal(found[3:7, 5:15, 7:19], ids)
    found[3:7, 5:15, 7:19] = UNLABELLED
    assert (found == np.uint64(UNLABELLED)).all()


def test_labels_of_their_own_file(tmp_path: Path) -> None:
    raw = folder(tmp_path / "raw", RAW, "tif")
    mask = IDS % 2 == 0
    tifffile.imwrite(tmp_path / "ids.tif", IDS.astype(np.uint16))
    for labels, expected in (
        (tmp_path / "ids.tif", IDS),
        (folder(tmp_path / "masks", mask, "png"), mask),  # 1-bit PNG
    ):
        with open_volume(raw, labels=labels) as volume:
            np.testing.assert_array_equal(volume.labels(10), expected[10])


def test_a_grey_range_maps_other_depths_to_8_bits(tmp_path: Path) -> None:
    deep = np.zeros((3, 4, 4), dtype=np.uint16)
    deep[0, 0] = (500, 1000, 1500, 4000)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="minisblack")
    with open_volume(tmp_path / "deep.tif", grey_range=(1000, 2000)) as volume:
        np.testing.assert_array_equal(volume.slice(0)[0], (0, 0, 128, 255))
    with pytest.raises(UserError, match="--grey-range"):
        open_volume(tmp_path / "deep.tif")
    with pytest.raises(UserError, match="is empty"):
        open_volume(tmp_path / "deep.tif", grey_range=(5, 5))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_are_named_with_their_slice(tmp_path: Path, value: float) -> None:
    grey = RAW.astype(np.float32)
    grey[4, 2, 2] = value
    tifffile.imwrite(tmp_path / "float.tif", grey)
    with pytest.raises(UserError, match=r"Slice 4 .* NaN"):
        slices(open_volume(tmp_path / "float.tif", grey_range=(0, 255)))
    for z, each in enumerate(grey):
        (tmp_path / "slices").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / f"slices/{100 + z}.tif", each)
    with pytest.raises(UserError, match=r"Slice 104 .* NaN"):  # as its file is called
        slices(open_volume(tmp_path / "slices", grey_range=(0, 255)))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists what is mapped")
def test_what_was_read_of_a_plain_tiff_is_not_held(tmp_path: Path) -> None:
    """A mapped file counts as memory of the process, as far as it was read."""
    path = tmp_path / "block.tif"
    tifffile.imwrite(path, RAW, imagej=True, truncate=True)
    with open_volume(path) as volume:
        read = [volume.slice(z) for z in range(len(RAW))]
        assert str(path) not in Path("/proc/self/maps").read_text()
    np.testing.assert_array_equal(read, RAW)


@pytest.mark.parametrize("share", [0.999, 0.7, 0.3, 0.02])
@pytest.mark.parametrize("layout", ["series", "compressed", "pages", "imagej"])
def test_a_truncated_tiff_is_refused(
    tmp_path: Path, layout: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.tif"
    if layout == "pages":
        with tifffile.TiffWriter(path) as writer:
            for image in RAW:
                writer.write(image, contiguous=False, metadata=None)
    else:
        options = {"compressed": {"compression": "zlib"}, "imagej": {"imagej": True}}
        tifffile.imwrite(path, RAW, **options.get(layout, {}))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UserError, match="cut short"):
        slices(open_volume(path))
    assert capfd.readouterr().err == ""  # one sentence is enough


def test_truncated_hdf5_and_png_are_refused(tmp_path: Path) -> None:
    whole = cremi(tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut short"):
        open_volume(tmp_path / "cut.h5")
    files = sorted(folder(tmp_path / "pngs", RAW, "png").iterdir())
    files[5].write_bytes(files[5].read_bytes()[:200])
    with pytest.raises(UserError, match=r"slice.*png cannot be read"):
        slices(open_volume(tmp_path / "pngs"))


def test_colour_is_refused(tmp_path: Path) -> None:
    colour = np.stack([RAW, RAW, 255 - RAW], axis=-1)
    tifffile.imwrite(tmp_path / "colour.tif", colour, photometric="rgb")
    for source in (tmp_path / "colour.tif", folder(tmp_path / "pngs", colour, "png")):
        with pytest.raises(UserError, match="colour"):
            open_volume(source)


def test_what_is_no_volume_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "two.tif", RAW[:2])
    (tmp_path / "notes.txt").write_text("no volume")
    (tmp_path / "empty").mkdir()
    mixed = folder(tmp_path / "mixed", RAW[:3], "tif")
    Image.fromarray(RAW[0]).save(mixed / "a.png")
    uneven = folder(tmp_path / "uneven", RAW[:3], "tif")
    tifffile.imwrite(uneven / "slice1.tif", RAW[0, :20])
    for source, words in (
        (tmp_path / "two.tif", "2 slices"),
        (tmp_path / "absent.tif", "no file or folder"),
        (tmp_path / "notes.txt", "is no volume"),
        (tmp_path / "empty", "no PNG, TIFF, JPEG, BMP, DM3 or DM4 file"),
        (mixed, "mixes"),
        (uneven, "slice1.tif is not like slice0.tif"),
    ):
        with pytest.raises(UserError, match=words):
            slices(open_volume(source))


def test_an_hdf5_file_without_the_dataset_lists_what_it_has(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["em/grey"], file["em/scale"], file["em/two"] = RAW, [1.0], np.stack([RAW, RAW])
    with pytest.raises(UserError, match=r"volumes: /em/grey, /em/two\)"):
        open_volume(tmp_path / "a.h5")
    with pytest.raises(UserError, match=r"4 axes .* --axes czyx --channel 0"):
        open_volume(f"{tmp_path / 'a.h5'}:/em/two")


def test_an_offset_counts_in_voxels_of_either_file_and_else_is_told(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tif"
    tifffile.imwrite(raw, RAW)
    size = {"resolution": (40.0, 4.0, 4.0)}
    for name, values, about in (
        ("part", IDS[3:7], {**size, "offset": (120.0, 0.0, 0.0)}),
        ("all", IDS, {"offset": (120.0, 0.0, 0.0)}),
    ):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["a"] = values
            file["a"].attrs.update(about)
    with open_volume(raw, labels=f"{tmp_path / 'part.h5'}:/a") as volume:
        assert volume.label_box[0] == slice(3, 7)
        np.testing.assert_array_equal(volume.labels(3), IDS[3])
    with open_volume(raw, labels=f"{tmp_path / 'all.h5'}:/a") as volume:
        np.testing.assert_array_equal(volume.labels(0), IDS[0])
        assert "says an offset of (120.0, 0.0, 0.0), which is not used" in volume.notes[-1]


def test_labels_of_another_shape_or_kind_are_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tif"
    tifffile.imwrite(raw, RAW)
    tifffile.imwrite(tmp_path / "short.tif", IDS[:11].astype(np.uint16))
    tifffile.imwrite(tmp_path / "negative.tif", IDS.astype(np.int32) - 5)
    with pytest.raises(UserError, match=r"shape \(11, 40, 48\)"):
        open_volume(raw, labels=tmp_path / "short.tif")
    with (
        open_volume(raw, labels=tmp_path / "negative.tif") as volume,
        pytest.raises(UserError, match="below -1"),
    ):
        volume.labels(0)
    with pytest.raises(UserError, match="offset"):
        open_volume(cremi(tmp_path / "beyond.h5", offset=(40.0, 0.0, 0.0)))


SOME = np.array([[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_minus_one_and_the_largest_value_of_a_type_are_unlabelled(bits: int) -> None:
    signed, unsigned = np.dtype(f"int{bits}"), np.dtype(f"uint{bits}")
    labels = np.stack([SOME] * 3).astype(signed)
    labels[1, 0, 0], labels[1, 1, 1] = -1, np.iinfo(signed).max
    found = ArrayVolume("v", np.zeros((3, 2, 3), np.uint8), labels).labels(1)
    assert found is not None
    assert found.tolist() == [[UNLABELLED, 1, 2], [3, UNLABELLED, 5]]
    labels = np.stack([SOME] * 3).astype(unsigned)
    labels[1, 0, 0] = np.iinfo(unsigned).max
    found = ArrayVolume("v", np.zeros((3, 2, 3), np.uint8), labels).labels(1)
    assert found is not None
    assert found.tolist() == [[UNLABELLED, 1, 2], [3, 4, 5]]


def test_the_largest_value_of_a_mask_is_membrane() -> None:
    mask = np.where(np.stack([SOME] * 3) > 3, 255, 0).astype(np.uint8)
    found = ArrayVolume("v", np.zeros((3, 2, 3), np.uint8), mask).labels(1, "membrane_mask")
    assert found is not None
    assert found.tolist() == [[0, 0, 0], [0, 255, 255]]


@pytest.mark.parametrize(
    ("kind", "value", "refusal"),
    [
        (np.float32, 7.0, None),
        (np.float64, 2.0**40, None),
        (np.float32, -1.0, None),
        (np.float32, 0.5, "no whole numbers"),
        (np.float64, np.nan, "no whole numbers"),
        (np.float32, 2.0**25, "cannot tell apart; store the ids as whole numbers"),
        (np.int16, -3, "below -1"),
    ],
)
def test_whole_floats_are_ids_and_what_is_no_label_is_refused(
    kind: type, value: float, refusal: str | None
) -> None:
    labels = np.stack([SOME] * 3).astype(kind)
    labels[1, 0, 0] = value
    volume = ArrayVolume("v", np.zeros((3, 2, 3), np.uint8), labels)
    if refusal is not None:
        with pytest.raises(UserError, match=rf"Slice 1 of labels of 'v'.*{refusal}"):
            volume.labels(1)
        return
    found = volume.labels(1)
    assert found is not None
    first = UNLABELLED if value == -1 else int(value)
    assert found.tolist() == [[first, 1, 2], [3, 4, 5]]


def test_hdf5_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["grey"] = RAW
    (tmp_path / "secret.bin").write_bytes(RAW.tobytes())
    layout = h5py.VirtualLayout(RAW.shape, np.uint8)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "grey", RAW.shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "grey")
        file.create_dataset(
            "raw", RAW.shape, np.uint8, external=[(str(tmp_path / "secret.bin"), 0, RAW.nbytes)]
        )
        file.create_virtual_dataset("virtual", layout)
    for inner in ("link", "raw", "virtual"):
        with pytest.raises(UserError, match="points to other files"):
            open_volume(f"{tmp_path / 'a.h5'}:/{inner}")


def test_absurd_sizes_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, shape, chunks in (
            ("wide", (10, 10**6, 10**6), (1, 64, 64)),
            ("deep", (10**9, 64, 64), (1, 64, 64)),
            ("lumps", (4000, 4000, 4000), (2000, 1000, 1000)),
        ):
            file.create_dataset(name, shape, np.uint8, chunks=chunks)
    for name, words in (("wide", "read at once"), ("deep", "beyond"), ("lumps", "chunks")):
        with pytest.raises(UserError, match=words):
            slices(open_volume(f"{tmp_path / 'a.h5'}:/{name}"))
    path = tmp_path / "absurd.tif"
    tifffile.imwrite(path, RAW)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for page in file.pages:
            for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                at = page.tags[tag].offset
                content[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(UserError, match="beyond"):
        slices(open_volume(path))


def grey_volume(stack: np.ndarray, grey_range, *, turned: bool) -> StackVolume:
    raw = ArrayStack("v", stack)
    raw.inverted = turned
    return StackVolume("v", raw, None, grey_range)


@pytest.mark.parametrize("turned", [False, True])
def test_8_bit_grey_goes_back_to_the_value_that_is_stored(turned: bool) -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(3, axis=0)
    volume = grey_volume(every, None, turned=turned)
    stored = volume.stored(volume.slice(1).astype(np.float32) / 255)
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, every[1])
    np.testing.assert_array_equal(volume.raw.read(1), every[1])
    beyond = volume.stored(np.array([-0.2, 1.2], np.float32))
    assert beyond.tolist() == ([255, 0] if turned else [0, 255])


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_grey_of_other_depths_goes_back_to_the_value_that_is_stored(
    dtype: str, turned: bool
) -> None:
    """Exactly from float32, where the type has 16 bits; from 8 bits within half a grey level."""
    low, high = 1_000.0, 31_000.0
    stack = np.random.default_rng(0).uniform(low, high, (3, 40, 50)).astype(dtype)
    volume = grey_volume(stack, (low, high), turned=turned)
    shown = (stack[1].astype(np.float32) - np.float32(low)) / np.float32(high - low)
    back = volume.stored(1 - shown if turned else shown)
    assert back.dtype == dtype
    if dtype == "float32":
        np.testing.assert_allclose(back, stack[1], rtol=0, atol=(high - low) * 2**-22)
    else:
        np.testing.assert_array_equal(back, stack[1])
    from_8_bits = volume.stored(volume.slice(1).astype(np.float32) / 255)
    apart = np.abs(from_8_bits.astype(np.float64) - stack[1]).max()
    rounding = 0.0 if dtype == "float32" else 0.5
    assert (high - low) / 600 < apart <= (high - low) / 510 + rounding + 0.01


def test_stored_values_are_those_that_the_type_has() -> None:
    volume = grey_volume(np.zeros((3, 4, 4), np.int16), (-30_000.0, 30_000.0), turned=False)
    assert volume.stored(np.array([-9.0, 9.0], np.float32)).tolist() == [-32768, 32767]
