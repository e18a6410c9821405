"""Grey is what a viewer shows, and labels are the numbers that are stored."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from stores import opened

from bench.base.errors import UserError
from bench.volumes.sources import open_volume

# Without 0 and 255: as ids of 8 bits 255 is unlabelled, and it is 0 upside down.
RAW = np.random.default_rng(0).integers(1, 255, (4, 24, 30), dtype=np.uint8)
IDS = np.random.default_rng(1).integers(0, 200, RAW.shape, dtype=np.uint8)
INVERTING = np.repeat(255 - np.arange(256), 3).astype(np.uint8)


def grey(source: Path, **how) -> np.ndarray:
    with opened(source, **how) as volume:
        return np.stack([volume.slice(z) for z in range(len(RAW))])


def ids(source: Path, labels: Path) -> np.ndarray:
    with open_volume(source, labels=labels) as volume:
        return np.stack([volume.labels(z) for z in range(len(RAW))])


def pictures(folder: Path, images: list[Image.Image], suffix: str, **how) -> Path:
    folder.mkdir()
    for z, image in enumerate(images):
        image.save(folder / f"z{z}.{suffix}", **how)
    return folder


def tiff(path: Path, values: np.ndarray, **how) -> Path:
    tifffile.imwrite(path, values, photometric=how.pop("photometric", "minisblack"), **how)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return tiff(tmp_path / "plain.tif", RAW)


@pytest.mark.parametrize("imagej", [False, True])
def test_where_0_is_white_grey_is_turned_and_labels_are_not(
    tmp_path: Path, plain: Path, imagej: bool
) -> None:
    white = tiff(tmp_path / "white.tif", 255 - RAW, photometric="miniswhite", imagej=imagej)
    np.testing.assert_array_equal(grey(white), RAW)
    labels = tiff(tmp_path / "ids.tif", IDS, photometric="miniswhite")
    np.testing.assert_array_equal(ids(plain, labels), IDS)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_the_grey_range_of_inverted_values_is_that_of_the_file(tmp_path: Path, dtype) -> None:
    """As ImageJ shows it: the range in stored values, with white for the lowest."""
    stored = (1000 + 10 * (255 - RAW.astype(float))).astype(dtype)
    white = tiff(tmp_path / "white.tif", stored, photometric="miniswhite")
    np.testing.assert_array_equal(grey(white, grey_range=(1000, 3550)), RAW)


def test_a_folder_with_black_and_white_exchanged_in_one_file_is_refused(tmp_path: Path) -> None:
    for z, image in enumerate(RAW):
        kind = "miniswhite" if z == 2 else "minisblack"
        tiff(tmp_path / f"z{z}.tif", image, photometric=kind)
    with pytest.raises(UserError, match=r"z2.tif is not like z0.tif: black and white"):
        grey(tmp_path)


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_palettes_show_grey_and_keep_ids(tmp_path: Path, plain: Path, kind: str) -> None:
    def with_palette(values: np.ndarray, palette: np.ndarray) -> list[Image.Image]:
        images = []
        for one in values:
            image = Image.fromarray(one).convert("P")
            image = Image.frombytes("P", image.size, one.tobytes())
            image.putpalette(palette.tobytes())
            images.append(image)
        return images

    inverted = pictures(tmp_path / "inverted", with_palette(255 - RAW, INVERTING), kind)
    np.testing.assert_array_equal(grey(inverted), RAW)
    with Image.open(inverted / "z1.png" if kind == "png" else inverted / "z1.bmp") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("L")), RAW[1])  # PIL agrees
    colours = np.random.default_rng(2).integers(0, 256, 768, dtype=np.uint8)
    coloured = pictures(tmp_path / "coloured", with_palette(IDS, colours), kind)
    np.testing.assert_array_equal(ids(plain, coloured), IDS)
    with pytest.raises(UserError, match="in colour"):
        grey(coloured)


def test_palettes_of_tiff(tmp_path: Path, plain: Path) -> None:
    ramp = (255 - np.arange(256)).astype(np.uint16) * 257
    inverted = tiff(
        tmp_path / "a.tif", 255 - RAW, photometric="palette", colormap=np.stack([ramp] * 3)
    )
    np.testing.assert_array_equal(grey(inverted), RAW)
    colours = np.stack([ramp, ramp[::-1], ramp])
    coloured = tiff(tmp_path / "b.tif", IDS, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(ids(plain, coloured), IDS)
    with pytest.raises(UserError, match="in colour"):
        open_volume(coloured)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_grey_in_equal_channels_is_grey(tmp_path: Path, plain: Path, mode: str) -> None:
    images = [Image.fromarray(one).convert(mode) for one in RAW]
    folder = pictures(tmp_path / "pngs", images, "png")
    np.testing.assert_array_equal(grey(folder), RAW)
    np.testing.assert_array_equal(ids(plain, folder), RAW)


def test_grey_in_equal_channels_of_tiff(tmp_path: Path) -> None:
    three = np.stack([RAW] * 3, -1)
    for number, (values, how) in enumerate([
        (three, {"photometric": "rgb"}),
        (three, {"photometric": "rgb", "compression": "zlib"}),
        (np.stack([RAW] * 3, 1), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.concatenate([three, np.full((*RAW.shape, 1), 255, np.uint8)], -1),
         {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
        (np.stack([RAW, np.full_like(RAW, 255)], -1), {"extrasamples": ["unassalpha"]}),
    ]):  # fmt: skip
        path = tiff(tmp_path / f"{number}.tif", values, **how)
        np.testing.assert_array_equal(grey(path), RAW)


def test_two_grey_samples_of_a_pixel_are_two_channels(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", np.stack([RAW, 255 - RAW], -1), planarconfig="contig")
    with pytest.raises(UserError, match="--channel N, 0 to 1"):
        open_volume(path)
    np.testing.assert_array_equal(grey(path, channel=1), 255 - RAW)


def test_what_is_transparent_is_black_in_grey_and_kept_in_labels(
    tmp_path: Path, plain: Path
) -> None:
    opacity = np.where(np.arange(30) < 6, 0, 255).astype(np.uint8)
    images = [
        Image.merge("LA", [Image.fromarray(one), Image.fromarray(np.tile(opacity, (24, 1)))])
        for one in RAW
    ]
    folder = pictures(tmp_path / "a", images, "png")
    np.testing.assert_array_equal(grey(folder), np.where(opacity > 0, RAW, 0))
    np.testing.assert_array_equal(ids(plain, folder), RAW)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_folders_of_bmp_and_jpeg(tmp_path: Path, plain: Path, mode: str) -> None:
    images = [Image.fromarray(one).convert(mode) for one in RAW]
    np.testing.assert_array_equal(grey(pictures(tmp_path / "bmps", images, "bmp")), RAW)
    folder = pictures(tmp_path / "jpegs", images, "jpg", quality=95)
    with Image.open(folder / "z1.jpg") as image:
        np.testing.assert_array_equal(grey(folder)[1], np.asarray(image.convert("L")))
    with pytest.raises(UserError, match="labels as JPEG"):
        open_volume(plain, labels=folder)


def test_colour_in_a_later_slice_is_refused_with_its_name(tmp_path: Path) -> None:
    images = [Image.fromarray(one).convert("RGB") for one in RAW]
    images[2].putpixel((3, 3), (0, 255, 0))
    with pytest.raises(UserError, match=r"z2.png is in colour"):
        grey(pictures(tmp_path / "a", images, "png"))
    folder = pictures(tmp_path / "b", [one.convert("CMYK") for one in images], "jpg")
    with pytest.raises(UserError, match="in colour"):
        open_volume(folder)


def test_axes_and_channels_are_not_those_of_pictures(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "a", [Image.fromarray(one) for one in RAW], "png")
    for asked in ({"axes": "xyz"}, {"channel": 0}):
        with pytest.raises(UserError, match="neither axes nor channels"):
            opened(folder, **asked)


def deep_png(path: Path, values: np.ndarray, samples: int) -> None:
    """A PNG with several samples of 16 bits in a pixel; Pillow writes none."""
    height, width = values.shape
    pixels = np.repeat(values.astype(">u2")[..., None], samples, axis=-1)
    if samples == 2:
        pixels[..., 1] = 2**16 - 1
    colour = {2: 4, 3: 2}[samples]
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0),
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels)),
        b"IEND": b"",
    }
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks.items():
        crc = zlib.crc32(kind + data)
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
    path.write_bytes(content)


@pytest.mark.parametrize("samples", [2, 3])
def test_several_samples_of_16_bits_are_refused_and_not_cut_to_8(
    tmp_path: Path, plain: Path, samples: int
) -> None:
    (tmp_path / "deep").mkdir()
    for z, values in enumerate(IDS):
        deep_png(tmp_path / "deep" / f"z{z}.png", values.astype(np.uint16) + 1000, samples)
    for given in ({"source": tmp_path / "deep"}, {"source": plain, "labels": tmp_path / "deep"}):
        with pytest.raises(UserError, match="several samples of 16 bits"):
            open_volume(**given)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_less_than_8_bits_is_shown_as_8(
    tmp_path: Path, plain: Path, bits: int, photometric: str
) -> None:
    values = RAW % 2**bits
    path = tiff(tmp_path / "few.tif", values, bitspersample=bits, photometric=photometric)
    with Image.open(path) as image:
        shown = []
        for z in range(len(RAW)):
            image.seek(z)
            shown.append(np.asarray(image.convert("L")))
    np.testing.assert_array_equal(grey(path), np.stack(shown))
    expected = values.astype(np.uint64)
    np.testing.assert_array_equal(ids(plain, path), expected)


def test_labels_as_jpeg_in_a_tiff_are_refused_and_what_may_be_inexact_is_told(
    tmp_path: Path, plain: Path
) -> None:
    jpeg = tiff(tmp_path / "jpeg.tif", IDS, compression="jpeg")
    with pytest.raises(UserError, match="labels as JPEG, which does not keep values exactly"):
        open_volume(plain, labels=jpeg)
    assert np.abs(grey(jpeg).astype(int) - IDS).mean() > 1  # as grey it is taken
    wavelets = tiff(tmp_path / "wavelets.tif", IDS, compression="jpeg2000")
    with open_volume(plain, labels=wavelets) as volume:
        assert "as JPEG 2000, which need not keep values exactly" in volume.notes[-1]
    with open_volume(plain, labels=tiff(tmp_path / "exact.tif", IDS, compression="lzw")) as volume:
        assert volume.notes == ()


def test_a_page_with_black_and_white_exchanged_is_refused(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.ome.tif", RAW, compression="zlib", metadata={"axes": "ZYX"})
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[2].aspage().tags["PhotometricInterpretation"].overwrite(0)
    with pytest.raises(UserError, match=r"Page 2 of .* black and white, or colours"):
        grey(path)
