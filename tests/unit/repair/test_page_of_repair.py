"""The page of a repair: every slice is there, the worst first, with the right pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import moving_texture
from PIL import Image
from repaired import FIRST, MEANS, NEURITES, REFUSED, Repaired, repaired

from bench.base.progress import open_display
from bench.repair.fill import Manner
from bench.repair.finding import Finding
from bench.repair.page.pictures import COLOURS, Album, colours
from bench.repair.page.words import facts, row, summary, worst_first
from bench.repair.plan import make_plan
from bench.repair.record import load_record
from bench.repair.repair import Order, carry_out
from bench.repair.wish import Wish
from bench.repair.words import MATCHED, chosen_words, hidden_words
from bench.volumes.stack_volume import ArrayVolume


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    return repaired(tmp_path_factory.mktemp("repaired"))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Repaired:
    """Slices of 600 x 2,051 pixels: three in a row become one, and two columns are left over."""
    grey = np.random.default_rng(0).integers(0, 256, (16, 600, 2051)).astype(np.uint8)
    return repaired(tmp_path_factory.mktemp("large"), grey)


def html(made: Repaired) -> str:
    return (made.folder / "index.html").read_text(encoding="utf-8")


def slices(made: Repaired) -> dict[int, dict[str, Any]]:
    """What the page's script reads of each slice, by its position, in its order."""
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html(made))
    return {
        each["slice"] - FIRST: each | {"parts": {part["name"]: part for part in each["parts"]}}
        for each in json.loads(text)["slices"]
    }


def picture(made: Repaired, address: str) -> np.ndarray:
    with Image.open(made.folder / address) as found:
        return np.asarray(found)


def whole(made: Repaired, z: int) -> np.ndarray:
    """A slice of the repaired volume in grey levels."""
    grey = made.volume.shown(made.filled[z])
    return grey if made.masks[z].all() else np.where(made.masks[z], grey, made.volume.slice(z))


def test_every_slice_is_there_the_refused_first_then_the_worst(done: Repaired) -> None:
    order = [9, 6, 12, 3]
    assert list(slices(done)) == order
    numbers = [str(FIRST + z) for z in order]
    assert re.findall(r'data-slice="(\d+)"', html(done)) == numbers
    assert re.findall(r'<th scope="row"><a href="#slice=(\d+)">', html(done)) == numbers


def test_what_was_refused_or_left_says_why(done: Repaired) -> None:
    refused = slices(done)[9]
    assert refused["note"] == REFUSED
    assert {"filled", "error"}.isdisjoint(refused["parts"]["whole"])
    assert html(done).count(REFUSED) >= 2  # the table says it without a script
    assert "<b>Left:</b> sections may be &lt;lost&gt;.</p>" in html(done)


def test_what_was_left_is_shown_between_its_neighbours_with_its_outline(large: Repaired) -> None:
    fold, jump = re.findall(r"<li>\s*<h3>.*?</li>", html(large), re.DOTALL)
    assert "<h3>slice 113</h3>" in fold
    assert "<b>Left:</b> the plan says leave.</p>" in fold
    # The ring of 15 pixels lies around row 40 and column 30; slice 12 is filled, so 11 is before.
    for name, z in (("before", 11), ("damaged", 13), ("after", 14)):
        [address] = re.findall(rf'src="(pictures/left-0001-{name}\.\w+)"', fold)
        assert np.array_equal(picture(large, address), large.volume.slice(z)[:192, :192])
    [drawn] = set(re.findall(r' d="([^"]+)"', fold))
    points = np.array(re.findall(r"([\d.]+) ([\d.]+)", drawn), float)
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    assert middle == pytest.approx([30.5, 40.5], abs=1)
    assert "<h3>slice 114</h3>" in jump
    assert "<svg" not in jump  # it is the whole slice
    [address] = re.findall(r'src="(pictures/left-0002-damaged\.\w+)"', jump)
    assert picture(large, address).shape == (100, 341)  # six in a row become one


def test_the_reasons_are_told_with_their_numbers(done: Repaired) -> None:
    found = slices(done)
    assert found[12]["reasons"] == [
        "duplicate: shows the section of the slice before it; excess of likeness to a neighbour, "
        "in robust standard deviations: 58 (5.8 times its limit)"
    ]
    assert found[6]["reasons"][0].startswith(
        "stain: a spot darker than both neighbours; departure from both, in robust standard "
        "deviations: 61 (1.5 times its limit); "
    )
    assert found[6]["reasons"][1].startswith("knife </script> mark: 600 pixels; rows 66:96")


def test_the_summary_counts_and_names(done: Repaired) -> None:
    for sentence in (
        "2 slices were synthesised as a whole: 103 and 112.",
        "1 slice was filled in places: 106.",
        "1 slice was not filled, because the result could not be trusted: 109.",
        "2 findings (1 fold, 1 jump) in 2 slices (113-114) were left as they are; they are shown "
        "below.",
        "The method for single slices was dis: it was named. 20 windows of sound slices were "
        "hidden and filled alike. Mean scores in them: dis PSNR 17.8 dB, FRC 0.61; the mean of "
        "both neighbours FRC 0.55; a copy of the nearer one PSNR 15.3 dB, FRC 0.48. Half of these "
        "windows were more than 11.9 grey levels brighter or darker than their neighbours "
        "foretell, 1 in 10 more than 27.3.",
        MATCHED,
        NEURITES,
        "The mean expected error is largest in slice 106, 34.0 grey levels of 255, and smallest in "
        "slice 103, 12.0.",
    ):
        assert f"<p>{sentence}</p>" in html(done)


def test_the_file_of_the_weights_is_named(done: Repaired) -> None:
    method = done.record.methods[1] | {"method": "dain[weights=w]", "weights_file": "/runs/w.pt"}
    assert chosen_words(1, method) == (
        "single slices: dain[weights=w], with the weights /runs/w.pt; it was named."
    )


def test_few_windows_and_those_that_a_network_did_not_fill_are_told(done: Repaired) -> None:
    method = done.record.methods[1]
    brightness = {"median": 4.0, "low": 0.52, "high": 9.0}
    few = hidden_words(method | {"hidden": 4, "tried": 4, "brightness": brightness})
    assert few[0] == "Only 4 windows of sound slices could be hidden and filled alike."
    assert few[2].startswith("These windows were 0.5 to 9.0 grey levels brighter or darker than")
    network = hidden_words(method | {"hidden": 48, "tried": 12, "gauge": "dis"})
    assert network[0] == (
        "12 windows of sound slices were hidden and filled alike that it did not learn from; dis "
        "tells what it would reach in 48 of the whole volume."
    )


def test_scores_that_some_slice_is_expected_to_reach_have_columns(done: Repaired) -> None:
    page = html(done)
    columns = re.findall(r'<th scope="col" class="number">([^<]*)</th>', page)
    assert columns == ["Expected error", "Carried", "PSNR (dB)", "Unlikeness", "Lies at"]
    assert '<td class="number">0.91 [0.87, 0.95]</td>' in page
    assert "Carried those that the test triplets" in page
    assert "(Carried: the share of neurites" in page


def test_how_far_to_trust_intervals_is_said_once_where_it_is_the_same(done: Repaired) -> None:
    held = "90 % of such intervals hold the true score"
    told = dict(slices(done)[3]["facts"])
    assert told["expected Carried"] == "0.91 [0.87, 0.95]"
    assert [name for name, text in told.items() if held in text] == [
        "the intervals of all of these"
    ]
    each = done.record.slices[0]
    few = each.expected["psnr"].model_copy(update={"coverage": None})
    mixed = each.model_copy(update={"expected": {**each.expected, "psnr": few}})
    told = dict(facts(mixed, done.record))
    assert told["expected Carried"].endswith(f"; {held}")
    assert "too few slices could be hidden" in told["expected PSNR (dB)"]


def test_what_was_filled_by_force_stands_before_what_can_be_trusted(done: Repaired) -> None:
    forced = [
        each.model_copy(update={"note": "its neighbours differ"}) if each.slice == 103 else each
        for each in done.record.slices
    ]
    record = done.record.model_copy(update={"slices": tuple(forced)})
    assert [each.slice for each in worst_first(record.slices)] == [109, 103, 106, 112]
    assert "1 slice was filled by force, though not to be trusted: 103." in summary(record)
    rows = [row(each, record) for each in record.slices]
    assert [each["slice"] for each in rows if each["forced"]] == [103]


@pytest.mark.parametrize("z", [3, 6, 9, 12])
def test_the_pictures_show_the_slice_and_its_neighbours(done: Repaired, z: int) -> None:
    shown = slices(done)[z]["parts"]["whole"]
    for side, other in (("before", z - 1), ("after", z + 1)):
        assert np.array_equal(picture(done, shown[side]), done.volume.slice(other))
    if z == 3:
        assert "damaged" not in shown
    else:
        assert np.array_equal(picture(done, shown["damaged"]), done.volume.slice(z))
    if MEANS[z] is not None:
        assert np.array_equal(picture(done, shown["filled"]), whole(done, z))


@pytest.mark.parametrize("z", [3, 6])
def test_the_error_map_has_the_colour_of_each_error_and_is_clear_elsewhere(
    done: Repaired, z: int
) -> None:
    assert "<span>70 or more</span>" in html(done)
    with Image.open(done.folder / slices(done)[z]["parts"]["whole"]["error"]) as found:
        seen = np.asarray(found.convert("RGBA"))
    mask = done.masks[z]
    wanted = colours()[np.rint(done.errors[z][mask] / 70 * (COLOURS - 1)).astype(int)]
    assert np.array_equal(seen[mask][:, :3], wanted)
    assert np.array_equal(seen[..., 3] > 0, mask)


def test_colours_go_from_dark_to_bright_in_even_steps() -> None:
    brightness = colours() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(brightness) > 2).all()


def test_the_outline_goes_around_what_was_filled(done: Repaired) -> None:
    path = slices(done)[6]["parts"]["whole"]["outline"]
    lines = [
        np.array([list(map(float, point.split())) for point in line.strip("MZ").split("L")])
        for line in re.findall(r"M[^Z]*Z", path)
    ]
    assert len(lines) == 3  # a ring has an outer and an inner edge
    rows, columns = np.nonzero(done.masks[6])
    points = np.concatenate(lines)
    assert points.min(axis=0) == pytest.approx([columns.min() + 0.5, rows.min() + 0.5], abs=0.6)
    assert points.max(axis=0) == pytest.approx([columns.max() + 0.5, rows.max() + 0.5], abs=0.6)
    assert slices(done)[3]["parts"]["whole"]["outline"] == ""


def test_a_large_slice_is_shrunk_and_its_middle_shown_as_it_is(large: Repaired) -> None:
    shown = slices(large)[12]["parts"]
    assert shown["whole"]["box"] == [0, 0, 2049, 600]
    blocks = whole(large, 12)[:, :2049].reshape(200, 3, 683, 3).mean(axis=(1, 3))
    assert np.abs(picture(large, shown["whole"]["filled"]) - blocks).max() <= 0.51
    left, top, width, height = shown["middle"]["box"]
    assert (top, left, height, width) == (44, 769, 512, 512)
    for name, grey in (("filled", whole(large, 12)), ("before", large.volume.slice(11))):
        assert np.array_equal(picture(large, shown["middle"][name]), grey[44:556, 769:1281])


def test_places_of_a_large_slice_are_shown_by_themselves_and_first(large: Repaired) -> None:
    shown = slices(large)[6]["parts"]
    assert list(shown) == ["place 1", "place 2", "whole", "middle"]
    assert shown["place 1"]["box"] == [0, 0, 192, 192]
    assert shown["place 2"]["box"] == [2051 - 192, 600 - 192, 192, 192]
    for place, at in (("place 1", np.s_[:192, :192]), ("place 2", np.s_[-192:, -192:])):
        seen = picture(large, shown[place]["filled"])
        assert np.array_equal(seen, whole(large, 6)[at])
        assert shown[place]["shrunk"] == 1
    assert shown["place 1"]["outline"] not in ("", shown["place 2"]["outline"])
    assert "place 1" not in slices(large)[3]["parts"]


def test_errors_of_a_shrunk_place_are_the_mean_of_its_filled_pixels(large: Repaired) -> None:
    with Image.open(large.folder / slices(large)[6]["parts"]["whole"]["error"]) as found:
        seen = np.asarray(found)
    by = 5  # 2,051 pixels become at most 512
    rows, columns = (length // by * by for length in (600, 2049))
    mask, errors = large.masks[6][:rows, :columns], large.errors[6][:rows, :columns]
    count, total = (
        each.reshape(rows // by, by, columns // by, by).sum(axis=(1, 3), dtype=float)
        for each in (mask, errors)
    )
    assert np.array_equal(seen > 0, count > 0)
    step = 70 / (COLOURS - 1)
    levels = step * (seen[count > 0] - 1.0)
    assert np.abs(levels - total[count > 0] / count[count > 0]).max() < 0.501 * step


def test_a_picture_without_room_is_compressed_and_fits(tmp_path: Path) -> None:
    [grey] = moving_texture(1, 256)
    assert Album(tmp_path, 100_000).add("exact", grey) == "pictures/exact.png"
    room = (tmp_path / "pictures" / "exact.png").stat().st_size // 3
    address = Album(tmp_path, room).add("small", grey)
    assert address == "pictures/small.webp"
    assert (tmp_path / address).stat().st_size <= room
    with Image.open(tmp_path / address) as found:
        seen = np.asarray(found.convert("L"), float)
    assert np.abs(seen - grey).mean() < 8


def test_two_pages_of_one_repair_are_the_same(done: Repaired, tmp_path: Path) -> None:
    again = repaired(tmp_path)
    found = [
        {
            path.relative_to(made.folder): path.read_bytes()
            for path in made.folder.rglob("*")
            if path.suffix in (".html", ".png", ".tif", ".json")
        }
        for made in (done, again)
    ]
    assert len(found[0]) == 1 + 17 + 3 + 1 + 6
    assert found[0] == found[1]


def test_a_repair_leaves_its_page_and_the_errors_at_full_resolution(tmp_path: Path) -> None:
    volume = ArrayVolume("texture", moving_texture(12, 96), missing=(5,))
    plan = make_plan("texture.tif", volume, [Finding(5, "missing")], 3)
    wish = Wish("average", None, "texture", {}, {})
    order = Order(plan, wish, str(tmp_path / "out.tif"), None, Manner(16, False, "cpu"))
    record = carry_out(order, volume, pytest.fail, open_display)
    folder = tmp_path / "out.tif-repair"
    assert record == load_record(folder)
    [each] = record.slices
    assert each.error == "error/00005.tif"
    errors = tifffile.imread(folder / each.error)
    assert (errors.dtype, errors.shape) == (np.uint8, (96, 96))
    assert errors.mean() == pytest.approx(each.mean_error, abs=0.5)
    with Image.open(folder / "pictures" / "00005-filled.png") as found:
        assert np.array_equal(np.asarray(found), tifffile.imread(tmp_path / "out.tif")[5])
    assert {path.name for path in folder.iterdir() if path.name != ".lock"} == {
        "repair.json", "index.html", "pictures", "error", "plan.toml",
    }  # fmt: skip
