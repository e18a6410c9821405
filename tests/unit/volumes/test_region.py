"""A part of a volume: what it is, where it lies, and that nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import stores
import tifffile
import zarr
from command import bench
from conftest import neurites
from serving import serving

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.dataset import leakage_between
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.volumes.cards import load_card
from bench.volumes.region import parse_region
from bench.volumes.stack_volume import ArrayVolume
from segmentation.labels import UNLABELLED

GREY, IDS = (values[:, :112] for values in neurites(depth=30, side=128))
PART = (slice(4, 22), slice(16, 96), slice(32, 128))
WORDS = "4:22,16:96,32:"


def folder(path: Path, values: np.ndarray, first: int = 0) -> Path:
    path.mkdir()
    for z, there in enumerate(values):
        tifffile.imwrite(path / f"s{first + z:03d}.tif", there)
    return path


def pages(path: Path, values: np.ndarray) -> Path:
    return folder(path / "pages", values)


@pytest.mark.parametrize("kind", [*stores.KINDS, pages], ids=lambda kind: kind.__name__)
def test_a_region_is_the_volume_that_was_cut_out(kind: Callable, tmp_path: Path) -> None:
    with stores.opened(kind(tmp_path, GREY), region=WORDS) as volume:
        assert volume.shape == (18, 80, 96)
        assert volume.corner == (4, 16, 32)
        for z in range(18):
            np.testing.assert_array_equal(volume.slice(z), GREY[PART][z])
        assert volume.digest == ArrayVolume("v", GREY[PART].copy()).digest


def test_labels_and_mask_are_cut_alike(tmp_path: Path) -> None:
    mask = (IDS % 5 > 0).astype(np.uint8)
    (tmp_path / "m").mkdir()
    source, tissue = stores.zarr3(tmp_path, GREY), stores.npy(tmp_path / "m", mask)
    ids = IDS[10:26, :64].astype(np.uint32)  # labelled is a part, which the region cuts
    (tmp_path / "ids").mkdir()
    labels = stores.precomputed(tmp_path / "ids", ids, corner=(10, 0, 0))
    with stores.opened(source, labels=labels, mask=tissue, region=WORDS) as volume:
        assert volume.label_box == (slice(6, 18), slice(0, 48), slice(0, 96))
        np.testing.assert_array_equal(volume.labels(7)[:48], IDS[11, 16:64, 32:])
        assert (volume.labels(3) == UNLABELLED).all()
        np.testing.assert_array_equal(volume.mask(7), mask[PART][7] > 0)
    one = tmp_path / "one.tif"
    tifffile.imwrite(one, mask[:1])
    with stores.opened(source, mask=one, region=WORDS) as volume:
        np.testing.assert_array_equal(volume.mask(7), mask[0, 16:96, 32:] > 0)
    with pytest.raises(UserError, match=r"covers no voxel of --region"):
        stores.opened(source, labels=labels, region="0:10,:,:")


def test_nothing_beside_the_region_is_fetched(tmp_path: Path) -> None:
    source = stores.zarr2(tmp_path, GREY)  # chunks of 8 x 32 x 32
    with (
        serving(tmp_path) as served,
        stores.opened(f"{served.address}/{source.name}", region="9:15,32:64,:64") as volume,
    ):
        for z in range(6):
            np.testing.assert_array_equal(volume.slice(z), GREY[9 + z, 32:64, :64])
    assert {name for name in served.fetched if name[-1].isdigit()} == {
        "v.zarr/1.1.0",
        "v.zarr/1.1.1",
    }


def test_a_region_of_what_is_too_large_to_be_read(tmp_path: Path) -> None:
    array = zarr.create_array(
        tmp_path / "a.zarr", shape=(100, 40_000, 40_000), chunks=(8, 64, 64), dtype="uint8",
        zarr_format=2, fill_value=7,
    )  # fmt: skip
    array[50:60, 20_000:20_064, 30_000:30_100] = GREY[:10, :64, :100]
    sentence = r"40000 x 40000 pixels, more than the 134,217,728 .* --tiles 400 .* or --region"
    with (
        stores.opened(tmp_path / "a.zarr") as volume,
        pytest.raises(UserError, match=sentence),
    ):
        volume.slice(0)
    part = "50:60,20000:20064,30000:30100"
    with stores.opened(tmp_path / "a.zarr", region=part) as volume:
        np.testing.assert_array_equal(volume.slice(9), GREY[9, :64, :100])


@pytest.mark.parametrize("words", ["160nm:880nm,96nm:576nm,128nm:", "0.16um:22,0.000096mm:96,32:"])
def test_lengths_are_counted_in_voxels_of_the_scale(tmp_path: Path, words: str) -> None:
    source = stores.zarr3(tmp_path, GREY)
    with stores.opened(source, region=words) as volume:
        assert (volume.corner, volume.shape) == ((4, 16, 32), (18, 80, 96))
    said = (20.0, 6.0, 4.0)  # counts before what the file says
    with stores.opened(source, region="160nm:,:,:", said=said) as volume:
        assert volume.corner == (8, 0, 0)


def test_a_region_of_a_coarser_scale(tmp_path: Path) -> None:
    source = stores.ome_zarr(tmp_path, GREY)
    with stores.opened(source, level=1, region=":,0:480nm,8:") as volume:
        assert (volume.corner, volume.shape) == ((0, 0, 8), (30, 40, 56))
        np.testing.assert_array_equal(volume.slice(2), GREY[2, :80:2, 16::2])


@pytest.mark.parametrize(
    "words",
    ["1:2", "1:2,3:4", "a:b,:,:", "1:2,:,5", "-1:2,:,:", "1.5:3,:,:", "1:2ly,:,:", "1:2:3,:,:"],
)  # fmt: skip
def test_what_is_no_region(words: str) -> None:
    with pytest.raises(ValueError, match="give z0:z1,y0:y1,x0:x1"):
        parse_region(words)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("0:31,:,:", r"has 30 voxels along z, and --region asks for 0 to 31"),
        (":,50:50,:", r"along y, and --region asks for 50 to 50; give a part that lies within it"),
        (":,:,128:", r"along x, and --region asks for 128 to 128"),
        (":,:,0:1um", r"does not say the size of its voxels, which --region in um needs"),
        ("3:5,:,:", r"has 2 slices; a triplet needs at least three"),
    ],
)
def test_regions_that_do_not_fit(tmp_path: Path, words: str, refusal: str) -> None:
    with pytest.raises(UserError, match=refusal):
        stores.opened(stores.npy(tmp_path, GREY), region=words)


def test_numbers_and_holes_are_those_of_the_source(tmp_path: Path) -> None:
    source = folder(tmp_path / "v", GREY, first=100)
    (source / "s112.tif").unlink()
    volume = stores.opened(source, region=WORDS, missing=(102, 115))
    assert volume.missing == {8, 11}
    with pytest.raises(UserError, match=r"Slice 112 of .* is missing"):
        volume.slice(8)
    rows = dict(describe(made(tmp_path / "t.h5", volume)))
    assert rows["region"] == "4:22,16:96,32:128 of 30 x 112 x 128 voxels (--region)"
    assert rows["missing slices"] == "112, 115"


def made(path: Path, volume: ArrayVolume, **changes: object) -> TripletFile:
    words = {"tile": 32, "stride": 32, "search": 4, "split": "paper", **changes}
    build("mine", [volume], load_card("mine"), BuildOptions(**words), path)
    return TripletFile(path)


def test_its_triplets_are_those_of_the_part_under_keys_of_the_source(tmp_path: Path) -> None:
    source = stores.zarr3(tmp_path, GREY)
    labels = tmp_path / "ids.tif"
    tifffile.imwrite(labels, IDS.astype(np.uint16))
    with stores.opened(source, labels=labels, region=WORDS) as volume:
        file = made(tmp_path / "part.h5", volume)
    plain = made(
        tmp_path / "plain.h5",
        ArrayVolume("v", GREY[PART].copy(), IDS[PART].copy(), stores.SIZE),
    )
    assert len(file) == len(plain)
    for index in range(len(plain)):
        np.testing.assert_array_equal(file.frames(index), plain.frames(index))
        np.testing.assert_array_equal(file.labels(index), plain.labels(index))
    for name, low in zip("zyx", (4, 16, 32), strict=True):
        assert (file.keys[name] == plain.keys[name] + low).all()
    others = [name for name in plain.keys.columns if name not in "zyx"]
    assert file.keys[others].equals(plain.keys[others])
    assert file.fingerprint != plain.fingerprint
    assert verify(file.path) == []
    assert leakage_between(file, file) == leakage_between(plain, plain)


def test_regions_apart_share_nothing_and_a_first_one_is_the_part_itself(tmp_path: Path) -> None:
    source = stores.zarr3(tmp_path, GREY)
    left, right, all_of_it = (
        made(tmp_path / f"{number}.h5", stores.opened(source, region=words))
        for number, words in enumerate((":,:,:64", ":,:,64:", ""))
    )
    assert leakage_between(left, right) == 0.0
    assert leakage_between(left, all_of_it) > 0.4
    assert leakage_between(all_of_it, right) > 0.4
    part = made(tmp_path / "part.h5", ArrayVolume("v", GREY[:, :, :64].copy(), None, stores.SIZE))
    assert part.fingerprint == left.fingerprint
    assert leakage_between(left, part) == left.leakage()
    assert "region" not in dict(describe(all_of_it))
    assert all_of_it.volumes[0].as_json().keys().isdisjoint({"region", "level"})


def test_every_nth_slice_of_a_region(tmp_path: Path) -> None:
    source = stores.zarr3(tmp_path, GREY)
    file = made(tmp_path / "a.h5", stores.opened(source, region="3:,:,:"), every=2)
    assert sorted(set(file.keys["z"])) == list(range(5, 28, 2))
    rows = dict(describe(file))
    assert rows["slices taken"] == "3, 5, 7 and so on, 14 in all (--every 2)"


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = stores.ome_zarr(tmp_path, GREY)
    words = ["--source", source, "--data", tmp_path]
    build_words = ["data", "build", "mine", *words, "--tile", 32, "--search", 4, "--split", "paper"]
    part = ["--region", "1:25,0um:0.6um,:", "--level", 1]
    code, _, err = bench(capsys, *build_words, "--region", "1:2")
    assert (code, "--region is not valid: give z0:z1,y0:y1,x0:x1" in err) == (2, True)
    code, _, err = bench(capsys, *build_words, *part, *part[:2])
    assert (code, "There are 1 volumes but 2 of --region; give one for each" in err) == (2, True)
    code, out, _ = bench(capsys, *build_words, *part, "--json")
    told = json.loads(out)
    assert told["region"] == "1:25,0:50,0:64 of 30 x 56 x 64 voxels (--region)"
    assert told["scale"] == "1, counted from 0, the finest (--level)"
    _, out, _ = bench(capsys, "data", "info", "mine", "--data", tmp_path, "--json")
    assert json.loads(out)["region"] == told["region"]
    run = ["run", "--methods", "average", "--dataset", "mine", "--stages", "train",
           *words, "--out", tmp_path]  # fmt: skip
    _, _, err = bench(capsys, *run, *part)
    assert "was built from another volume" not in err
    _, _, err = bench(capsys, *run, "--level", 1)
    assert "was built from another volume" in err
    assert "another --missing, --region, --level or --grey-range" in err
    _, _, err = bench(capsys, *run, "--region", "1:2,3", "--level", 1)
    assert "--region is not valid: give z0:z1,y0:y1,x0:x1" in err
    _, _, err = bench(capsys, "run", "--methods", "average", "--dataset", "mine", "--level", 1)
    assert "--level goes with --source, which is not given" in err
