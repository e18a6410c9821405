"""A plan: what is decided, the file that a person edits, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.base.errors import UserError
from bench.repair.finding import WHOLE, Box, Finding, Place
from bench.repair.gaps import tasks_of
from bench.repair.given import given_places
from bench.repair.plan import Plan, make_plan
from bench.repair.plan_file import read_plan, write_plan
from bench.volumes.stack_volume import ArrayVolume

SHAPE = (12, 64, 80)


def volume(missing: tuple[int, ...] = (), first: int = 0) -> ArrayVolume:
    made = ArrayVolume("stack", np.zeros(SHAPE, np.uint8), missing=missing)
    made.first = first
    return made


def spot(z: int, top: int = 10, side: int = 9) -> Finding:
    """A round place."""
    y, x = np.mgrid[: SHAPE[1], : SHAPE[2]]
    mask = (y - top - side) ** 2 + (x - 30) ** 2 < side**2
    return Finding(z, "stain", 61.25, 40.0, Place.of(mask))


def plan(*findings: Finding, longest: int = 3) -> Plan:
    return make_plan("stack.tif", volume(), findings, longest)


def actions(made: Plan) -> list[tuple[int, str, str]]:
    return [(item.finding.z, item.action, item.note) for item in made.items]


def test_every_reason_has_its_action() -> None:
    """Slices that show another section or none are filled, soft ones only if nothing is left."""
    found = [Finding(2 * i + 1, reason, 2.0, 1.7) for i, reason in enumerate(list(WHOLE)[:5])]
    filled = plan(*found, spot(2), replace(spot(4), number=None, limit=None))
    assert (filled.filled(), filled.undecided) == ((5, 1), 1)
    left = plan(Finding(3, "jump", 5.0, 4.0), Finding(5, "blur", 2.0, 1.7))
    assert [action for _, action, _ in actions(left)] == ["leave", "leave"]
    assert "between 2 and 3" in left.items[0].note
    assert plan(Finding(5, "blur", 4.5, 1.7)).filled() == (1, 0)


def test_places_of_a_slice_that_is_filled_are_not_counted() -> None:
    given = replace(spot(5), number=None, limit=None)
    assert plan(Finding(5, "blur", 4.5, 1.7), given).filled() == (1, 0)


def test_a_place_that_is_most_of_a_slice_is_the_slice() -> None:
    mask = np.zeros(SHAPE[1:], np.bool_)
    mask[: SHAPE[1] // 2 + 1] = True
    assert plan(Finding(4, "tear", 90.0, 40.0, Place.of(mask))).filled() == (1, 0)


def test_what_has_no_two_neighbours_or_is_too_long_is_left_and_says_why() -> None:
    lost = [Finding(z, "missing") for z in (0, 4, 5, 6, 10, 11)]
    assert actions(plan(*lost, longest=2)) == [
        (0, "leave", "there is no slice before it"),
        (4, "leave", "3 slices in a row, more than 2"),
        (5, "leave", "3 slices in a row, more than 2"),
        (6, "leave", "3 slices in a row, more than 2"),
        (10, "leave", "there is no slice after it"),
        (11, "leave", "there is no slice after it"),
    ]
    assert plan(*lost, longest=3).filled() == (3, 0)
    assert actions(plan(spot(11)))[0][1] == "leave"


def test_a_volume_without_a_sound_slice_is_refused() -> None:
    with pytest.raises(UserError, match="All 12 slices"):
        plan(*(Finding(z, "missing") for z in range(12)), longest=20)


def same(one: Plan, other: Plan) -> None:
    """The masks of both are alike to the pixel, and so is everything else."""
    assert (one.source, one.shape) == (other.source, other.shape)
    for mine, theirs in zip(one.items, other.items, strict=True):
        assert (mine.action, mine.note) == (theirs.action, theirs.note)
        a, b = mine.finding, theirs.finding
        assert (a.z, a.reason, a.number) == (b.z, b.reason, b.number)
        assert (a.limit, a.twin) == (b.limit, b.twin)
        assert (a.place is None) == (b.place is None)
        if a.place is not None and b.place is not None:
            assert a.place.box == b.place.box
            np.testing.assert_array_equal(a.place.mask, b.place.mask)


def test_a_plan_comes_back_as_it_was_written(tmp_path: Path) -> None:
    copied = Finding(9, "duplicate", 60.0, 10.0, twin="after")
    other = Finding(4, "blur", 2.5, 1.7), Finding(7, "missing"), copied
    made = plan(spot(2), spot(2, 40, 7), *other)
    write_plan(made, tmp_path / "plan.toml")
    same(read_plan(tmp_path / "plan.toml", volume()), made)


def test_a_plan_that_is_given_back_unedited_fills_no_place(tmp_path: Path) -> None:
    path, surest = tmp_path / "plan.toml", replace(spot(7), number=400.0)
    write_plan(plan(spot(2), surest), path)
    text = path.read_text()
    assert text.index("slice = 7") < text.index("slice = 2")
    assert "# the number is 10.0 times the limit" in text
    back = read_plan(path, volume())
    assert (back.filled(), back.undecided) == ((0, 0), 2)
    assert tasks_of(back, volume()) == []
    path.write_text(text.replace('action = "look"', 'action = "fill place"', 1))
    assert [task.z for task in tasks_of(read_plan(path, volume()), volume())] == [7]


def test_a_plan_has_the_numbers_of_the_source(tmp_path: Path) -> None:
    made = make_plan("slices", volume(first=100), [Finding(4, "blank", 1.0, 0.5)], 3)
    write_plan(made, tmp_path / "plan.toml")
    assert "slice = 104" in (tmp_path / "plan.toml").read_text()
    same(read_plan(tmp_path / "plan.toml", volume(first=100)), made)


@settings(max_examples=30, deadline=None)
@given(source=st.text(), note=st.text(), reason=st.text())
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, source: str, note: str, reason: str
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.toml"
    made = make_plan(source, volume(), [Finding(3, reason)], 3)
    write_plan(made, path)
    [item] = read_plan(path, volume()).items
    assert (item.finding.reason, item.action) == (reason, made.items[0].action)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    write_plan(plan(spot(2)), path)
    before = path.read_bytes()
    with pytest.raises(UserError, match="is there already"):
        write_plan(plan(), path)
    path.unlink()
    with pytest.raises(UserError, match=r"plan-masks is there already"):
        write_plan(plan(), path)
    assert before
    assert not path.exists()


def test_an_edited_box_is_taken_for_the_mask(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    write_plan(plan(spot(2)), path)
    lines = path.read_text().splitlines()
    lines = ["box = [5, 20, 6, 30]" if line.startswith("mask") else line for line in lines]
    path.write_text("\n".join(lines))
    [item] = read_plan(path, volume()).items
    assert item.finding.place is not None
    assert item.finding.place.box == Box(5, 20, 6, 30)
    assert item.finding.place.mask.all()


def test_masks_of_huge_slices_are_as_large_as_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.repair.plan_file.WHOLE", 64 * 80 - 1)
    path, made = tmp_path / "plan.toml", plan(spot(2), Finding(7, "missing"))
    write_plan(made, path)
    place = made.items[0].finding.place
    assert place is not None
    with Image.open(tmp_path / "plan-masks/0002-1.png") as picture:
        assert np.array_equal(np.asarray(picture) > 0, place.mask)
    same(read_plan(path, volume()), made)


@pytest.mark.parametrize("most", [64 * 80 // 3, 64 * 80 - 1])
def test_a_picture_that_pillow_calls_too_large_is_read(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond twice its limit Pillow refuses, and beyond it warns, which is an error in tests."""
    path, made = tmp_path / "plan.toml", plan(spot(2))
    write_plan(made, path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    same(read_plan(path, volume()), made)


def test_a_box_with_a_mask_has_its_corner(tmp_path: Path) -> None:
    """What is erased of a picture moves the place; what is beyond its size is refused above."""
    path, mask = tmp_path / "plan.toml", tmp_path / "plan-masks/0002-1.png"
    write_plan(plan(spot(2)), path)
    path.write_text(path.read_text().replace("mask =", "box = [10, 30, 40, 50]\nmask ="))
    drawn = np.zeros((20, 10), np.uint8)
    drawn[4:9, 2:5] = 255
    Image.fromarray(drawn).save(mask)
    [item] = read_plan(path, volume()).items
    assert item.finding.place is not None
    assert (item.finding.place.box, item.finding.place.pixels) == (Box(14, 19, 42, 45), 15)


def test_what_is_transparent_of_a_mask_is_not_filled(tmp_path: Path) -> None:
    """An eraser leaves the colour beneath, often white; an outline may be painted in any colour."""
    path, mask = tmp_path / "plan.toml", tmp_path / "plan-masks/0002-1.png"
    write_plan(plan(spot(2)), path)
    drawn = np.full((*SHAPE[1:], 4), 255, np.uint8)
    drawn[..., 3] = 0
    drawn[4:9, 2:5] = 0, 0, 255, 255
    drawn[20:30, 20:30] = 0, 0, 0, 255
    Image.fromarray(drawn).save(mask)
    [item] = read_plan(path, volume()).items
    assert item.finding.place is not None
    assert (item.finding.place.box, item.finding.place.pixels) == (Box(4, 9, 2, 5), 15)


def edited(change: Callable[[str], str], tmp_path: Path) -> str:
    """What is said of a plan after a change of its text."""
    path = tmp_path / "plan.toml"
    write_plan(plan(spot(2), Finding(7, "missing")), path)
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError) as raised:
        read_plan(path, volume())
    sentence = str(raised.value).replace(f"{tmp_path}/", "")
    assert sentence.count("\n") == 0
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("slice = 7", "slice = 7\ncolour = 3", "1 of plan.toml (slice 7) has no key 'colour'"),
        ("source =", "sauce =", "plan.toml has no key 'sauce'"),
        ("slice = 7", "slice = 99", "Entry 1 of plan.toml (slice 99) is not among the slices 0 to"),
        ("slice = 7", "slice = 7.5", "(slice 7.5) has a 'slice' that is not valid"),
        ("slice = 7", "slice = 11", "(slice 11) has a neighbour on one side only"),
        ('action = "fill slice"', 'action = "fix"', "(slice 7) has an 'action' that is not valid"),
        ('action = "fill slice"', "", "(slice 7) lacks the key 'action'"),
        ('action = "fill slice"', 'action = "fill place"', "(slice 7) fills a place but has"),
        ("0002-1.png", "0003-1.png", "is not there; copy the folder of masks beside the plan"),
        ("mask =", "box = [1, 2, 3, 4]\nmask =", "a mask of 64 x 80 pixels, but its box has 1 x 1"),
        ("[12, 64, 80]", "[12, 64, 81]", "the shape 12 x 64 x 81, but 'stack' has 12 x 64 x 80"),
        ("[12, 64, 80]", "[12, 64", "is not valid TOML"),
        ("[[entry]]\nslice = 7", "[[entry]]\nslice = 7\nnumber = nan", "'number' that is not"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_plan_is_one_sentence(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    assert sentence in edited(lambda text: text.replace(old, new, 1), tmp_path)


@pytest.mark.parametrize("box", ["[5, 5, 0, 9]", "[0, 65, 0, 9]", "[-1, 5, 0, 9]", "[0, 5, 0]"])
def test_a_box_beyond_the_slice_is_refused(box: str, tmp_path: Path) -> None:
    def change(text: str) -> str:
        return text.replace('mask = "plan-masks/0002-1.png"', f"box = {box}")

    assert "(slice 2) has" in edited(change, tmp_path)


def test_two_entries_that_fill_one_slice_are_refused(tmp_path: Path) -> None:
    def twice(text: str) -> str:
        head, *entries = text.split("[[entry]]")
        return "[[entry]]".join([head, *entries, entries[0]])

    assert "an earlier one fills" in edited(twice, tmp_path)


def test_a_mask_of_another_size_or_without_a_place_is_refused(tmp_path: Path) -> None:
    path, mask = tmp_path / "plan.toml", tmp_path / "plan-masks/0002-1.png"
    write_plan(plan(spot(2)), path)
    Image.new("L", (64, 64), 255).save(mask)
    with pytest.raises(UserError, match="a mask of 64 x 64 pixels"):
        read_plan(path, volume())
    Image.new("L", (80, 64), 0).save(mask)
    with pytest.raises(UserError, match="0 everywhere"):
        read_plan(path, volume())


def test_masks_of_ones_own_are_taken(tmp_path: Path) -> None:
    masks = np.zeros(SHAPE, np.uint8)
    masks[3, 5:9, 7:20], masks[6] = 1, 1
    np.save(tmp_path / "masks.npy", masks)
    place, whole = given_places(str(tmp_path / "masks.npy"), volume())
    assert place.place is not None
    assert (place.z, place.reason, place.place.box) == (3, "given", Box(5, 9, 7, 20))
    assert (whole.z, whole.place) == (6, None)
    np.save(tmp_path / "masks.npy", masks[:, 1:])
    with pytest.raises(UserError, match="masks of the same shape"):
        given_places(str(tmp_path / "masks.npy"), volume())


def test_boxes_of_ones_own_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text("z,y0,y1,x0,x1,reason\n107,1,5,2,9,fold\n\n103,0,64,0,80,\n")
    first, second = given_places(str(path), volume(first=100))
    assert (first.z, first.reason, second.z, second.reason) == (3, "given", 7, "fold")
    assert second.place is not None
    assert second.place.box == Box(1, 5, 2, 9)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "begin with ''"),
        ("slice,box\n", "first line has to be z,y0,y1,x0,x1"),
        ("z,y0,y1,x0,x1\n3,1,2,3\n", "Line 2 of"),
        ("z,y0,y1,x0,x1\n3,1,2,3,4\n3,1,b,3,4\n", "Line 3 of"),
        ("z,y0,y1,x0,x1\n12,1,2,3,4\n", "slice 12, which 'stack' does not have"),
        ("z,y0,y1,x0,x1\n3,1,2,3,81\n", "not within slices of 64 x 80"),
    ],
)
def test_a_mistake_in_a_table_of_boxes_is_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        given_places(str(path), volume())
