"""The sheet: every finding is there, between slices that show tissue, in the kind that is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import bench
from conftest import moving_texture
from PIL import Image

from bench.base.errors import UserError
from bench.repair.finding import Finding, Place
from bench.repair.plan import Plan, make_plan
from bench.repair.scene import scenes
from bench.repair.sheet import draw_sheet
from bench.volumes.stack_volume import ArrayVolume


def stain(z: int, top: int = 20) -> Finding:
    mask = np.zeros((64, 64), np.bool_)
    mask[top : top + 20, 10:30] = True
    return Finding(z, "stain", 61.0, 40.0, Place.of(mask))


def planned(
    depth: int, findings: list[Finding], missing: tuple[int, ...] = ()
) -> tuple[Plan, ArrayVolume]:
    volume = ArrayVolume("stack", moving_texture(depth, 64), missing=missing)
    return make_plan("stack.tif", volume, findings, 3), volume


def words(plan: Plan, volume: ArrayVolume) -> list[tuple[str, ...]]:
    return [
        tuple(each.words for each in scene.panels) for scene in scenes(plan.items, plan, volume)
    ]


def test_a_neighbour_that_shows_nothing_is_named_and_the_next_one_shown() -> None:
    found = [Finding(3, "blank", 1.0, 0.5), stain(4), *(Finding(z, "missing") for z in (5, 6)),
             Finding(7, "saturated", 1.0, 0.5)]  # fmt: skip
    plan, volume = planned(12, found, (5, 6))
    volume.first = 100
    plan = make_plan("stack.tif", volume, found, 5)
    assert words(plan, volume) == [
        ("slice 102", "slice 103", "slice 104"),
        ("slice 102 (103 blank)", "slice 104", "slice 108 (105-106 missing, 107 saturated)"),
        ("slice 104", "missing", "slice 108 (107 saturated)"),
        ("slice 104 (105-106 missing)", "slice 107", "slice 108"),
    ]


def test_at_the_ends_of_a_stack_there_is_nothing_to_show() -> None:
    plan, volume = planned(6, [Finding(0, "missing"), stain(1), stain(5)], (0,))
    assert words(plan, volume) == [
        ("no sound slice before", "missing", "slice 1"),
        ("no sound slice before (0 missing)", "slice 1", "slice 2"),
        ("slice 4", "slice 5", "no sound slice after"),
    ]


def test_missing_slices_in_a_row_are_one() -> None:
    gone = (2, 3, 4, 5, 9)
    plan, volume = planned(14, [Finding(z, "missing") for z in gone], gone)
    found = scenes(plan.items, plan, volume)
    assert [scene.called(0) for scene in found] == ["slices 2-5", "slice 9"]
    assert [scene.item.action for scene in found] == ["leave", "fill slice"]


def test_sixty_findings_are_all_there_and_no_wider_than_a_screen(tmp_path: Path) -> None:
    """Each damaged slice has a grey value of its own, which has to be seen on the sheet."""
    grey = np.full((122, 48, 48), 255, np.uint8)
    grey[1:121:2] = 2 * np.arange(60)[:, None, None] + 20
    volume = ArrayVolume("stack", grey)
    plan = make_plan("s.tif", volume, [Finding(z, "blank", 1.0, 0.5) for z in range(1, 121, 2)], 3)
    draw_sheet(plan, volume, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width < 1900
        assert picture.height < 6500
        counts = np.bincount(np.asarray(picture.convert("L")).ravel(), minlength=256)
    assert (counts[20:140:2] >= 192 * 192).all()


def test_a_place_has_its_outline(tmp_path: Path) -> None:
    plan, volume = planned(12, [stain(3)])
    draw_sheet(plan, volume, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        rows, columns = np.nonzero((np.asarray(picture) == (213, 94, 0)).all(axis=-1))
    # 3 pixels of the sheet are one of the slice; the place has 20 x 20 of them.
    assert np.ptp(rows) == pytest.approx(60, abs=4)
    assert np.ptp(columns) == pytest.approx(60, abs=4)


def test_a_pdf_has_pages(tmp_path: Path) -> None:
    plan, volume = planned(60, [stain(z) for z in range(1, 59, 2)])
    draw_sheet(plan, volume, tmp_path / "sheet.pdf")
    data = (tmp_path / "sheet.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") == 3  # of 29 findings


def test_a_sound_volume_has_a_sheet_too(tmp_path: Path) -> None:
    plan, volume = planned(6, [])
    draw_sheet(plan, volume, tmp_path / "sheet.JPG")
    with Image.open(tmp_path / "sheet.JPG") as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize("name", ["sheet.gif", "sheet"])
def test_another_kind_is_refused_before_a_slice_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    np.save(tmp_path / "stack.npy", moving_texture(12, 64))
    code, out, error = bench(capsys, "repair", tmp_path / "stack.npy", "--sheet", tmp_path / name)
    assert (code, out) == (2, "")
    assert "give a name that ends in .png, .jpg, .jpeg, .pdf" in error
    assert "slices:" not in error
    assert not (tmp_path / name).exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    plan, volume = planned(6, [stain(3)])
    (tmp_path / "sheet.png").write_bytes(b"mine")
    with pytest.raises(UserError, match="is there already"):
        draw_sheet(plan, volume, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"
