"""What has to be known of what is filled: damage beyond a place, and in what it is filled from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import planted
import pytest
import tifffile
from command import bench

from bench.repair.caution import cautioned
from bench.repair.finding import Finding, Mask, Place
from bench.repair.plan import Item, Plan
from bench.repair.tiling import Tiling
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.stack_volume import ArrayVolume

TORN, STAINED = 5, 9


@pytest.fixture(scope="module")
def damaged() -> tuple[np.ndarray, dict[int, Mask]]:
    """The phantom with a corner torn off and a stain, and their masks."""
    grey = phantom_volume(PhantomOptions(depth=14, height=320, width=320)).raw
    masks = dict[int, Mask]()
    for z, kind, size in ((TORN, "tear", 140), (STAINED, "stain", 120)):
        grey[z], masks[z] = planted.PLACES[kind](grey[z], np.random.default_rng(2), size)
    return grey, masks


def half(mask: Mask) -> Mask:
    """The upper half of a place."""
    rows = np.flatnonzero(mask.any(axis=1))
    return mask & (np.arange(len(mask)) < rows.mean())[:, None]


def cautions(grey: np.ndarray, *items: Item) -> list[str]:
    plan = Plan("phantom", (len(grey), *grey.shape[1:]), 0, items)
    told = cautioned(plan, ArrayVolume("phantom", grey), 16, lambda *_: None)
    return [item.caution for item in told.items]


def place(z: int, mask: Mask) -> Item:
    return Item(Finding(z, "given", place=Place.of(mask)), "fill place")


def is_of_the_rest(said: str, mask: Mask) -> bool:
    """Whether the other half is told."""
    words, _, box = said.partition(", at rows ")
    assert words == "damage seems to go on beyond the place"
    rows, columns = (range(*map(int, each.split(":"))) for each in box.split(", columns "))
    y, x = np.argwhere(mask & ~half(mask)).mean(axis=0).astype(int)
    return y in rows and x in columns


def test_damage_beyond_a_place_is_said(damaged: tuple[np.ndarray, dict[int, Mask]]) -> None:
    """Where it lies too; of a place that holds all of it nothing is said."""
    grey, masks = damaged
    assert cautions(grey, *(place(z, masks[z]) for z in masks)) == ["", ""]
    for z, mask in masks.items():
        [said] = cautions(grey, place(z, half(mask)))
        assert is_of_the_rest(said, mask)


def test_what_another_place_of_the_slice_holds_is_known(
    damaged: tuple[np.ndarray, dict[int, Mask]],
) -> None:
    """Also of one that is left: somebody has seen it."""
    grey, masks = damaged
    mask = masks[TORN]
    other = Item(place(TORN, mask & ~half(mask)).finding, "leave")
    assert cautions(grey, place(TORN, half(mask)), other) == ["", ""]


def test_large_slices_are_looked_at_around_the_place(
    damaged: tuple[np.ndarray, dict[int, Mask]], monkeypatch: pytest.MonkeyPatch
) -> None:
    grey, masks = damaged
    limit = int(np.prod(grey.shape[1:])) - 1
    monkeypatch.setattr("bench.repair.caution.TILING", Tiling(limit=limit, margin=160))
    [said] = cautions(grey, place(TORN, half(masks[TORN])))
    assert is_of_the_rest(said, masks[TORN])


def test_what_a_slice_is_filled_from_is_said_where_it_is_damaged(
    damaged: tuple[np.ndarray, dict[int, Mask]],
) -> None:
    """A lost slice has what its neighbour has; a place only what lies at the same place."""
    grey, masks = damaged
    torn, lost = place(TORN, masks[TORN]), Item(Finding(TORN + 1, "missing"), "fill slice")
    box = torn.finding.place and torn.finding.place.box
    assert box
    assert cautions(grey, torn, lost)[1] == (
        f"filled from slice {TORN}, whose given at rows {box.top}:{box.bottom}, columns "
        f"{box.left}:{box.right} may show through"
    )
    left = Item(Finding(TORN, "tear", 90.0, 35.0, Place.of(masks[TORN])), "leave")
    assert cautions(grey, left, lost) == ["", ""]  # somebody has found it sound
    row = [place(z, masks[TORN]) for z in range(TORN - 1, TORN + 3)]
    assert f"filled from slice {TORN + 1}, whose given" in cautions(grey, *row)[1]
    assert cautions(grey, *row[:2]) == ["", ""]  # filled from further away


def test_the_list_the_record_and_the_page_say_it(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    damaged: tuple[np.ndarray, dict[int, Mask]],
) -> None:
    grey, masks = damaged
    tifffile.imwrite(tmp_path / "stack.tif", grey)
    box = place(TORN, half(masks[TORN])).finding.place
    assert box
    table = tmp_path / "boxes.csv"
    table.write_text(f"z,y0,y1,x0,x1\n{TORN},{','.join(map(str, box.box))}\n")
    out = tmp_path / "whole.tif"
    words = ("--defects", table, "--method", "average", "--out", out)
    code, told, _ = bench(capsys, "repair", tmp_path / "stack.tif", *words)
    assert code == 0
    folder = tmp_path / "whole.tif-repair"
    [each] = json.loads((folder / "repair.json").read_text())["slices"]
    [said] = each["cautions"]
    assert f"Slice {TORN}: {said}." in told.splitlines()
    page = (folder / "index.html").read_text()
    assert said in page
    assert "by force" not in page  # a caution is none
    assert (each["note"], each["filled"]) == ("", "places")
    filled = np.asarray(tifffile.imread(out))[TORN]
    top, bottom, left, right = box.box
    filled[top:bottom, left:right] = grey[TORN, top:bottom, left:right]
    np.testing.assert_array_equal(filled, grey[TORN])
