"""Which slices a gap is filled from, and how they are laid on each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import moving_texture

from bench.base.errors import UserError
from bench.repair.finding import Box, Finding, Place
from bench.repair.gaps import Gap, overlap, sound_slices, tasks_of
from bench.repair.neighbours import neighbours
from bench.repair.plan import make_plan
from bench.repair.record import left_of
from bench.repair.slices import Slices, Window
from bench.volumes.stack_volume import ArrayVolume

SIDE = 96


def volume(grey: np.ndarray | None = None, missing: tuple[int, ...] = ()) -> ArrayVolume:
    values = np.zeros((12, SIDE, SIDE), np.uint8) if grey is None else grey
    return ArrayVolume("stack", values, missing=missing)


def spot(z: int, left: int = 10) -> Finding:
    box = Box(10, 20, left, left + 10)
    return Finding(z, "stain", place=Place(box, np.ones((10, 10), np.bool_)))


def test_slices_are_filled_from_the_nearest_that_show_their_own_section() -> None:
    """A place may be filled from further away; a soft slice and a damaged one are neighbours."""
    whole = volume(missing=(3, 4))
    findings = [
        Finding(3, "missing"),
        Finding(4, "missing"),
        spot(5),
        Finding(7, "blur", 2.0, 1.7),
        Finding(9, "blank", 1.0, 0.5),
    ]
    plan = make_plan("stack.tif", whole, findings, longest=3)
    tasks = tasks_of(plan, whole)
    assert [(task.z, task.gap, task.whole) for task in tasks] == [
        (3, Gap(2, 5), True),
        (4, Gap(2, 5), True),
        (5, Gap(2, 6), False),
        (9, Gap(8, 10), True),
    ]
    assert [task.gap.time(task.z) for task in tasks] == [1 / 3, 2 / 3, 3 / 4, 1 / 2]
    assert [task.gap.size for task in tasks] == [2, 2, 3, 1]
    assert sound_slices(plan, whole) == [0, 1, 2, 6, 8, 10, 11]


def test_a_place_is_filled_from_slices_that_are_not_damaged_there() -> None:
    """Dirt on two sections would fill itself; of four in a row no other slice is near enough."""
    findings = [spot(1), spot(2), spot(3, left=60), *map(spot, range(5, 9)), spot(8, left=60)]
    plan = make_plan("stack.tif", volume(), findings, longest=3)
    assert [(task.z, task.gap) for task in tasks_of(plan, volume())] == [
        (1, Gap(0, 3)),
        (2, Gap(0, 3)),
        (3, Gap(2, 4)),
        (5, Gap(4, 6)),
        (6, Gap(5, 7)),
        (7, Gap(6, 8)),
        (8, Gap(7, 9)),
    ]


def test_only_pixels_that_both_have_are_the_same_place() -> None:
    """Boxes of slanting folds overlap where the folds do not."""
    one, other = np.eye(10, dtype=np.bool_), np.zeros((10, 10), np.bool_)
    other[0, 5:] = True
    there = Place.of(one, (10, 20))
    assert not overlap(there, Place.of(other, (10, 20)))
    assert overlap(there, Place.of(other, (10, 15)))
    assert not overlap(there, Place.of(one, (40, 20)))


def test_a_place_with_no_sound_slice_on_one_side_is_left() -> None:
    lost = [Finding(z, "blank", 1.0, 0.5) for z in (0, 1, 10, 11)]
    plan = make_plan("stack.tif", volume(), [*lost, *map(spot, (2, 5, 9))], longest=3)
    assert {item.finding.z: item.action for item in plan.items if item.finding.place} == {
        2: "leave", 5: "fill place", 9: "leave",
    }  # fmt: skip
    assert [task.z for task in tasks_of(plan, volume())] == [5]


def test_places_that_nobody_has_decided_on_are_left() -> None:
    """What was measured was found; what was not is somebody's own, and filled."""
    found = replace(spot(5), number=61.0, limit=35.0)
    findings = [spot(3), found, Finding(9, "blank", 1.0, 0.5)]
    plan = make_plan("stack.tif", volume(), findings, longest=3)
    assert [item.action for item in plan.items] == ["fill place", "look", "fill slice"]
    assert [task.z for task in tasks_of(plan, volume())] == [3, 9]
    [left] = left_of(plan.items, first=100)
    assert left == {"slice": 105, "reason": "stain", "note": plan.items[1].why_left}
    assert left["note"].startswith("not decided")


def test_a_slice_whose_neighbour_is_left_missing_cannot_be_filled() -> None:
    whole = volume(missing=(0,))
    plan = make_plan("stack.tif", whole, [Finding(0, "missing")], longest=3)
    wanted = make_plan("stack.tif", volume(), [Finding(1, "blank", 1.0, 0.5)], longest=3)
    both = type(plan)(plan.source, plan.shape, 7, (*plan.items, *wanted.items))
    with pytest.raises(UserError, match=r"Slice 8 has no sound slice on one of its sides.*--plan"):
        tasks_of(both, whole)


def test_neighbours_share_the_shift_and_the_brightness_of_a_gap() -> None:
    """Each slice of the gap lies where an even drift has brought it, as bright as it would be."""
    texture = moving_texture(1, SIDE + 12)[0].astype(np.float64)
    tissue = 60 + texture / 4  # room for a change of brightness and contrast
    grey = np.empty((4, SIDE, SIDE))
    for z in range(4):
        moved = tissue[2 * z : 2 * z + SIDE, 6 - z : 6 - z + SIDE]
        grey[z] = (moved - tissue.mean()) * (1 + z / 6) + tissue.mean() + 10 * z
    slices = Slices(volume(np.rint(grey).astype(np.uint8), missing=(1, 2)))
    beside = neighbours(slices, Gap(0, 3), search=8)
    assert (beside.match.y, beside.match.x) == (-6, 3)
    window = Window(20, 20, 48, 48)
    for z in (1, 2):
        for laid in beside.laid_on(z, window):
            truth = grey[z, 20:68, 20:68] / 255
            assert np.abs(laid - truth).max() < 6 / 255
            assert abs(laid.mean() - truth.mean()) < 1.5 / 255


def test_a_window_beyond_the_slice_shows_its_edge() -> None:
    grey = moving_texture(3, SIDE)
    slices = Slices(volume(grey))
    whole = np.pad(grey[1], 200, mode="edge")
    for window in (Window(-5, -9, 20, 30), Window(90, 80, 30, 30), Window(-150, 3, 20, 10)):
        top, left = window.top + 200, window.left + 200
        wanted = whole[top : top + window.height, left : left + window.width]
        np.testing.assert_array_equal(slices.read(1, window), wanted)
