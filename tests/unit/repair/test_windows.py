"""Slices that are searched in windows show what they show when they are searched whole."""

from __future__ import annotations

import cv2
import numpy as np
import planted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from bench.repair.find import find_defects
from bench.repair.finding import Finding, Mask
from bench.repair.limits import Limits
from bench.repair.regions import Region, joined, regions_of
from bench.repair.slices import Window
from bench.repair.survey import percentile, survey
from bench.repair.tiling import Tiling, through
from bench.triplets.window_measures import detail_of
from bench.volumes.formats.stack import Box
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.stack_volume import ArrayVolume
from bench.volumes.tissue import find_tissue

SIDE = 512
# Four windows, each with half of the usual margin, and one sample: smaller ones say less.
TILING = Tiling(limit=SIDE * SIDE - 1, core=256, margin=128, sample=448)
PLACES = ((2, "fold", 24), (4, "stain", 90), (6, "tear", 110))


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return phantom_volume(PhantomOptions(depth=12, height=SIDE, width=SIDE)).raw


@pytest.fixture(scope="module")
def damaged(sound: np.ndarray) -> tuple[np.ndarray, dict[int, Mask]]:
    """Places, of which the fold and the stain lie across windows, and whole slices."""
    grey, masks, draw = sound.copy(), dict[int, Mask](), np.random.default_rng(3)
    for z, kind, size in PLACES:
        grey[z], masks[z] = planted.PLACES[kind](sound[z], np.random.default_rng(z), size)
    grey[8] = planted.blank(sound[8], draw, 128).grey
    grey[10] = planted.duplicate(sound[11], draw, 2).grey
    return grey, masks


@pytest.fixture(scope="module")
def in_windows(damaged: tuple[np.ndarray, dict[int, Mask]]) -> list[Finding]:
    return findings(damaged[0])


class Watched(ArrayVolume):
    """A volume that refuses to be read whole, and knows the largest part that was read."""

    largest = 0

    def slice(self, z: int) -> np.ndarray:
        if self.shape[1:] == (SIDE, SIDE):
            raise AssertionError("a slice was read whole")
        return super().slice(z)

    def crop(self, box: Box) -> Watched:
        self.largest = max(self.largest, *(side.stop - side.start for side in box[1:]))
        return super().crop(box)


def findings(grey: np.ndarray, tiling: Tiling = TILING) -> list[Finding]:
    return find_defects(ArrayVolume("large", grey), Limits(), 16, lambda: None, tiling=tiling)


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union."""
    return float((one & other).sum() / (one | other).sum())


def test_findings_are_those_of_the_whole_slice(
    damaged: tuple[np.ndarray, dict[int, Mask]], in_windows: list[Finding]
) -> None:
    whole = findings(damaged[0], Tiling())
    assert [(a.z, a.reason, a.twin) for a in in_windows] == [(b.z, b.reason, b.twin) for b in whole]
    for one, other in zip(in_windows, whole, strict=True):
        if one.place is not None and other.place is not None:
            shape = damaged[0].shape[1:]
            assert overlap(one.place.within(shape), other.place.within(shape)) > 0.85, one.z
            assert one.number == pytest.approx(other.number, rel=0.1)


def test_damage_across_windows_is_one_place(
    damaged: tuple[np.ndarray, dict[int, Mask]], in_windows: list[Finding]
) -> None:
    places = {each.z: each.place for each in in_windows if each.place is not None}
    assert sorted(each.z for each in in_windows if each.place) == [z for z, *_ in PLACES]
    for z, place in places.items():
        mask = damaged[1][z]
        assert (place.within(mask.shape) & mask).sum() >= 0.7 * mask.sum(), z
    assert all(places[z].box.left < SIDE // 2 < places[z].box.right for z in (2, 4))


def test_a_band_of_one_value_across_windows_is_found_as_in_the_whole_slice(
    sound: np.ndarray,
) -> None:
    grey, mask = sound[:5].copy(), np.zeros((SIDE, SIDE), np.bool_)
    for column in range(SIDE):
        mask[100 + column // 2 : 130 + column // 2, column] = True
    grey[2][mask] = 8
    [one], [other] = findings(grey), findings(grey, Tiling())
    assert one.place is not None
    assert other.place is not None
    assert (one.z, one.reason) == (other.z, other.reason) == (2, "fold")
    assert one.place.within(mask.shape)[mask].all()
    assert overlap(one.place.within(mask.shape), other.place.within(mask.shape)) > 0.95


def test_sound_slices_are_left_alone_told_twice_and_never_read_whole(sound: np.ndarray) -> None:
    volume, told = Watched("large", sound, missing=(2,)), list[int]()
    found = find_defects(volume, Limits(), 16, lambda: told.append(1), tiling=TILING)
    assert [(each.z, each.reason) for each in found] == [(2, "missing")]
    assert len(told) == 2 * (len(sound) - 1)
    assert 0 < volume.largest < SIDE


def test_a_survey_in_windows_adds_up_to_the_slice(sound: np.ndarray) -> None:
    grey = sound[:4].copy()
    grey[:, :, :70] = 0  # padding, which no statistic counts
    grey[2, :100] = 255
    facts = survey(ArrayVolume("large", grey), TILING, lambda: None)
    for z, each in facts.items():
        tissue = find_tissue(grey[z])
        assert tissue is not None
        np.testing.assert_array_equal(each.counts, np.bincount(grey[z][tissue], minlength=256))
        assert each.detail == pytest.approx(detail_of(grey[z], tissue), rel=0.02)


def test_padding_is_no_damage_and_hides_none(damaged: tuple[np.ndarray, dict[int, Mask]]) -> None:
    grey = damaged[0].copy()
    grey[:, :200] = 0
    found = {(each.z, each.reason) for each in findings(grey)}
    assert (4, "stain") in found
    assert {z for z, _ in found} <= {2, 4, 8, 10}  # the torn corner is gone


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
@settings(max_examples=200, deadline=None)
def test_regions_of_cells_are_those_of_a_picture(mask: np.ndarray) -> None:
    """Equal to scipy.ndimage.label, in its order."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    cells = np.argwhere(mask).astype(np.int32)
    found = [cells[region].tolist() for region in regions_of(cells)]
    assert found == [np.argwhere(labels == number).tolist() for number in range(1, count + 1)]


@given(st.sets(st.tuples(st.integers(0, 19), st.integers(0, 24)), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_places_are_as_wide_as_a_dilation_makes_them(chosen: set[tuple[int, int]]) -> None:
    """Equal to OpenCV's dilation of a picture, joined where they touch."""
    cells = np.array(sorted(chosen), np.int32)
    region = Region(cells, "departure", "stain", 50.0)
    found = joined(0, (80, 100), [region], {"departure": 35.0, "texture": 40.0})
    picture = np.zeros((20, 25), np.uint8)
    picture[tuple(cells.T)] = 1
    wide = cv2.dilate(picture, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    labels, count = ndimage.label(wide, np.ones((3, 3)))
    boxes = [
        (4 * y.start, 4 * y.stop, 4 * x.start, 4 * x.stop) for y, x in ndimage.find_objects(labels)
    ]
    assert len(found) == count
    assert sorted(tuple(each.place.box) for each in found if each.place) == sorted(boxes)


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=300),
    st.floats(0, 100, allow_nan=False),
)
def test_a_percentile_of_counts_is_that_of_the_values(values: list[int], share: float) -> None:
    counts = np.bincount(values, minlength=256)
    assert percentile(counts, share) == pytest.approx(np.percentile(values, share), abs=1e-9)


@pytest.mark.parametrize("shape", [(4097, 4099), (20000, 20000), (900, 33000), (512, 512)])
def test_windows_cover_each_pixel_once(shape: tuple[int, int]) -> None:
    tiling = Tiling()
    covered = np.zeros((-(-shape[0] // 8), -(-shape[1] // 8)), np.int8)
    for window in tiling.windows(shape):
        assert window.top % 8 == window.left % 8 == 0
        rows, columns = (
            slice(low // 8, -(-(low + side) // 8))
            for low, side in ((window.top, window.height), (window.left, window.width))
        )
        covered[rows, columns] += 1
        around = tiling.around(window, shape, 16)
        assert around.height * around.width <= 2**24
    assert (covered == 1).all()
    for sample in tiling.samples(shape, 16):
        assert sample.grown(0, shape) == sample


def test_a_window_is_what_the_slice_shows_there(sound: np.ndarray) -> None:
    volume = ArrayVolume("large", sound)
    window = Window(96, 40, 64, 200)
    for z, grey, mask in through(volume, window, [2, 3, 7]):
        np.testing.assert_array_equal(grey, sound[z, 96:160, 40:240])
        assert mask is None
