"""Damage planted into the phantom is found, named and outlined; sound slices are left alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import planted
import pytest

from bench.base.errors import UserError
from bench.repair.departure import SPOT, departure
from bench.repair.find import find_defects
from bench.repair.finding import Finding, Mask
from bench.repair.limits import Limits
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.stack_volume import ArrayVolume

# slice, kind, size in pixels, what it is called
PLACES = (
    (3, "fold", 20, "fold"),
    (5, "fold", 28, "fold"),
    (7, "crack", 10, "crack"),
    (9, "stain", 90, "stain"),
    (11, "tear", 100, "tear"),
    (13, "streak", 16, "crack"),
)


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return phantom_volume(PhantomOptions(depth=24, height=320, width=320)).raw


@pytest.fixture(scope="module")
def damaged(sound: np.ndarray) -> tuple[np.ndarray, dict[int, Mask]]:
    """The phantom with damaged places, and their masks."""
    grey, masks = sound.copy(), dict[int, Mask]()
    for z, kind, size, _ in PLACES:
        grey[z], masks[z] = planted.PLACES[kind](sound[z], np.random.default_rng(z), size)
    return grey, masks


@pytest.fixture(scope="module")
def found(damaged: tuple[np.ndarray, dict[int, Mask]]) -> list[Finding]:
    return findings(damaged[0])


def findings(grey: np.ndarray, missing: tuple[int, ...] = ()) -> list[Finding]:
    volume = ArrayVolume("phantom", grey, missing=missing)
    return find_defects(volume, Limits(), 16, lambda: None)


def test_nothing_is_found_in_sound_slices(sound: np.ndarray) -> None:
    assert findings(sound) == []


def test_every_planted_place_is_found_named_and_covered(
    found: list[Finding], damaged: tuple[np.ndarray, dict[int, Mask]]
) -> None:
    for z, kind, _, name in PLACES:
        there = [each for each in found if each.z == z and each.place is not None]
        mask = damaged[1][z]
        covered = np.logical_or.reduce(
            [each.place.within(mask.shape) for each in there if each.place is not None]
        )
        assert (covered & mask).sum() >= 0.7 * mask.sum(), kind
        assert there[0].reason == name, kind


def test_no_other_slice_is_named(found: list[Finding]) -> None:
    assert {each.z for each in found} == {z for z, *_ in PLACES}


def test_slices_that_are_damaged_as_a_whole_are_found_and_nothing_else_is(
    sound: np.ndarray,
) -> None:
    grey, draw = sound.copy(), np.random.default_rng(0)
    grey[3] = planted.blur(sound[3], draw, 2).grey
    grey[8] = planted.blank(sound[8], draw, 128).grey
    grey[13] = planted.duplicate(sound[14], draw, 2).grey
    grey[18] = planted.elsewhere(sound[5], draw, 0).grey
    chance = draw.random(grey[21].shape)
    grey[21] = np.where(chance < 0.3, 0, np.where(chance < 0.6, 255, grey[21]))
    assert {each.z: each.reason for each in findings(grey)} == {
        3: "blur",
        8: "blank",
        13: "duplicate",
        18: "continuity",
        21: "saturated",
    }


def test_numbers_are_beyond_their_limits_and_slices_in_order(found: list[Finding]) -> None:
    assert all(each.beyond > 1 for each in found)
    assert all(one.z <= other.z for one, other in pairwise(found))


def test_missing_slices_are_listed_and_their_neighbours_compared_across_them(
    damaged: tuple[np.ndarray, dict[int, Mask]],
) -> None:
    there = findings(damaged[0], missing=(4, 10))
    assert [each.z for each in there if each.reason == "missing"] == [4, 10]
    assert {5, 9, 11} <= {each.z for each in there if each.place is not None}


def test_a_copy_is_told_from_the_slice_that_was_copied(sound: np.ndarray) -> None:
    """Slice 8 is lost and shows 9, or 7: either way 8 is what does not go on."""
    for shown in (7, 9):
        grey = sound.copy()
        grey[8] = planted.duplicate(sound[shown], np.random.default_rng(0), 1).grey
        twin = "before" if shown < 8 else "after"
        found = [(each.z, each.reason, each.twin) for each in findings(grey)]
        assert found == [(8, "duplicate", twin)]


def test_a_step_between_sound_slices_is_no_damage_of_either(sound: np.ndarray) -> None:
    grey = sound.copy()
    grey[12:] = sound[12:, ::-1, ::-1]
    assert [(each.z, each.reason) for each in findings(grey)] == [(12, "jump")]


def test_padding_of_all_slices_is_no_damage(sound: np.ndarray) -> None:
    grey = sound.copy()
    grey[:, :, :40] = 0
    assert findings(grey) == []


def test_odd_sides_are_looked_at_to_the_edge(sound: np.ndarray) -> None:
    grey = sound[:9, :251, :253].copy()
    grey[4, 180:, 170:] = 255
    [one] = findings(grey)
    assert one.place is not None
    assert (one.place.box.bottom, one.place.box.right) == (251, 253)
    assert one.reason == "flat"  # taken for padding, which is neither dark nor bright
    assert one.place.within((251, 253))[180:, 170:].mean() > 0.98


def test_departure_is_nothing_where_a_value_lies_between_its_neighbours() -> None:
    """In closed form: what lies between both neighbours departs from neither."""
    draw = np.random.default_rng(0)
    before, after = draw.normal(size=(2, 64, 64)).astype(np.float32)
    there = departure((after - before) / 2, (before - after) / 2, SPOT, 1e-3)
    assert not there.darker.any()
    assert not there.brighter.any()


def test_departure_is_the_smaller_difference_in_units_of_the_neighbours() -> None:
    """Twice as far from both, the neighbours alike, is twice the departure."""
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(64, 64)).astype(np.float32)
    far, further = (departure(by - noise, by + noise, SPOT, 1e-3).brighter for by in (20, 40))
    unit = 20 / (further - far)
    np.testing.assert_allclose(far + further, 60 / unit - 2 * (20 / unit - far), rtol=1e-4)
    assert (further > far).all()


def test_a_search_radius_that_does_not_fit_is_refused(sound: np.ndarray) -> None:
    volume = ArrayVolume("small", sound[:5, :48, :48])
    with pytest.raises(UserError, match="smaller --search"):
        find_defects(volume, Limits(), 16, lambda: None)


def test_limits_of_another_name_are_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        Limits.model_validate({"blurr": 2})
