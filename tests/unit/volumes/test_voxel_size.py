"""Voxel sizes: read in whatever unit a file has, never invented, refused where impossible."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from conftest import moving_texture
from stores import opened

from bench.base.errors import UserError
from bench.scores.cautions import pixel_size_caution
from bench.scores.record_facts import DatasetFacts
from bench.triplets.build import build
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.formats.voxel_size import doubt_size
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume

RAW = np.random.default_rng(0).integers(0, 256, (5, 24, 30), dtype=np.uint8)


def size_of(source: str | Path, **asked):
    with opened(source, **asked) as volume:
        return volume.voxel_size


def tiff(path: Path, values: np.ndarray = RAW, **how) -> Path:
    tifffile.imwrite(path, values, photometric="minisblack", **how)
    return path


def hdf5(path: Path, values: np.ndarray = RAW, **attributes) -> str:
    with h5py.File(path, "w") as file:
        file["a"] = values
        file["a"].attrs.update(attributes)
    return f"{path}:/a"


@pytest.mark.parametrize(
    ("unit", "sides"), [("nm", (40, 4, 5)), ("µm", (0.04, 0.004, 0.005)), ("Å", (400, 40, 50))]
)
def test_ome(tmp_path: Path, unit: str, sides) -> None:
    sizes = {f"PhysicalSize{axis}": side for axis, side in zip("ZYX", sides, strict=True)}
    units = {f"PhysicalSize{axis}Unit": unit for axis in "ZYX"}
    path = tiff(tmp_path / "a.ome.tif", metadata={"axes": "ZYX", **sizes, **units})
    assert size_of(path) == pytest.approx((40, 4, 5))


def test_ome_of_several_images_is_that_of_the_stack(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for values, side in ((RAW[0], 100.0), (RAW, 4.0)):  # an overview, in as many pixels
            sizes = {f"PhysicalSize{axis}": side for axis in "XY"}
            units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XY"}
            axes = "ZYX"[3 - values.ndim :]
            metadata = {"axes": axes, **sizes, **units}
            file.write(values, photometric="minisblack", metadata=metadata)
    assert size_of(path) == (None, 4, 4)


def test_ome_without_units_is_in_micrometres_and_without_z_it_is_not_known(tmp_path: Path) -> None:
    sizes = {"PhysicalSizeX": 0.004, "PhysicalSizeY": 0.004}
    path = tiff(tmp_path / "a.ome.tif", metadata={"axes": "ZYX", **sizes})
    assert size_of(path) == (None, pytest.approx(4), pytest.approx(4))
    assert size_of(tiff(tmp_path / "b.ome.tif", metadata={"axes": "ZYX"})) is None


@pytest.mark.parametrize(
    ("unit", "factor"), [("nm", 1), ("micron", 1e-3), ("um", 1e-3), ("\\u00B5m", 1e-3)]
)
def test_imagej(tmp_path: Path, unit: str, factor: float) -> None:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 40 * factor}
    resolution = (1 / (5 * factor), 1 / (4 * factor))  # x, y: pixels per unit
    path = tiff(tmp_path / "a.tif", imagej=True, metadata=metadata, resolution=resolution)
    assert size_of(path) == pytest.approx((40, 4, 5), rel=1e-5)
    del metadata["spacing"]
    path = tiff(tmp_path / "b.tif", imagej=True, metadata=metadata, resolution=resolution)
    assert size_of(path) == (None, pytest.approx(4, rel=1e-5), pytest.approx(5, rel=1e-5))


def test_tiff_resolution_counts_where_it_is_that_of_a_microscope(tmp_path: Path) -> None:
    fine = tiff(tmp_path / "a.tif", resolution=(2e6, 2.5e6), resolutionunit="CENTIMETER")
    assert size_of(fine) == (None, pytest.approx(4), pytest.approx(5))
    for number, (dots, unit) in enumerate(
        [(72, 2), (300, 2), (1200, 2), (28, 3), (1, 1), (5e6, 1)]
    ):
        path = tiff(tmp_path / f"{number}.tif", resolution=(dots, dots), resolutionunit=unit)
        assert size_of(path) is None
    inch = {"axes": "ZYX", "unit": "inch"}
    path = tiff(tmp_path / "b.tif", imagej=True, metadata=inch, resolution=(72, 72))
    assert size_of(path) is None


def test_hdf5_attributes_and_their_units(tmp_path: Path) -> None:
    for number, (attributes, expected) in enumerate([
        ({"resolution": (40.0, 4.0, 5.0)}, (40, 4, 5)),
        ({"resolution": (40.0, 4.0, 5.0), "unit": "nm"}, (40, 4, 5)),
        ({"resolution": (0.04, 0.004, 0.005), "unit": "um"}, (40, 4, 5)),
        ({"resolution": (0.04, 0.004, 0.005), "units": [b"um", b"um", b"um"]}, (40, 4, 5)),
        ({"element_size_um": (0.04, 0.004, 0.005)}, (40, 4, 5)),
        ({"resolution": 4.0}, None),
        ({}, None),
    ]):  # fmt: skip
        found = size_of(hdf5(tmp_path / f"{number}.h5", **attributes))
        assert found == (None if expected is None else pytest.approx(expected))
    for bad in ({"unit": "furlong"}, {"units": ["nm", "um", "um"]}):
        with pytest.raises(UserError, match="not one unit of length"):
            open_volume(hdf5(tmp_path / "bad.h5", resolution=(40.0, 4.0, 4.0), **bad))


def test_hdf5_numbers_are_in_the_order_of_the_stored_axes(tmp_path: Path) -> None:
    turned = hdf5(tmp_path / "a.h5", RAW.T, resolution=(5.0, 4.0, 40.0))
    assert size_of(turned, axes="xyz") == (40, 4, 5)
    five = hdf5(tmp_path / "b.h5", RAW[None, ..., None], resolution=(1.0, 40.0, 4.0, 5.0, 1.0))
    assert size_of(five) == (40, 4, 5)


def build_with(tmp_path: Path, *sizes, **options):
    grey = np.random.default_rng(0).integers(60, 200, (24, 64, 64), dtype=np.uint8)
    grey = (grey // 4 + 40 * (np.arange(64) // 8 % 2)[None, None]).astype(np.uint8)
    volumes = [
        ArrayVolume("ab"[number], grey + np.uint8(number), voxel_size=size)
        for number, size in enumerate(sizes)
    ]
    rules = {"continuity": 1e9, "floor": -1, "duplicate": 1e9, "blur": 1e9, "defect": 1}
    settings = BuildOptions(tile=32, stride=32, search=1, rules=rules, **options)
    target = tmp_path / "t.h5"
    build("m", volumes, load_card("m"), settings, target, replace=True)
    with TripletFile(target) as file:
        return file.voxel_size, dict(describe(file))["voxel size"], file.facts()


@pytest.mark.parametrize(
    ("size", "meaning"),
    [
        ((0.04, 0.004, 0.004), "perhaps they are micrometres"),
        ((4e-8, 4e-9, 4e-9), "perhaps they are metres"),
        ((4.0, 4.0, 40.0), "perhaps the order is x, y, z"),
        ((40.0, 4.0, 40.0), "about as long as wide"),
        ((40.0, 4000.0, 4000.0), "a pixel is finer than 1000 nm"),
        ((1000.0, 1000.0, 1000.0), "a pixel is finer than 1000 nm"),  # written where nobody knows
        ((None, 0.004, 0.004), "perhaps they are micrometres"),
    ],
)
def test_a_size_that_cannot_be_one_is_refused_and_can_be_overruled(
    tmp_path: Path, size, meaning: str
) -> None:
    with pytest.raises(UserError, match=rf"cannot be: .*{meaning}.*--voxel-size"):
        build_with(tmp_path, size)
    assert build_with(tmp_path, size, voxel_size="40,4,4")[0] == (40, 4, 4)
    # What is given is believed, and doubted alike.
    assert meaning in doubt_size(size)
    assert doubt_size((40.0, 4.0, 4.0)) == doubt_size(None) == ""


def test_a_voxel_of_1_nm_that_nobody_said_is_doubted(tmp_path: Path) -> None:
    for size, said, doubted in (
        ((1.0, 1.0, 1.0), None, True), ((1.0, 1.0, 1.0), (1, 1, 1), False),
        ((30.0, 1.0, 1.0), None, False),
    ):  # fmt: skip
        volume = ArrayVolume("a", moving_texture(), voxel_size=size)
        options = BuildOptions(tile=80, stride=80, search=4, voxel_size=said)
        target = tmp_path / "t.h5"
        summary = build("m", [volume], load_card("m"), options, target, replace=True)
        assert any("1 x 1 x 1 nm" in words for words in summary.cautions) == doubted


@pytest.mark.parametrize(
    "size",
    [(40.0, 4.0, 4.0), (4.0, 4.0, 4.0), (8.0, 5.2, 4.1), (70.0, 0.5, 0.5), (50.0, 130.0, 130.0)],
)
def test_sizes_of_real_volumes_are_taken(tmp_path: Path, size) -> None:
    assert build_with(tmp_path, size)[0] == size


def test_volumes_of_different_voxels_are_not_joined(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'a' and 40 x 8 x 8 nm in 'b'"):
        build_with(tmp_path, (40.0, 4.0, 4.0), (40.0, 8.0, 8.0))
    assert build_with(tmp_path, (40.0, 4.0, 4.0), (40.0, 4.001, 4.0))[0] == (40, 4, 4)
    assert build_with(tmp_path, None, (40.0, 4.0, 4.0))[0] == (40, 4, 4)
    told = build_with(tmp_path, (40.0, 4.0, 4.0), (40.0, 8.0, 8.0), voxel_size="30,6,6")
    assert told[0] == (30, 6, 6)


def test_labels_of_other_voxels_are_refused(tmp_path: Path) -> None:
    grey = hdf5(tmp_path / "a.h5", resolution=(40.0, 4.0, 4.0))
    labels = hdf5(tmp_path / "b.h5", RAW, resolution=(40.0, 8.0, 8.0))
    with pytest.raises(UserError, match=r"40 x 8 x 8 nm, and .* says 40 x 4 x 4 nm"):
        open_volume(grey, labels=labels)
    open_volume(
        grey, labels=hdf5(tmp_path / "c.h5", RAW, resolution=(0.04, 0.004, 0.004), unit="um")
    )


def test_an_unknown_size_is_told(tmp_path: Path) -> None:
    size, row, facts = build_with(tmp_path, None)
    assert size is None
    assert "--voxel-size" in row
    assert "5 nm a pixel" in pixel_size_caution("m", DatasetFacts.read(facts))
    size, row, facts = build_with(tmp_path, (None, 4.0, 4.0))
    assert (size, row) == ((None, 4.0, 4.0), "? x 4 x 4 nm (z, y, x)")
    assert pixel_size_caution("m", DatasetFacts.read(facts)) == ""
