"""Neurites followed across a gap, on masks drawn by hand and against plain Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.carried import (
    LEAST_AREA,
    carried_directly,
    carried_through,
    largest_overlaps,
    neurites,
)
from segmentation.labels import UNLABELLED, components

PIXEL = 50.0  # nm: four pixels are the least area
Ids = NDArray[np.uint64]
# The worked example of docs/reference/metrics.md. "-" is unlabelled.
BEFORE, AFTER = "111122233344-", "1111223333--4"
SEGMENTS = "aaaabbbbbbccd"


def two_rows(text: str) -> Ids:
    """Two equal rows; a sign is an id, "-" none that is known, letters segments from 1."""
    known = {"-": UNLABELLED, **{str(i): i for i in range(10)}}
    known |= {letter: i for i, letter in enumerate("abcdefgh", start=1)}
    row = [known[sign] for sign in text]
    return np.array([row, row], np.uint64)


def through(before: str, *between_and_after: str) -> dict[str, float]:
    *between, after = between_and_after
    found = neurites(two_rows(before), two_rows(after), PIXEL)
    return carried_through(found, *(two_rows(each).astype(np.int32) for each in between))


def directly(before: str, after: str) -> dict[str, float]:
    return carried_directly(neurites(two_rows(before), two_rows(after), PIXEL))


def counts(
    carried: int, wrong: int = 0, lost: int = 0, pixels: int = 0, pixels_carried: int = 0
) -> dict[str, float]:
    return {
        "neurites": carried + wrong + lost,
        "neurites_carried": carried,
        "neurites_wrong": wrong,
        "neurites_lost": lost,
        "neurite_pixels": pixels,
        "neurite_pixels_carried": pixels_carried,
    }


def test_the_worked_example_of_the_documentation() -> None:
    # 1 and 3 arrive, 2 shares a segment with 3 and ends on it, 4 leads to where nothing is known.
    assert through(BEFORE, SEGMENTS, AFTER) == counts(2, 1, 1, pixels=24, pixels_carried=14)
    # Without the slice 2 arrives too.
    assert directly(BEFORE, AFTER) == counts(3, 0, 1, pixels=24, pixels_carried=20)
    true = "1111222333-44"
    found = neurites(two_rows(BEFORE), two_rows(AFTER), PIXEL)
    between = carried_through(found, components(two_rows(true)))
    assert between == counts(4, pixels=24, pixels_carried=24)


# The worked example of two slices: 1 arrives, 2 is joined with 1 in the second slice, 3 lost there.
GAP_BEFORE, GAP_AFTER = "11112223333", "11112222333"
GAP_SEGMENTS = "aaaabbbcccc", "aaaaaaa----"


def test_the_worked_example_of_two_slices() -> None:
    lost = [text.replace("-", "0") for text in GAP_SEGMENTS]  # membrane is no segment
    assert through(GAP_BEFORE, *lost, GAP_AFTER) == counts(1, 1, 1, pixels=22, pixels_carried=8)
    assert through(GAP_BEFORE, lost[0], GAP_AFTER)["neurites_carried"] == 3


def test_a_neurite_that_moves_on_is_followed_from_slice_to_slice() -> None:
    # 1 moves by two pixels a slice: from before to after nothing of it overlaps.
    before, after = "11110000", "00001111"
    assert through(before, "aaaa0000", "00aaaa00", after) == counts(1, pixels=8, pixels_carried=8)
    assert through(before, "00aaaa00", after)["neurites_carried"] == 1
    assert directly(before, after)["neurites_lost"] == 1
    # In the other order it is lost.
    assert through(before, "00aaaa00", "aaaa0000", after)["neurites_lost"] == 1


@pytest.mark.parametrize(
    ("segments", "carried", "wrong"),
    [
        ("aaaabb", 2, 0),
        ("aaaaaa", 1, 1),  # merged: the smaller one ends on the larger
        ("abbbcc", 2, 0),  # split: the largest part leads on
        ("abbbbb", 1, 1),  # split and merged: the larger one's largest part is shared, and wins
    ],
)
def test_splits_and_merges(segments: str, carried: int, wrong: int) -> None:
    found = through("111122", segments, "111122")
    assert (found["neurites_carried"], found["neurites_wrong"]) == (carried, wrong)


def test_area_weighs_what_the_neurite_covers_before() -> None:
    found = through("1111111122", "aaaaaaaaaa", "1111111222")
    assert found == counts(1, 1, pixels=20, pixels_carried=16)


def test_small_pieces_and_ids_that_end_are_not_asked_for() -> None:
    # Of 2 there are 2 pixels, of 3 none in the slice after.
    assert through("11233", "aabcc", "11224") == counts(1, pixels=4, pixels_carried=4)
    one = neurites(two_rows("11"), two_rows("11"), PIXEL)
    assert 4 * PIXEL**2 == LEAST_AREA
    assert one.counted.tolist() == [False, True]
    assert not neurites(two_rows("11"), two_rows("11"), PIXEL - 1).counted.any()


def test_two_branches_of_one_id_are_two_neurites() -> None:
    # Both arrive at the id, be it at the branch of the other.
    assert through("1122211", "aabbbaa", "1122222") == counts(3, pixels=14, pixels_carried=14)


@pytest.mark.parametrize("unknown", [0, UNLABELLED])
def test_pixels_without_an_id_count_in_no_overlap(unknown: int) -> None:
    before, after = two_rows("11111111"), two_rows("22--1---")
    after[after == UNLABELLED] = unknown
    after[:, 7] = unknown
    found = neurites(before, after, PIXEL)
    segments = np.ones((2, 8), np.int32)
    # Of the segment 4 pixels lie on 2, 2 on 1, and 10 on nothing.
    assert carried_through(found, segments)["neurites_wrong"] == 1
    after[:, 1] = unknown
    after[:, 0] = unknown
    after[:, 0] = 2
    after[:, 5] = 1
    assert carried_through(neurites(before, after, PIXEL), segments)["neurites_carried"] == 1
    nothing = np.zeros((2, 8), np.int32)
    assert carried_through(neurites(before, after, PIXEL), nothing)["neurites_lost"] == 1


def test_without_neurites_nothing_is_counted() -> None:
    empty = np.zeros((4, 4), np.uint64)
    found = neurites(empty, empty, PIXEL)
    assert set(carried_through(found, np.ones((4, 4), np.int32)).values()) == {0}
    assert set(carried_directly(found).values()) == {0}


def test_what_was_moved_is_followed_from_where_it_came_to() -> None:
    before, after = two_rows("111222"), two_rows("222111")
    found = neurites(before, after, PIXEL)
    assert carried_directly(found)["neurites_carried"] == 0
    moved = np.roll(found.before, 3, axis=1)
    assert carried_directly(found, moved)["neurites_carried"] == 2
    assert carried_directly(found, np.zeros_like(moved))["neurites_lost"] == 2


def patches(random: np.random.Generator, side: int, ids: int) -> Ids:
    """Random patches of few ids, with holes of both kinds of the unknown."""
    small = random.integers(0, ids, (side // 2, side // 2))
    labels = small.repeat(2, axis=0).repeat(2, axis=1).astype(np.uint64)
    labels[random.random(labels.shape) < 0.05] = UNLABELLED
    return labels


@pytest.mark.parametrize("seed", range(12))
def test_it_is_what_plain_python_counts(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = (patches(random, 16, 5) for _ in range(2))
    segments = random.integers(0, 9, (8, 8)).repeat(2, axis=0).repeat(2, axis=1).astype(np.int32)
    found = neurites(before, after, PIXEL)
    assert carried_through(found, segments) == plainly(before, after, segments)
    assert carried_directly(found) == plainly(before, after)
    further = [random.integers(0, 9, (16, 16)).astype(np.int32) for _ in range(2)]
    chain = carried_through(found, segments, *further)
    assert chain == plainly(before, after, segments, *further)


@pytest.mark.parametrize("seed", range(3))
def test_identical_slices_carry_every_neurite(seed: int) -> None:
    labels = patches(np.random.default_rng(seed), 32, 6)
    found = neurites(labels, labels, PIXEL)
    for each in (carried_through(found, components(labels)), carried_directly(found)):
        assert each["neurites_carried"] == each["neurites"] > 5
        assert each["neurite_pixels_carried"] == each["neurite_pixels"]


def test_of_equal_overlaps_the_lower_label_counts() -> None:
    one = np.array([[1, 1, 1, 1, 2, 0]], np.int32)
    other = np.array([[7, 3, 3, 7, 0, 1]], np.int32)
    assert largest_overlaps(one, other, 4).tolist() == [0, 3, 0, 0]


# A second implementation, of lists and dictionaries.


def flooded(labels: Ids) -> list[list[int]]:
    """Components from 1, in the order of the rows."""
    height, width = labels.shape
    numbers, count = [[0] * width for _ in range(height)], 0
    for y in range(height):
        for x in range(width):
            if numbers[y][x] or int(labels[y, x]) in (0, UNLABELLED):
                continue
            count += 1
            waiting = [(y, x)]
            while waiting:
                i, j = waiting.pop()
                inside = 0 <= i < height and 0 <= j < width
                if not inside or numbers[i][j] or labels[i, j] != labels[y, x]:
                    continue
                numbers[i][j] = count
                waiting += [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)]
    return numbers


def heaviest(pairs: list[tuple[int, int]], start: int) -> int:
    """Where most pixels of a label lie; 0 if nowhere."""
    shared = Counter(b for a, b in pairs if a == start and b > 0)
    return min(shared, key=lambda label: (-shared[label], label), default=0)


def plainly(before: Ids, after: Ids, *segments: NDArray[np.int32]) -> dict[str, float]:
    flat = [n for row in flooded(before) for n in row]
    goal = [n for row in flooded(after) for n in row]
    ids, ids_after = before.ravel().tolist(), after.ravel().tolist()
    found = counts(0)
    for number in range(1, max(flat) + 1):
        own = ids[flat.index(number)]
        size = flat.count(number)
        if size * PIXEL**2 < LEAST_AREA or own not in ids_after:
            continue
        end, here = number, flat
        for there in [*(each.ravel().tolist() for each in segments), goal]:
            end = heaviest(list(zip(here, there, strict=True)), end) if end else 0
            here = there
        what = "lost" if end == 0 else "wrong"
        if end and ids_after[goal.index(end)] == own:
            what = "carried"
            found["neurite_pixels_carried"] += size
        found["neurites"] += 1
        found[f"neurites_{what}"] += 1
        found["neurite_pixels"] += size
    return found
