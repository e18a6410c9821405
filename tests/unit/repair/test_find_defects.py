"""Damage planted into the phantom is found, named and outlined; sound slices are left alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import planted
import pytest

from bench.base.errors import UserError
from bench.repair.departure import SPOT, departure
from bench.repair.find import find_defects, place_limits
from bench.repair.finding import Finding, Mask
from bench.repair.limits import Limits
from bench.repair.regions import Region
from bench.repair.void import void_in
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


def band(side: int, width: int = 24) -> Mask:
    """A slanting band from edge to edge."""
    y, x = np.mgrid[:side, :side]
    return np.asarray(np.abs(y - side / 2 - x / 4) < width / 2)


@pytest.mark.parametrize(("value", "name"), [(0, "fold"), (8, "fold"), (255, "crack")])
@pytest.mark.parametrize("slanting", [True, False])
def test_a_band_of_one_value_from_edge_to_edge_is_damage_and_not_padding(
    sound: np.ndarray, value: int, name: str, *, slanting: bool
) -> None:
    grey, mask = sound[:7].copy(), band(320)
    if not slanting:
        mask = np.zeros_like(mask)
        mask[150:174] = True
    grey[3][mask] = value
    [found] = findings(grey)
    assert found.place is not None
    assert (found.z, found.reason) == (3, name)
    assert found.place.within(mask.shape)[mask].all()
    assert found.place.pixels < 3 * mask.sum()
    assert found.beyond > 2


@pytest.mark.parametrize(
    ("value", "names"), [(0, {"stain"}), (134, {"flat", "stain", "tear"}), (255, {"tear"})]
)
def test_an_island_of_one_value_is_covered_as_a_whole(
    sound: np.ndarray, value: int, names: set[str]
) -> None:
    grey, mask = sound[:7].copy(), np.zeros((320, 320), np.bool_)
    mask[120:190, 130:210] = True
    grey[3][mask] = value
    [found] = findings(grey)
    assert found.place is not None
    assert found.z == 3
    assert found.reason in names
    assert found.beyond > 2
    assert found.place.within(mask.shape)[mask].mean() > 0.98


@pytest.mark.parametrize("value", [0, 255])
def test_padding_that_moves_is_no_damage(sound: np.ndarray, value: int) -> None:
    """A border of another width and slant in each slice, in one far wider than in the others."""
    grey, draw, along = sound[:9].copy(), np.random.default_rng(0), np.arange(320)
    for z in range(9):
        top, left = draw.integers(2, 40, 2)
        grey[z][along[:, None] < top + draw.uniform(-0.08, 0.08) * along] = value
        grey[z, :, : 80 if z == 4 else left] = value
    assert findings(grey) == []


def test_what_looks_like_padding_is_void_far_beyond_that_of_both_neighbours() -> None:
    """In closed form: beyond 48 pixels, and an eighth of how far it follows the edge."""

    def void(height: int, width: int, padded: tuple[int, int] = (0, 0)) -> bool:
        here, *beside = (np.ones((400, 600), np.bool_) for _ in range(3))
        here[:height, :width] = False
        for each, rows in zip(beside, padded, strict=True):
            each[:rows] = False
        return void_in(here, beside) is not None

    assert void(60, 200)
    assert not void(47, 200)
    assert not void(60, 600)
    assert void(120, 600)
    assert not void(120, 600, (0, 75))
    assert not void(400, 4)


def test_odd_sides_are_looked_at_to_the_edge(sound: np.ndarray) -> None:
    grey = sound[:9, :251, :253].copy()
    grey[4, 180:, 170:] = 255
    [one] = findings(grey)
    assert one.place is not None
    assert (one.place.box.bottom, one.place.box.right) == (251, 253)
    assert one.reason == "tear"  # it looks like padding, but reaches far beyond that of others
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


@pytest.mark.parametrize(
    ("numbers", "limit"),
    [
        ([20.0] * 8, 36.0),  # 1.8 times the usual one
        ([12.0, 16.0, 20.0, 30.0, 50.0], 20 + 2.4 * 10),  # as far beyond it as slices differ
        ([12.0, 16.0, 20.0, 90.0, 99.0], 48.0),  # damaged slices: not without end
        ([0.0, 0.0, 0.0, 20.0, 60.0], 35.0),
        ([], 35.0),
    ],
)
def test_the_limit_of_a_volume_in_closed_form(numbers: list[float], limit: float) -> None:
    cells = np.zeros((1, 2), np.int32)
    found = [[Region(cells, "departure", "stain", number)] for number in numbers]
    assert place_limits(found, Limits())["departure"] == pytest.approx(limit)
    assert place_limits(found, Limits())["texture"] == 40


def test_limits_of_another_name_are_refused() -> None:
    with pytest.raises(ValueError, match="extra"):
        Limits.model_validate({"blurr": 2})
