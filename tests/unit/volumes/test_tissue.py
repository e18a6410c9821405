"""What shows no tissue is found, tissue is left alone, and no statistic counts the rest."""

from __future__ import annotations

import json
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture
from PIL import Image
from scipy import ndimage

from bench.base.errors import UserError
from bench.scores.metrics import psnr
from bench.triplets.build import build
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.facts import VolumeFacts
from bench.volumes.facts_in_words import told
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume
from bench.volumes.tissue import Padding, filled, find_tissue

SIDE = 96


def grey(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    smooth = ndimage.gaussian_filter(noise, 2)
    return np.clip(128 + 40 * smooth / smooth.std(), 1, 254).astype(np.uint8)


def found(slice_: np.ndarray) -> np.ndarray:
    tissue = find_tissue(slice_)
    return np.ones(slice_.shape, np.bool_) if tissue is None else tissue


@pytest.mark.parametrize("value", [0, 255, 90])
@pytest.mark.parametrize("shape", ["band", "one row", "corner", "frame"])
def test_padding_of_any_constant_value_is_found_to_the_pixel(value: int, shape: str) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    padding = {
        "band": rows < 13,
        "one row": rows < 1,
        "corner": rows + columns < 20,  # as a rotated section leaves it
        "frame": (np.minimum(rows, columns) < 6) | (np.maximum(rows, columns) > SIDE - 9),
    }[shape]
    texture = grey()
    texture[texture == 90] = 91  # a pixel of tissue beside it that has its value is padding too
    slice_ = np.where(padding, np.uint8(value), texture)
    assert (found(slice_) == ~padding).all()


def test_a_dead_column_within_the_slice_is_found() -> None:
    slice_ = grey()
    slice_[:, 40:42] = 77
    assert (~found(slice_)).sum() == 2 * SIDE
    assert not found(slice_)[:, 40:42].any()


def test_tissue_that_is_saturated_stays_tissue() -> None:
    """A black sheath that ends at the edge, white lumen within, and a grey range too narrow."""
    slice_ = grey()
    assert find_tissue(slice_) is None
    slice_[30:35, 66:] = 0
    slice_[50:60, 20:30] = 255
    assert find_tissue(slice_) is None
    assert find_tissue(np.where(grey() < 100, 0, grey()).astype(np.uint8)) is None


def test_a_mask_adds_what_it_leaves_out() -> None:
    mask = np.ones((SIDE, SIDE), np.bool_)
    mask[20:30, 20:30] = False
    slice_ = grey()
    slice_[:9] = 0
    tissue = find_tissue(slice_, mask)
    assert tissue is not None
    assert (~tissue).sum() == 100 + 9 * SIDE
    assert mask.sum() == SIDE**2 - 100  # the caller's own is left as it was


def test_filling_takes_the_mean_of_the_tissue() -> None:
    slice_ = grey()
    slice_[:9] = 0
    full = filled(slice_, find_tissue(slice_))
    assert (full[:9] == np.rint(slice_[9:].mean())).all()
    assert (full[9:] == slice_[9:]).all()
    blank = np.zeros((8, 8), np.uint8)
    assert (filled(blank, np.zeros((8, 8), np.bool_)) == blank).all()


def test_what_is_told_of_a_volume() -> None:
    padding = Padding()
    for z in range(4):
        slice_ = grey(z)
        slice_[: 3 * z] = 0
        slice_[:, 50:53] = 0
        padding.add(z, find_tissue(slice_), slice_.shape)
    facts = padding.facts()
    assert facts is not None
    assert facts.slices == 4
    assert facts.share == pytest.approx((18 * SIDE + 3 * (4 * SIDE - 18)) / (4 * SIDE**2))
    assert facts.dead_columns == (50, 51, 52)
    assert facts.dead_rows == ()
    volume = VolumeFacts(
        name="v", shape=(4, SIDE, SIDE), voxel_size=None, grey_range=None, sha256="", padding=facts
    )
    rows = told([volume])
    assert "in 4 of 4 slices" in rows[0][1]
    assert rows[1] == ("no tissue", "dead in every slice: columns 50-52")
    assert told([volume, volume])[1][1] == "v: dead in every slice: columns 50-52"
    clean = Padding()
    clean.add(0, None, (SIDE, SIDE))
    assert clean.facts() is None


def _average(file: TripletFile, index: int) -> float:
    before, middle, after = file.frames(index).astype(int)
    return psnr(((before + after + 1) // 2).astype(np.uint8), middle.astype(np.uint8))


def test_uneven_padding_moves_no_figure(tmp_path: Path) -> None:
    """Shifts, histograms and scores of a padded copy are those of the volume without padding."""
    plain = moving_texture()
    padded, random = plain.copy(), np.random.default_rng(0)
    for slice_ in padded:
        slice_[: random.integers(0, 60)] = 0
    files = []
    for name, stack in (("plain", plain), ("padded", padded)):
        path = tmp_path / name / "triplets.h5"
        options = BuildOptions(tile=64, stride=48, search=4)
        build(name, [ArrayVolume(name, stack)], load_card(name), options, path)
        files.append(TripletFile(path))
    keys = [file.keys.reset_index().set_index(["z", "column"]) for file in files]
    kept = keys[1].index[keys[1]["reason"] == ""]
    assert len(kept) > 40
    assert (keys[1]["reason"] == "padding").any()
    shifts = [name for name in keys[0].columns if name.startswith("shift_")]
    assert (keys[0].loc[kept, shifts] == keys[1].loc[kept, shifts]).all().all()
    scores = [
        np.mean([_average(file, int(i)) for i in table.loc[kept, "index"]])
        for file, table in zip(files, keys, strict=True)
    ]
    assert scores[1] == pytest.approx(scores[0], abs=0.3)
    assert "no tissue" in dict(describe(files[1]))
    assert "no tissue" not in dict(describe(files[0]))


def test_a_dead_column_refuses_no_sound_triplet(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(random.normal(size=(25, 160, 160)), (1.5, 2, 2))
    noisy = 128 + 35 * smooth / smooth.std() + random.normal(scale=8, size=smooth.shape)
    sound = np.clip(noisy, 1, 254).astype(np.uint8)
    dead = sound.copy()
    dead[:, :, 60:65] = 0
    options = BuildOptions(tile=64, stride=48, search=4)
    summaries = [
        build(name, [ArrayVolume(name, stack)], load_card(name), options, tmp_path / name / "t.h5")
        for name, stack in (("sound", sound), ("dead", dead))
    ]
    without, with_dead = (summary.reasons for summary in summaries)
    assert with_dead["duplicate"] == without["duplicate"]
    assert with_dead["padding"] == 0
    assert summaries[1].kept > 0.9 * summaries[1].candidates
    assert ("no tissue", "dead in every slice: columns 60-64") in summaries[1].told


def test_a_slice_that_a_mask_lacks_is_left_out_as_the_sentence_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The numbers of the mask begin elsewhere; --missing has those of the volume."""
    for name, first in (("raw", 50), ("mask", 0)):
        (tmp_path / name).mkdir()
        for z, slice_ in enumerate(moving_texture(30)):
            if name == "raw" or z != 12:
                shown = slice_ if name == "raw" else np.full_like(slice_, 255)
                Image.fromarray(shown).save(tmp_path / name / f"z{first + z:03d}.png")
    words = ("data", "build", "mine", "--data", tmp_path, "--source", tmp_path / "raw",
             "--mask", tmp_path / "mask", "--tile", 80, "--search", 4)  # fmt: skip
    code, _, err = bench(capsys, *words)
    told = r"mask has no slice 12, which .*raw has; give a picture for it, or .* --missing 62\."
    assert (code, re.search(told, err) is not None) == (2, True)
    code, out, _ = bench(capsys, *words, "--missing", "62")
    assert (code, "missing slices" in out) == (0, True)


def test_masks_are_read_as_anything_but_zero_and_have_to_fit(tmp_path: Path) -> None:
    stack = moving_texture(5)
    one = np.full(stack.shape[1:], 9, np.uint16)
    one[:50] = 0
    for name, values in (
        ("raw", stack),
        ("one", one),
        ("all", np.stack([one] * 5)),
        ("off", one[1:]),
    ):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="minisblack")
    for name in ("one", "all"):
        with open_volume(tmp_path / "raw.tif", mask=tmp_path / f"{name}.tif") as volume:
            mask = volume.mask(4)
            assert mask is not None
            assert (mask == (one > 0)).all()
    with pytest.raises(UserError, match="give a mask of the same volume"):
        open_volume(tmp_path / "raw.tif", mask=tmp_path / "off.tif")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"resolution": (40.0, 8.0, 8.0)}, "give a mask of the same voxels"),
        ({"resolution": (40.0, 4.0, 4.0), "offset": (40.0, 0.0, 0.0)}, "is not within the"),
        ({"resolution": (40.0, 4.0, 4.0), "offset": (0.0, 0.0, 0.0)}, ""),
    ],
)
def test_a_mask_of_other_voxels_or_another_place_is_refused(
    tmp_path: Path, said: dict[str, tuple[float, ...]], words: str
) -> None:
    stack = moving_texture(5)
    for name, values, about in (
        ("raw", stack, {"resolution": (40.0, 4.0, 4.0)}), ("mask", stack > 100, said),
    ):  # fmt: skip
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["a"] = values
            file["a"].attrs.update(about)
    source, mask = (f"{tmp_path / name}.h5:/a" for name in ("raw", "mask"))
    if words:
        with pytest.raises(UserError, match=words):
            open_volume(source, mask=mask)
        return
    with open_volume(source, mask=mask) as volume:
        np.testing.assert_array_equal(volume.mask(2), stack[2] > 100)


def test_a_mask_is_given_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = np.ones((160, 160), np.uint8)
    mask[:16] = 0
    for name, values in (("raw", moving_texture()), ("mask", mask)):
        tifffile.imwrite(tmp_path / f"{name}.tif", values, photometric="minisblack")
    words = (
        "data", "build", "mine", "--source", tmp_path / "raw.tif", "--mask", tmp_path / "mask.tif",
        "--tile", 64, "--search", 4, "--data", tmp_path / "data", "--json",
    )  # fmt: skip
    code, out, _ = bench(capsys, *words)
    assert (code, json.loads(out)["no tissue"].split(":")[0]) == (
        0,
        "10.0 % of the pixels, in 25 of 25 slices",
    )
    code, _, err = bench(capsys, *words, "--replace", "--mask", tmp_path / "raw.tif")
    assert (code, "There are 1 volumes but 2 mask files" in err) == (2, True)
