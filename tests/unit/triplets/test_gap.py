"""Gaps of several slices: every missing slice has a triplet between the same two slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from test_build import drifting_stack, make

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.describe import describe
from bench.triplets.drift import wider_search
from bench.triplets.file import TripletFile
from bench.triplets.gap import first_missing
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

SIDE, TILE, DEPTH = 64, 32, 35
STEPS = np.array([(2, -1), (3, 2), (-3, 0), (-2, -2), (0, 1)])  # y, x from slice to slice


def offsets(depth: int = DEPTH) -> np.ndarray:
    return np.concatenate([[(0, 0)], STEPS[np.arange(depth - 1) % len(STEPS)]]).cumsum(axis=0)


def moving_stack(depth: int = DEPTH) -> np.ndarray:
    """Slices that are alike, each at a known place; their noise tells them apart."""
    random, margin = np.random.default_rng(1), 8
    scene = ndimage.gaussian_filter(random.normal(size=(SIDE + 2 * margin,) * 2), 2)
    scene = np.rint(128 + 30 * scene / scene.std())
    slices = [
        scene[margin - y : margin - y + SIDE, margin - x : margin - x + SIDE]
        for y, x in offsets(depth)
    ]
    noisy = np.stack(slices) + random.integers(-8, 9, (depth, SIDE, SIDE))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def blocks(stack: np.ndarray) -> np.ndarray:
    """An id of its own for every 4 x 4 pixels of a slice."""
    depth, height, width = stack.shape
    few = np.arange(1, stack.size // 16 + 1, dtype=np.uint64)
    return few.reshape(depth, height // 4, width // 4).repeat(4, 1).repeat(4, 2)


def ids_of(file: TripletFile, index: int) -> set[int]:
    """The ids that a triplet's three windows show."""
    parts = file.labels(int(index)), file.neighbour_labels(int(index))
    return {int(i) for part in parts if part is not None for i in np.unique(part)}


def options(**changes: Any) -> BuildOptions:
    return BuildOptions(
        **{"tile": TILE, "stride": TILE, "search": 6, "histogram": "none", **changes}
    )


@pytest.mark.parametrize("gap", [2, 3])
@pytest.mark.parametrize("changes", [{}, {"histogram": "dataset"}, {"histogram": "middle"}])
def test_every_missing_slice_lies_between_the_same_two(
    tmp_path: Path, gap: int, changes: dict[str, Any]
) -> None:
    stack = moving_stack()
    ids = blocks(stack)
    file, summary = make(
        tmp_path / "t.h5", stack, options(gap=gap, **changes), load_card("mine"), ids
    )
    assert summary.kept == len(file) > 0
    assert len(file) % gap == 0
    assert (file.gap, file.times) == (gap, tuple(k / (gap + 1) for k in range(1, gap + 1)))
    assert file.keys["position"].tolist() == [*range(1, gap + 1)] * (len(file) // gap)
    for index, key in file.keys.iterrows():
        i = int(str(index))
        begin = i - (key.position - 1)
        assert key.z == file.keys["z"][begin] + key.position - 1
        assert file.time(i) == file.times[key.position - 1]
        assert np.array_equal(file.frames(i)[[0, 2]], file.frames(begin)[[0, 2]])
        assert np.array_equal(file.neighbour_labels(i), file.neighbour_labels(begin))
        assert np.array_equal(file.labels(i), ids[windows(key, gap)[1]])
        assert np.array_equal(file.neighbour_labels(i)[0], ids[windows(key, gap)[0]])
        assert np.array_equal(file.neighbour_labels(i)[1], ids[windows(key, gap)[2]])
        if file.options.histogram == "none":
            assert np.array_equal(file.frames(i), [stack[w] for w in windows(key, gap)])


def windows(key: Any, gap: int) -> list[Any]:
    """Where the windows of a triplet have to lie in a stack of known offsets."""
    slices = key.z - key.position, key.z, key.z + gap + 1 - key.position
    corners = [(key.y, key.x) + offsets()[z] - offsets()[key.z] for z in slices]
    return [np.s_[z, y : y + TILE, x : x + TILE] for z, (y, x) in zip(slices, corners, strict=True)]


@pytest.mark.parametrize("gap", [2, 3])
@pytest.mark.parametrize(
    "changes", [{}, {"split_axis": "x", "search": 1, "align": False}, {"tiles": 60}, {"every": 2}]
)
def test_nothing_of_a_test_gap_is_learned_from(
    tmp_path: Path, gap: int, changes: dict[str, Any]
) -> None:
    side = 5 * 36 if "split_axis" in changes else SIDE
    depth = 2 * DEPTH if "every" in changes else DEPTH
    stack = drifting_stack(depth, side)
    chosen = options(gap=gap, rules={"blur": 9}, **changes)
    file, summary = make(tmp_path / "t.h5", stack, chosen, load_card("mine"), blocks(stack))
    assert file.leakage() == summary.leakage == 0
    seen: dict[str, set[int]] = {"test": set(), "train": set(), "validation": set()}
    for split, ids in seen.items():
        for index in file.indices(split):
            ids |= ids_of(file, index)
    assert seen["test"]
    assert not seen["test"] & (seen["train"] | seen["validation"])


def test_the_papers_split_keeps_a_gap_together_and_its_leakage_is_counted(tmp_path: Path) -> None:
    chosen = options(gap=2, split="paper", align=False)
    stack = drifting_stack(DEPTH, SIDE)
    file, _ = make(tmp_path / "t.h5", stack, chosen, load_card("mine"), blocks(stack))
    of_gap = file.keys.groupby(["column", first_missing(file.keys)])["split"]
    assert (of_gap.nunique() == 1).all()
    learned = [*file.indices("train"), *file.indices("validation")]
    known = set[int]().union(*(ids_of(file, index) for index in learned))
    shared = [not known.isdisjoint(ids_of(file, index)) for index in file.indices("test")]
    assert file.leakage() == pytest.approx(np.mean(shared), abs=1e-12)
    assert any(shared)


def test_a_missing_slice_is_in_no_gap(tmp_path: Path) -> None:
    volume = ArrayVolume("v", drifting_stack(60, SIDE), missing=frozenset({20, 41}))
    build("mine", [volume], load_card("mine"), options(gap=2), tmp_path / "t.h5")
    first = first_missing(TripletFile(tmp_path / "t.h5").keys).unique()
    around = {int(z) + step for z in first for step in range(-1, 3)}
    assert around == set(range(60)) - {20, 41}
    assert not {18, 19, 20, 21, 39, 40, 41, 42} & set(map(int, first))


def test_what_one_slice_is_rejected_for_its_gap_is(tmp_path: Path) -> None:
    stack = drifting_stack(60, SIDE)
    stack[30] = 90  # blank
    file, _ = make(tmp_path / "t.h5", stack, options(gap=3))
    first = first_missing(file.keys)
    touched = (first - 1 <= 30) & (first + 3 >= 30)
    assert (file.keys.loc[touched, "reason"] == "defect").all()
    assert not (file.keys.loc[~touched, "reason"] == "defect").any()
    of_gap = file.keys.groupby(["column", first])["reason"]
    assert (of_gap.nunique() == 1).all()


def test_a_slice_that_was_filled_is_found_in_every_gap_that_it_lies_in(tmp_path: Path) -> None:
    stack = drifting_stack(60, SIDE, seed=3)
    stack[30] = ((stack[29].astype(int) + stack[31]) // 2).astype(np.uint8)
    file, _ = make(tmp_path / "t.h5", stack, options(gap=2, align=False))
    first = first_missing(file.keys)
    missing = (first <= 30) & (first + 1 >= 30)
    assert (file.keys.loc[missing, "reason"] == "blend").all()


def test_a_drift_that_adds_up_is_not_one_beyond_the_search(tmp_path: Path) -> None:
    stack = moving_stack()
    file, summary = make(tmp_path / "t.h5", stack, options(gap=3, search=4))
    assert file.keys[["shift_before_y", "shift_after_x"]].abs().to_numpy().max() > 4
    assert not any(title == "drift" for title, _ in summary.told)
    table = file.keys.assign(source=0)
    assert wider_search([ArrayVolume("v", stack)], table, 4) == 0


def test_gaps_of_one_slice_are_as_they_were(tmp_path: Path) -> None:
    """The fingerprint is that of a build before there were wider gaps."""
    file, _ = make(tmp_path / "t.h5", moving_stack(), options())
    assert "position" not in file.keys
    assert "gap" not in file.options.as_json()
    assert (file.gap, file.times, file.time(0)) == (1, (0.5,), 0.5)
    assert file.fingerprint == "806ed9e4617f435497687a8a4e60f3a912cc7fe75940d348c2e130b953ba71db"


def test_the_width_of_a_gap_is_told_and_verified(tmp_path: Path) -> None:
    file, summary = make(tmp_path / "t.h5", moving_stack(), options(gap=2))
    told = "missing in a row", "2 slices"
    assert told in summary.describe()
    assert told in describe(file)
    assert verify(file.path) == []


def test_gaps_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="five blocks take 25 slices and there are 20"):
        make(tmp_path / "t.h5", moving_stack(20), options(gap=3))
    with pytest.raises(UserError, match="No four neighbouring slices"):
        make(tmp_path / "t.h5", moving_stack(3), options(gap=2, split="paper"))


def test_a_gap_is_an_option_of_a_name() -> None:
    assert load_card("phantom[gap=2]").build["gap"] == "2"
