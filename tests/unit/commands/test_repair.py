"""``bench repair``: what it prints, and that it writes nothing that it was not asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from command import bench
from conftest import moving_texture


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A stack in which slice 9 is blank, slice 15 a copy of 16 and slice 20 torn."""
    grey = moving_texture(25, 160)
    grey[9], grey[15] = 200, grey[16]
    grey[20, :80, :90] = 240
    tifffile.imwrite(tmp_path / "stack.tif", grey)
    return tmp_path / "stack.tif"


def test_the_list_is_printed_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    before = sorted(stack.parent.rglob("*"))
    code, out, _ = bench(capsys, "repair", stack, "--missing", "4-5")
    assert code == 0
    for words in ("blank", "duplicate", "missing", "fill slice", "look"):
        assert words in out
    assert "4 slices and 0 places would be filled, 0 findings left as they are." in out
    assert "1 place is not decided, and stays as it is" in out
    assert sorted(stack.parent.rglob("*")) == before


def test_why_a_slice_is_left_is_said_in_full_below_the_list(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    _, out, _ = bench(capsys, "repair", stack, "--missing", "0,4-7")
    lines = out.splitlines()
    assert "Slices 4-7: 4 slices in a row, more than 3." in lines
    assert "Slice 15: shows the section of the slice after it." in lines
    assert sum(line.rstrip().endswith("look") for line in lines) == 1
    assert "\u2026" not in out  # the sign of rich for what it cut off


def test_json_says_the_same(capsys: pytest.CaptureFixture[str], stack: Path) -> None:
    code, out, _ = bench(capsys, "repair", stack, "--missing", "4-5", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["slices"], told["places"], told["undecided"]) == (4, 0, 1)
    assert [(each["slice"], each["reason"]) for each in told["findings"]][:4] == [
        (4, "missing"),
        (5, "missing"),
        (9, "blank"),
        (15, "duplicate"),
    ]
    top, bottom, left, right = told["findings"][4]["box"]
    assert (top, left) == (0, 0)
    assert 80 <= bottom <= 104
    assert 90 <= right <= 114


def test_a_plan_that_is_given_back_is_printed_alike(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    plan, sheet = stack.with_name("plan.toml"), stack.with_name("sheet.png")
    words = ("--missing", "4-5", "--plan-out", plan, "--sheet", sheet)
    code, first, _ = bench(capsys, "repair", stack, *words)
    assert code == 0
    assert sheet.read_bytes()[:4] == b"\x89PNG"
    code, second, _ = bench(capsys, "repair", stack, "--plan", plan)
    assert code == 0
    assert first.partition("plan: ")[0] == second.partition("Nothing was written")[0]
    plan.write_text(plan.read_text().replace('action = "look"', 'action = "fill place"'))
    _, third, _ = bench(capsys, "repair", stack, "--plan", plan)
    assert "4 slices and 1 place would be filled, 0 findings left as they are." in third
    assert "not decided" not in third


def test_a_plan_is_of_one_region_of_one_volume(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    """Another part is as large, and its tissue elsewhere; a copy of the volume may be meant."""
    plan, whole = stack.with_name("plan.toml"), stack.with_name("whole.toml")
    for path, region in ((plan, "0:24,0:120,8:128"), (whole, ":,:,:")):
        assert bench(capsys, "repair", stack, "--region", region, "--plan-out", path)[0] == 0
    assert "corner" not in whole.read_text()
    assert bench(capsys, "repair", stack, "--region", "0:24,0:120,8:128", "--plan", plan)[0] == 0
    code, _, told = bench(capsys, "repair", stack, "--region", "0:24,0:120,40:160", "--plan", plan)
    assert code == 2
    assert "whose rows and columns begin at 0, 8, not at 0, 40; give the region" in told
    other = stack.rename(stack.with_name("other.tif"))
    code, out, told = bench(capsys, "repair", other, "--plan", whole, "--json")
    assert (code, json.loads(out)["source"]) == (0, str(other))
    code, out, told = bench(capsys, "repair", other, "--plan", whole)
    assert code == 0
    assert f"was made of {stack}, and is carried out on {other}." in told


def test_places_of_ones_own_are_taken_for_those_that_would_be_found(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    boxes = stack.with_name("boxes.csv")
    boxes.write_text("z,y0,y1,x0,x1,reason\n7,10,40,20,50,knife mark\n")
    _, out, _ = bench(capsys, "repair", stack, "--defects", boxes, "--json")
    found = [(each["slice"], each["reason"]) for each in json.loads(out)["findings"]]
    assert found == [(7, "knife mark"), (9, "blank"), (15, "duplicate")]


@pytest.mark.parametrize("option", ["--plan-out", "--sheet", "--out"])
def test_the_source_is_not_in_the_way_of_itself(
    capsys: pytest.CaptureFixture[str], stack: Path, option: str
) -> None:
    before = stack.read_bytes()
    code, _, told = bench(capsys, "repair", stack, option, stack)
    assert code == 2
    assert "is the source, which is never written over; give another name" in told
    assert "remove it" not in told
    assert stack.read_bytes() == before


def test_a_sound_volume_has_nothing_to_fill(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "sound.npy", moving_texture(12, 160))
    code, out, _ = bench(capsys, "repair", tmp_path / "sound.npy")
    assert code == 0
    assert out.startswith("Nothing is missing or damaged.")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--missing", "x"), "--missing is not valid: 'x' is no number and no range"),
        (("--missing", "25"), "which is not among them"),
        (("--missing", "0-24"), "All 25 slices of 'stack' are missing"),
        (("--longest", "0"), "--longest takes 1 or more slices"),
        (("--search", "0"), "--search takes 1 pixel or more"),
        (("--search", "70"), "choose a smaller --search"),
        (("--missing", "3,22-23", "--region", "2:21,:,:"), "names 22-23, but --region takes the"),
        (("--mask-out", "mask.tif"), "give --out too"),
        (("--plan", "none.toml"), "none.toml cannot be read"),
        (("--plan", "none.toml", "--missing", "3"), "leave --missing out"),
        (("--defects", "none.csv"), "none.csv cannot be read"),
        (("--sheet", "stack.tif"), "stack.tif is the source"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    stack: Path,
    words: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(stack.parent)
    code, out, error = bench(capsys, "repair", stack, *words)
    assert (code, out) == (2, "")
    [line] = [line for line in error.splitlines() if line.startswith("bench: ")]
    assert sentence in line


def test_a_plan_of_a_slice_that_there_is_not_is_told_as_the_plans_mistake(
    capsys: pytest.CaptureFixture[str], stack: Path
) -> None:
    plan = stack.with_name("plan.toml")
    bench(capsys, "repair", stack, "--missing", "4-5", "--plan-out", plan)
    plan.write_text(plan.read_text().replace("slice = 5", "slice = 55"))
    code, _, error = bench(capsys, "repair", stack, "--plan", plan)
    assert code == 2
    assert "(slice 55) is not among the slices 0 to 24" in error
