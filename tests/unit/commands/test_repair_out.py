"""``bench repair --out``: what is written, what stays as it was, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture

from bench.api import repair
from bench.base.errors import UserError
from bench.repair.fill import Filling
from bench.repair.record import load_record
from bench.repair.words import left_words
from bench.volumes.sources import open_volume

DEPTH, SIDE = 14, 96


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return moving_texture(DEPTH, SIDE)


@pytest.fixture
def stack(tmp_path: Path, grey: np.ndarray) -> Path:
    """A stack in which slice 4 is blank."""
    lost = grey.copy()
    lost[4] = 0
    tifffile.imwrite(tmp_path / "stack.tif", lost)
    return tmp_path / "stack.tif"


def repaired(path: Path) -> np.ndarray:
    return np.asarray(tifffile.imread(path))


def record_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out.parent / f"{out.name}-repair/repair.json").read_text())
    return found


def test_what_is_missing_is_filled_and_all_else_stays(
    capsys: pytest.CaptureFixture[str], stack: Path, grey: np.ndarray
) -> None:
    out, mask = stack.with_name("whole.tif"), stack.with_name("mask.tif")
    before = stack.read_bytes()
    words = ("--missing", "8-9", "--method", "average", "--out", out, "--mask-out", mask)
    code, told, _ = bench(capsys, "repair", stack, *words)
    assert code == 0
    assert stack.read_bytes() == before
    filled, sound = repaired(out), [z for z in range(DEPTH) if z not in (4, 8, 9)]
    np.testing.assert_array_equal(filled[sound], grey[sound])
    np.testing.assert_array_equal(
        repaired(mask).any(axis=(1, 2)), [z not in sound for z in range(DEPTH)]
    )
    weights = {4: (3, 5, 1 / 2), 8: (7, 10, 1 / 3), 9: (7, 10, 2 / 3)}
    for z, (one, other, time) in weights.items():
        mean = (1 - time) * grey[one].mean() + time * grey[other].mean()
        assert abs(filled[z].mean() - mean) < 2
    slices = {each["slice"]: each for each in record_of(out)["slices"]}
    assert {z: (each["before"], each["after"]) for z, each in slices.items()} == {
        z: places[:2] for z, places in weights.items()
    }
    assert all(each["expected"]["psnr"]["score"] > 10 for each in slices.values())
    assert "average" in told
    assert str(out) in told


def test_the_record_says_what_was_asked_for(
    capsys: pytest.CaptureFixture[str],
    stack: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From another folder too; and the plan beside it does the same again."""
    monkeypatch.chdir(stack.parent)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    stack.with_name("boxes.csv").write_text("z,y0,y1,x0,x1\n10,20,50,30,70\n")
    words = ("--missing", "7", "--defects", "boxes.csv", "--method", "average", "--threads", 1)
    assert bench(capsys, "repair", "stack.tif", *words, "--out", "whole.tif")[0] == 0
    record = record_of(Path("whole.tif"))
    assert record["source"]["path"] == str(stack.resolve())
    assert record["written"] == "2023-11-14T22:13:20+00:00"
    assert record["options"] == {"missing": "7", "defects": "boxes.csv", "method": "average"}
    page = Path("whole.tif-repair/index.html").read_text()
    for words_of_page in (str(stack.resolve()), record["written"], "missing 7, defects boxes.csv"):
        assert words_of_page in page
    plan = Path("whole.tif-repair") / record["plan"]
    words = ("--plan", plan, "--method", "average", "--out", "again.tif")
    assert bench(capsys, "repair", "stack.tif", *words)[0] == 0
    np.testing.assert_array_equal(repaired(Path("again.tif")), repaired(Path("whole.tif")))


def test_what_stands_in_place_of_a_missing_slice_that_is_left_is_copied(
    capsys: pytest.CaptureFixture[str], stack: Path, grey: np.ndarray
) -> None:
    out = stack.with_name("whole.tif")
    words = ("--missing", "7-10", "--method", "average", "--out", out)
    assert bench(capsys, "repair", stack, *words)[0] == 0
    np.testing.assert_array_equal(repaired(out)[7:11], grey[7:11])
    with tifffile.TiffFile(out) as file:
        lines = str(file.pages[0].description).splitlines()  # type: ignore[union-attr]
    [mark] = [line.removeprefix("interslice=") for line in lines if line.startswith("interslice=")]
    assert json.loads(mark) == {
        "synthetic": {"4": "synthesised"},
        "left": [7, 8, 9, 10],
        "first": 0,
        "repair": "whole.tif-repair/repair.json",
    }
    why = {each["slice"]: each["note"] for each in record_of(out)["left"]}
    assert why == dict.fromkeys(range(7, 11), "4 slices in a row, more than 3")


def test_a_place_is_filled_where_a_plan_says_so(
    capsys: pytest.CaptureFixture[str], stack: Path, grey: np.ndarray
) -> None:
    boxes, out = stack.with_name("boxes.csv"), stack.with_name("whole.tif")
    boxes.write_text("z,y0,y1,x0,x1\n10,20,50,30,70\n")
    words = ("--defects", boxes, "--method", "average", "--out", out)
    assert bench(capsys, "repair", stack, *words)[0] == 0
    changed = np.argwhere(repaired(out)[10] != grey[10])
    assert (changed.min(axis=0) >= (20, 30)).all()
    assert (changed.max(axis=0) < (50, 70)).all()
    [whole, place] = record_of(out)["slices"]
    assert (whole["slice"], whole["filled"], place["slice"], place["filled"]) == (
        4,
        "whole",
        10,
        "places",
    )
    assert place["boxes"] == [[20, 50, 30, 70]]
    assert place["pixels"] == 30 * 40


def test_pixels_of_places_that_overlap_count_once(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    """A slanting fold is marked by several boxes."""
    boxes, out = stack.with_name("boxes.csv"), stack.with_name("whole.tif")
    boxes.write_text("z,y0,y1,x0,x1\n10,20,50,30,70\n10,40,60,60,90\n")
    words = ("--missing", "4", "--defects", boxes, "--method", "average", "--out", out)
    assert bench(capsys, "repair", stack, *words)[0] == 0
    [_, place] = record_of(out)["slices"]
    assert place["pixels"] == 30 * 40 + 20 * 30 - 10 * 10
    errors = np.asarray(tifffile.imread(stack.parent / "whole.tif-repair/error/00010.tif"))
    assert np.count_nonzero(errors) == place["pixels"]
    assert errors.sum() / place["pixels"] == pytest.approx(place["mean_error"], abs=0.1)


def test_a_repair_that_broke_off_goes_on_and_leaves_the_same_bytes(
    capsys: pytest.CaptureFixture[str], stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was filled before is not filled again."""
    words = ("repair", stack, "--missing", "7,10", "--method", "dis", "--out")
    assert bench(capsys, *words, stack.with_name("once.tif"))[0] == 0
    fill, filled = Filling._filled, list[int]()

    def breaking(self: Filling, task: Any, *rest: Any) -> Any:
        if len(filled) == 1:
            raise KeyboardInterrupt
        filled.append(task.z)
        return fill(self, task, *rest)

    monkeypatch.setattr(Filling, "_filled", breaking)
    out = stack.with_name("twice.tif")
    assert bench(capsys, *words, out)[0] != 0
    assert not out.exists()
    for named in (out, stack.with_name("twice.tif-repair")):
        code, _, told = bench(capsys, "verify", "--out", named)
        assert code == 2
        assert "was interrupted, or is at work; repeat the same command" in told
    monkeypatch.setattr(Filling, "_filled", lambda *all_: filled.append(all_[1].z) or fill(*all_))
    assert bench(capsys, *words, out)[0] == 0
    assert filled == [4, 7, 10]
    assert repaired(out).tobytes() == repaired(stack.with_name("once.tif")).tobytes()
    once, twice = (record_of(stack.with_name(name)) for name in ("once.tif", "twice.tif"))
    assert once["slices"] == twice["slices"]


def test_a_volume_that_a_kill_left_is_of_the_options_that_are_repeated(
    capsys: pytest.CaptureFixture[str], stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written, and says a voxel size; only its page is lacking."""
    words = ("repair", stack, "--method", "average", "--out", stack.with_name("whole.tif"))
    with monkeypatch.context() as broken:
        broken.setattr("bench.repair.repair.write_page", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bench(capsys, *words, "--voxel-size", "30,6,6")
    code, _, told = bench(capsys, *words, "--voxel-size", "50,6,6")
    assert (code, "is there already" in told) == (2, True)
    assert bench(capsys, *words, "--voxel-size", "30,6,6")[0] == 0


def test_what_is_there_is_never_written_over(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    out = stack.with_name("whole.tif")
    words = ("repair", stack, "--method", "average", "--out", out)
    out.write_bytes(b"mine")
    code, _, told = bench(capsys, *words)
    assert code != 0
    assert "is there already" in told
    assert out.read_bytes() == b"mine"
    out.unlink()
    assert bench(capsys, *words)[0] == 0
    out.unlink()
    code, _, told = bench(capsys, *words)
    assert code != 0
    assert "whole.tif-repair is there already" in told


def test_verify_says_that_nothing_was_filled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The neighbours of slice 10 are of two tissues: it is refused, and no volume is written."""
    two = moving_texture(21, SIDE)
    two[11:] = moving_texture(21, SIDE)[11:, ::-1, ::-1]
    tifffile.imwrite(tmp_path / "two.tif", two)
    plan, out = tmp_path / "plan.toml", tmp_path / "whole.tif"
    entry = '[[entry]]\nslice = 10\nreason = "missing"\naction = "fill slice"\n'
    plan.write_text(f'source = "two.tif"\nshape = [21, {SIDE}, {SIDE}]\n{entry}')
    words = ("--plan", plan, "--method", "average", "--out", out)
    assert bench(capsys, "repair", tmp_path / "two.tif", *words)[0] == 0
    assert not out.exists()
    code, told, _ = bench(capsys, "verify", "--out", out)
    assert code == 0
    assert "Nothing was filled, so no volume was written" in told
    code, told, _ = bench(capsys, "verify", "--out", out, "--json")
    assert (code, json.loads(told)) == (0, {"checked": 0, "copied": None, "problems": []})


@pytest.mark.parametrize("name", ["whole.tif", "whole.h5", "whole.ome.zarr", "whole/"])
def test_verify_knows_what_a_repair_wrote(
    capsys: pytest.CaptureFixture[str], stack: Path, name: str
) -> None:
    boxes, out = stack.with_name("boxes.csv"), f"{stack.parent}/{name}"
    boxes.write_text("z,y0,y1,x0,x1\n10,20,50,30,70\n")
    words = ("--defects", boxes, "--method", "average", "--out", out)
    assert bench(capsys, "repair", stack, *words)[0] == 0
    folder = f"{out.rstrip('/')}-repair"
    code, told, _ = bench(capsys, "verify", "--out", out.rstrip("/"), "--source", stack)
    assert code == 0
    assert "2 filled slices checked, and 13 with the source: all as they were written" in told
    code, told, _ = bench(capsys, "verify", "--out", folder)
    assert (code, told.strip()) == (
        0,
        "2 filled slices checked, not the copied ones (--source compares them): "
        "all as they were written",
    )


@pytest.mark.parametrize("inner", ["", ":/sem/raw"])
def test_the_dataset_of_an_hdf5_file_is_found_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, grey: np.ndarray, inner: str
) -> None:
    """That of the source, as SNEMI3D calls it, or the one that was asked for."""
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        file["main"] = grey
    source, out = tmp_path / "stack.h5:/main", tmp_path / f"whole.h5{inner}"
    done = repair(source, out, missing=[4], method="average")
    with h5py.File(tmp_path / "whole.h5") as file:
        np.testing.assert_array_equal(done.grey(4), file[inner.lstrip(":/") or "main"][4])
    code, told, _ = bench(capsys, "verify", "--out", tmp_path / "whole.h5")
    assert (code, told.startswith("1 filled slice checked")) == (0, True)
    with h5py.File(tmp_path / "whole.h5", "r+") as file:
        file[inner.lstrip(":/") or "main"][4, 7, 7] ^= 1
    code, told, _ = bench(capsys, "verify", "--out", tmp_path / "whole.h5")
    assert (code, "Slice 4 of" in told) == (1, True)


def test_verify_finds_a_slice_that_was_changed(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    out = stack.with_name("whole.tif")
    assert bench(capsys, "repair", stack, "--method", "average", "--out", out)[0] == 0
    changed = repaired(out)
    changed[4, 7, 7] ^= 1
    tifffile.imwrite(out, changed)
    code, told, _ = bench(capsys, "verify", "--out", stack.with_name("whole.tif-repair"))
    assert code == 1
    assert "Slice 4 of" in told
    out.unlink()
    code, told, _ = bench(capsys, "verify", "--out", stack.with_name("whole.tif-repair"))
    assert code == 1
    assert "is missing" in told


def test_verify_finds_a_copied_pixel_that_was_changed(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    """Slices outside what was filled are those of the source, in the part that was read of it."""
    boxes, out = stack.with_name("boxes.csv"), stack.with_name("whole.tif")
    boxes.write_text("z,y0,y1,x0,x1\n10,20,50,30,70\n")
    words = ("--defects", boxes, "--region", "2:,:,:", "--method", "average", "--out", out)
    assert bench(capsys, "repair", stack, *words)[0] == 0
    assert bench(capsys, "verify", "--out", out, "--source", stack)[0] == 0
    changed = repaired(out)
    changed[0, 7, 7] ^= 1
    changed[8, 19, 30] ^= 1
    tifffile.imwrite(out, changed)
    code, told, _ = bench(capsys, "verify", "--out", out, "--source", stack, "--json")
    problems = json.loads(told)["problems"]
    assert code == 1
    assert [each.partition(" of ")[0] for each in problems] == ["Slice 10", "Slice 2", "Slice 10"]
    assert "is not that of" in problems[1]


def test_verify_refuses_another_source(
    capsys: pytest.CaptureFixture[str], stack: Path, grey: np.ndarray
) -> None:
    out, other = stack.with_name("whole.tif"), stack.with_name("other.tif")
    assert bench(capsys, "repair", stack, "--method", "average", "--out", out)[0] == 0
    tifffile.imwrite(other, grey[:-1])
    code, _, told = bench(capsys, "verify", "--out", out, "--source", other)
    assert (code, "give the volume that was repaired" in told) == (2, True)
    code, _, told = bench(capsys, "verify", "--out", stack.parent, "--source", stack)
    assert (code, "There is no repair at" in told) == (2, True)


def test_verify_finds_a_byte_of_an_error_map_that_was_flipped(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    out = stack.with_name("whole.tif")
    assert bench(capsys, "repair", stack, "--method", "average", "--out", out)[0] == 0
    errors = stack.parent / "whole.tif-repair/error/00004.tif"
    values = bytearray(errors.read_bytes())
    values[len(values) // 2] ^= 1
    errors.write_bytes(values)
    code, told, _ = bench(capsys, "verify", "--out", out)
    assert code == 1
    assert f"The error map {errors} is not what the repair wrote" in told
    errors.unlink()
    code, told, _ = bench(capsys, "verify", "--out", out)
    assert code == 1
    assert f"The error map {errors} cannot be read" in told


def test_a_record_of_before_is_still_valid(capsys: pytest.CaptureFixture[str], stack: Path) -> None:
    out = stack.with_name("whole.tif")
    assert bench(capsys, "repair", stack, "--method", "average", "--out", out)[0] == 0
    old = record_of(out)
    for each in old["slices"]:
        assert each.pop("error_sha256")
        each["time"] = each.pop("fraction")
    for name in ("tried", "gauge", "brightness", "reached"):
        old["methods"]["1"].pop(name)
    for name in ("written", "options", "plan"):
        old.pop(name)
    stack.with_name("whole.tif-repair").joinpath("repair.json").write_text(json.dumps(old))
    code, told, _ = bench(capsys, "verify", "--out", out)
    assert (code, told.strip()) == (
        0,
        "1 filled slice checked, not the copied ones (--source compares them): "
        "all as they were written",
    )


def test_16_bits_stay_16_bits(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, grey: np.ndarray
) -> None:
    deep = 1000 + 80 * grey.astype(np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", deep)
    out = tmp_path / "whole.tif"
    words = ("--grey-range", "1000,21400", "--missing", "6", "--method", "average", "--out", out)
    assert bench(capsys, "repair", tmp_path / "deep.tif", *words)[0] == 0
    filled = repaired(out)
    assert filled.dtype == np.uint16
    sound = [z for z in range(DEPTH) if z != 6]
    np.testing.assert_array_equal(filled[sound], deep[sound])
    assert abs(filled[6].mean() - deep[[5, 7]].mean()) < 160
    assert (filled[6] % 80 != 0).any()  # a mean of two of the 256 levels lies between them


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--missing", "0-13"), "All 14 slices"),
        (("--missing", "0"), "no slice before it"),
        (("--out", "whole.nrrd"), r"ends in .nrrd, which is not written"),
        (("--method", "nothing"), "nothing"),
        (("--loss", "lf1"), "There is no loss 'lf1'"),
        (("--loss", "lm[membrane=0.5]"), "give the --labels of the volume, or another --loss"),
        (("--loss", "lm"), "give the --labels of the volume, or another --loss"),
        (("--voxel-size", "30,6"), "'30,6' is no Z,Y,X in nm; write 30,6,6 for instance"),
        (("--plan", "no.toml"), "cannot be read"),
        (("--jobs", "0"), "it has to be at least 1"),
        (("--scheduler", "http://127.0.0.1:8787"), "tcp://HOST:PORT"),
        (("--jobs", "2", "--scheduler", "tcp://a:1"), "give one of the three"),
        (("--scheduler-file", "no.json"), "There is no no.json"),
    ],
)
def test_a_mistake_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
    stack: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(stack.parent)
    given = ("repair", "stack.tif", "--method", "average", "--out", "whole.tif", *words)
    code, out, error = bench(capsys, *given)
    assert told in out + error
    assert "Traceback" not in error
    if code != 0:
        assert not Path("whole.tif").exists()


def test_a_voxel_size_that_is_said_is_written_and_counts_for_the_region(
    capsys: pytest.CaptureFixture[str], stack: Path, grey: np.ndarray
) -> None:
    out = stack.with_name("part.ome.zarr")
    words = ("--voxel-size", "30,6,6", "--region", "60nm:,:,0:480nm", "--method", "average")
    code, _, told = bench(capsys, "repair", stack, *words, "--out", out)
    assert code == 0, told
    with open_volume(out) as volume:
        assert volume.shape == (DEPTH - 2, SIDE, 80)
        assert volume.voxel_size == (30, 6, 6)
        np.testing.assert_array_equal(volume.slice(0), grey[2, :, :80])
    assert record_of(out)["source"]["voxel_size"] == [30, 6, 6]


def test_slices_that_are_all_alike_are_filled_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, grey: np.ndarray
) -> None:
    """What was hidden is then filled to the bit, and its PSNR is infinite."""
    alike = np.repeat(grey[:1], 9, axis=0)
    tifffile.imwrite(tmp_path / "alike.tif", alike)
    plan, out = tmp_path / "plan.toml", tmp_path / "whole.tif"
    entry = '[[entry]]\nslice = 4\nreason = "missing"\naction = "fill slice"\n'
    plan.write_text(f'source = "alike.tif"\nshape = [9, {SIDE}, {SIDE}]\n{entry}')
    words = ("--plan", plan, "--method", "average", "--out", out)
    assert bench(capsys, "repair", tmp_path / "alike.tif", *words)[0] == 0
    np.testing.assert_array_equal(repaired(out), alike)


def test_a_mistyped_method_leaves_nothing_in_the_way(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    """It is refused before a slice is read, and the command that is put right goes through."""
    before = sorted(stack.parent.rglob("*"))
    out = stack.with_name("whole.tif")
    code, _, told = bench(capsys, "repair", stack, "--method", "diss", "--out", out)
    assert code != 0
    assert "did you mean 'dis'" in told
    assert "slices:" not in told
    assert sorted(stack.parent.rglob("*")) == before
    assert bench(capsys, "repair", stack, "--method", "dis", "--out", out)[0] == 0


def test_places_that_wait_for_somebody_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, grey: np.ndarray
) -> None:
    torn = moving_texture(25, 160)
    torn[20, :80, :90] = 240
    tifffile.imwrite(tmp_path / "torn.tif", torn)
    words = ("repair", tmp_path / "torn.tif")
    _, told, _ = bench(capsys, *words)
    told = " ".join(told.split())
    assert "0 slices and 0 places would be filled" in told
    assert "1 place is not decided, and stays as it is" in told
    _, told, _ = bench(capsys, *words, "--method", "average", "--out", tmp_path / "whole.tif")
    assert "Nothing is to be filled" in told
    assert "give it back with --plan" in told


def test_what_was_found_is_told_before_the_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Why a slice is filled, and what is left."""
    torn = moving_texture(25, 160)
    torn[20, :80, :90] = 240
    torn[7] = 0
    tifffile.imwrite(tmp_path / "torn.tif", torn)
    words = ("repair", tmp_path / "torn.tif")
    _, listed, _ = bench(capsys, *words)
    _, told, _ = bench(capsys, *words, "--method", "average", "--out", tmp_path / "whole.tif")
    found, result = told.split("What is expected")
    rows = [line.split()[:2] for line in found.splitlines() if line.strip()[:1].isdigit()]
    assert ["7", "blank"] in rows
    assert [row for row in rows if row[0] == "20"] == [["20", "tear"]]
    assert all(" ".join(row) in " ".join(listed.split()) for row in rows)
    assert "1 finding (1 tear) in 1 slice (20) left: not decided" in " ".join(result.split())


def test_findings_and_slices_are_counted_apart() -> None:
    left = [
        {"slice": z, "reason": reason} for z, reason in ((3, "fold"), (3, "stain"), (14, "stain"))
    ]
    assert left_words(left) == "3 findings (2 stain, 1 fold) in 2 slices (3, 14)"


def test_a_sound_volume_is_not_written_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, grey: np.ndarray
) -> None:
    tifffile.imwrite(tmp_path / "sound.tif", grey)
    out = tmp_path / "whole.tif"
    code, told, _ = bench(
        capsys, "repair", tmp_path / "sound.tif", "--method", "average", "--out", out
    )
    assert code == 0
    assert "Nothing is to be filled" in told
    assert not out.exists()


@pytest.mark.parametrize("mask", ["whole-repair", "whole-repair/mask.tif"])
def test_a_mask_has_no_place_in_the_folder_of_the_evidence(
    capsys: pytest.CaptureFixture[str], stack: Path, mask: str
) -> None:
    """It would be taken for one that is written already."""
    out = stack.with_name("whole")
    words = ("--method", "average", "--out", out, "--mask-out", stack.parent / mask)
    code, _, told = bench(capsys, "repair", stack, *words)
    assert code == 2
    assert "is for the evidence of --out; give it another name" in told
    assert [path.name for path in stack.parent.iterdir()] == ["stack.tif"]


@pytest.mark.parametrize("field", ["slices", "record"])
def test_a_record_of_a_newer_version_says_so_whatever_was_added_to_it(
    capsys: pytest.CaptureFixture[str], stack: Path, field: str
) -> None:
    out = stack.with_name("whole.tif")
    assert bench(capsys, "repair", stack, "--method", "average", "--out", out)[0] == 0
    newer = record_of(out) | {"schema_": 2}
    (newer["slices"][0] if field == "slices" else newer)["added"] = 1
    folder = out.with_name("whole.tif-repair")
    (folder / "repair.json").write_text(json.dumps(newer))
    with pytest.raises(UserError, match="was written by a newer version of interslice; update"):
        load_record(folder)
    (folder / "repair.json").write_text(json.dumps(newer | {"schema_": 1}))
    with pytest.raises(UserError, match=r"cannot be read .* repeat the repair"):
        load_record(folder)
