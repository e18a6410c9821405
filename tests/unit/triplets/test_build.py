"""The build: what is stored is what lies in the volume, and nothing of the test split leaks."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from conftest import neurites
from PIL import Image, ImageDraw
from scipy import ndimage

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay
from bench.scores.membranes import true_membranes
from bench.triplets.build import build
from bench.triplets.build_dataset import build_dataset
from bench.triplets.build_summary import BuildSummary
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.triplets.write import check_room
from bench.volumes.cards import Card, load_card
from bench.volumes.facts import facts_of
from bench.volumes.sources import Given
from bench.volumes.stack_volume import ArrayVolume
from segmentation.labels import UNLABELLED
from segmentation.membranes import membranes

SIDE, TILE = 128, 64


def drifting_stack(depth: int = 25, side: int = SIDE, seed: int = 0) -> np.ndarray:
    """Slices with structure in common, each at its own offset and with its own staining."""
    random = np.random.default_rng(seed)
    fresh = ndimage.gaussian_filter(random.normal(size=(depth, side + 8, side + 8)), (1, 2, 2))
    fresh /= fresh.std()
    slices = []
    for z in range(depth):
        y, x = random.integers(0, 5, 2)
        mean, spread = random.normal(125, 12), random.normal(30, 4)
        slices.append(mean + spread * fresh[z, y : y + side, x : x + side])
    noisy = np.stack(slices) + random.normal(scale=5, size=(depth, side, side))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def options(**changes) -> BuildOptions:
    return BuildOptions(**{"tile": TILE, "stride": TILE, "search": 6, **changes})


def make(
    path: Path,
    stack: np.ndarray,
    chosen: BuildOptions,
    card: Card | None = None,
    labels: np.ndarray | None = None,
    **flags,
) -> tuple[TripletFile, BuildSummary]:
    volume = ArrayVolume("v", stack, labels)
    summary = build("mine", [volume], card or load_card("mine"), chosen, path, **flags)
    return TripletFile(path), summary


def windows(stack: np.ndarray, key: pd.Series, tile: int = TILE) -> np.ndarray:
    corners: Sequence[tuple[int, int, int]] = [
        (key.z - 1, key.y + key.shift_before_y, key.x + key.shift_before_x),
        (key.z, key.y, key.x),
        (key.z + 1, key.y + key.shift_after_y, key.x + key.shift_after_x),
    ]
    return np.stack([stack[z, y : y + tile, x : x + tile] for z, y, x in corners])


def test_frames_are_the_windows_of_the_volume_at_their_offsets(tmp_path: Path) -> None:
    stack = drifting_stack()
    ids = np.arange(stack.size // 16, dtype=np.uint64).reshape(-1, SIDE // 4, SIDE // 4)
    ids = ids.repeat(4, axis=1).repeat(4, axis=2)
    file, summary = make(tmp_path / "t.h5", stack, options(histogram="none"), labels=ids)
    assert summary.candidates == len(file) == 23 * 4
    assert file.keys[[c for c in file.keys if "shift" in c]].abs().to_numpy().max() > 0
    for index, key in file.keys.iterrows():
        np.testing.assert_array_equal(file.frames(index), windows(stack, key))
        middle = ids[key.z, key.y : key.y + TILE, key.x : key.x + TILE]
        np.testing.assert_array_equal(file.labels(index), middle)


def test_shifts_are_those_between_the_slices(tmp_path: Path) -> None:
    scene = drifting_stack(1, 160)[0]
    random = np.random.default_rng(3)
    at = random.integers(0, 6, (20, 2))
    noise = random.normal(scale=8, size=(20, SIDE, SIDE))
    stack = np.stack([scene[y : y + SIDE, x : x + SIDE] for y, x in at]) + noise
    stack = np.clip(np.rint(stack), 0, 255).astype(np.uint8)
    file, _ = make(tmp_path / "t.h5", stack, options())
    for key in file.keys.itertuples():
        before, after = at[key.z] - at[key.z - 1], at[key.z] - at[key.z + 1]
        assert (key.shift_before_y, key.shift_before_x) == tuple(before)
        assert (key.shift_after_y, key.shift_after_x) == tuple(after)
        assert min(key.peak_before, key.peak_after) > 0.8


@pytest.mark.parametrize("axis", ["z", "y", "x"])
def test_no_pixel_of_the_blocked_test_split_is_anywhere_else(tmp_path: Path, axis: str) -> None:
    side = SIDE if axis == "z" else 5 * 50
    stack = drifting_stack(25 if axis == "z" else 6, side)
    tested = []
    for fold in range(5):
        chosen = options(tile=32, stride=24, split_axis=axis, fold=fold)
        file, summary = make(tmp_path / f"{fold}.h5", stack, chosen)
        assert summary.leakage == file.leakage() == 0.0
        owners = np.zeros((2, *stack.shape), dtype=bool)
        for _, key in file.keys[file.keys.split != "gap"].iterrows():
            owner = owners[int(key.split == "test")]
            for view in (-1, 0, 1):
                name = {-1: "before", 1: "after"}.get(view)
                dy, dx = (key[f"shift_{name}_y"], key[f"shift_{name}_x"]) if name else (0, 0)
                owner[key.z + view, key.y + dy : key.y + dy + 32, key.x + dx : key.x + dx + 32] = 1
        assert not (owners[0] & owners[1]).any()
        tested.append(
            set(map(tuple, file.keys.loc[file.keys.split == "test", ["z", "y", "x"]].values))
        )
    assert not set.intersection(*tested)
    assert len(set.union(*tested)) == sum(map(len, tested))


def test_the_papers_split_leaks_and_says_so(tmp_path: Path) -> None:
    file, summary = make(tmp_path / "t.h5", drifting_stack(), options(split="paper"))
    assert file.leakage() == summary.leakage > 0.9
    kept = file.keys[file.keys.reason == ""]
    assert abs((kept.split == "train").mean() - 0.6) < 0.03


@pytest.mark.parametrize("axis", ["z", "x"])
def test_test_pixels_do_not_reach_the_training_frames(tmp_path: Path, axis: str) -> None:
    """The dataset reference is made of training pixels alone, each region mapped by itself."""
    stack = drifting_stack(25 if axis == "z" else 6, 5 * 50)
    chosen = options(tile=32, stride=32, split_axis=axis, align=False)
    other = stack.copy()
    block = (slice(20, 25),) if axis == "z" else (slice(None), slice(None), slice(200, 250))
    other[block] = other[block] // 2 + 100
    one, _ = make(tmp_path / "a.h5", stack, chosen)
    two, _ = make(tmp_path / "b.h5", other, chosen)
    train = one.indices("train")
    np.testing.assert_array_equal(train, two.indices("train"))
    assert all((one.frames(i) == two.frames(i)).all() for i in train)


def test_specification_brings_neighbours_together(tmp_path: Path) -> None:
    stack = drifting_stack()
    spread = {}
    for histogram in ("none", "dataset", "before", "middle"):
        file, _ = make(tmp_path / f"{histogram}.h5", stack, options(histogram=histogram))
        frames = np.stack([file.frames(i) for i in range(len(file))]).astype(float)
        spread[histogram] = np.ptp(frames.mean(axis=(2, 3)), axis=1).mean()
        for i, key in file.keys.iterrows():
            raw, kept = windows(stack, key), {"before": 0, "middle": 1}.get(histogram)
            if kept is not None:
                np.testing.assert_array_equal(file.frames(i)[kept], raw[kept])
    assert spread["none"] > 10
    assert max(spread[name] for name in ("dataset", "before", "middle")) < 0.35 * spread["none"]


def test_rejected_triplets_stay_in_the_file_with_their_reason(tmp_path: Path) -> None:
    stack = drifting_stack()
    stack[10] = 0
    file, summary = make(tmp_path / "t.h5", stack, options())
    assert summary.candidates == 92
    assert summary.reasons["defect"] == 12
    assert summary.kept == sum(summary.splits.values()) == (file.keys.reason == "").sum()
    bad = file.keys[file.keys.reason == "defect"]
    assert set(bad.z) == {9, 10, 11}
    assert (bad.defect == 1.0).all()
    kept, every = file.indices("train"), file.indices("train", rejected=True)
    assert set(every) - set(kept) == set(
        file.keys.index[(file.keys.reason != "") & (file.keys.split == "train")]
    )


def rejections(summary: BuildSummary) -> dict[str, str]:
    return {row: words for row, words in summary.describe() if row.startswith("rejected: ")}


def test_a_build_names_the_slices_that_show_one_section(tmp_path: Path) -> None:
    """By the numbers that ``--missing`` takes: those of the files, not positions."""
    stack = drifting_stack()
    stack[11] = stack[10]
    _, summary = make(tmp_path / "t.h5", stack, options())
    assert summary.reasons["duplicate"] == 8  # four tiles of two middles
    told = rejections(summary)
    assert told["rejected: duplicate"].startswith("8, at slices 10-11; ")
    assert "--missing" in told["rejected: duplicate"]
    assert told["rejected: defect"] == "0"
    folder = tmp_path / "slices"
    folder.mkdir()
    for z, grey in enumerate(stack):
        Image.fromarray(grey).save(folder / f"slice{100 + z:04d}.png")
    with_numbers = build_dataset(
        "mine", Given(sources=[str(folder)]), tmp_path, PlainDisplay(lambda _: None),
        tile=TILE, stride=TILE, search=6, voxel_size="30,6,6",
    )  # fmt: skip
    assert rejections(with_numbers)["rejected: duplicate"].startswith("8, at slices 110-111; ")


def test_slices_are_named_by_volume_where_there_are_several(tmp_path: Path) -> None:
    sound, lost = drifting_stack(), drifting_stack(seed=1)
    lost[14:] = drifting_stack(seed=2)[14:]  # nothing goes on from 13 to 14
    volumes = [ArrayVolume("a", sound), ArrayVolume("b", lost)]
    summary = build("mine", volumes, load_card("mine"), options(), tmp_path / "t.h5")
    assert "at slices b: 13-14; " in rejections(summary)["rejected: continuity"]


def test_the_same_volume_gives_the_same_fingerprint_and_one_grey_level_another(
    tmp_path: Path,
) -> None:
    stack = drifting_stack()
    one, _ = make(tmp_path / "a.h5", stack, options())
    same, _ = make(tmp_path / "b.h5", stack, options())
    assert one.fingerprint == same.fingerprint
    stack[3, 40, 40] ^= 1
    prints = {one.fingerprint}
    for name, changed in (("c", options()), ("d", options(fold=1)), ("e", options(stride=32))):
        prints.add(make(tmp_path / f"{name}.h5", stack, changed)[0].fingerprint)
    assert len(prints) == 4


def test_two_volumes_are_split_each_by_itself(tmp_path: Path) -> None:
    volumes = [ArrayVolume(n, drifting_stack(20, seed=s)) for s, n in enumerate("ab")]
    build("two", volumes, load_card("two"), options(), tmp_path / "t.h5")
    file = TripletFile(tmp_path / "t.h5")
    counts = file.keys.groupby(["volume", "split"]).size()
    assert (counts["a"] == counts["b"]).all()
    assert not set(file.keys.column[file.keys.volume == "a"]) & set(
        file.keys.column[file.keys.volume == "b"]
    )
    assert [v.sha256 for v in file.volumes] == [v.digest for v in volumes]
    with pytest.raises(UserError, match="one name"):
        build("two", [volumes[0]] * 2, load_card("two"), options(), tmp_path / "u.h5")


@pytest.mark.parametrize("axis", ["z", "x"])
def test_volumes_that_share_slices_are_refused(tmp_path: Path, axis: str) -> None:
    """A leak that no split can part, and of which the leakage would know nothing."""
    stack, other = drifting_stack(28, side=200), drifting_stack(20, side=200, seed=1)
    said = options(split_axis=axis, tile=32, stride=32, search=2)
    lost = other.copy()
    lost[:4] = stack[:4] = 0  # what is blank is no slice of another volume
    overlapping = [ArrayVolume("a", stack), ArrayVolume("b", other), ArrayVolume("c", stack[6:])]
    with pytest.raises(UserError, match=r"'a' and 'c' share 22 slices \(6 of one is 0 of the oth"):
        build("m", overlapping, load_card("m"), said, tmp_path / "t.h5")
    summary = build(
        "m", [ArrayVolume("a", stack), ArrayVolume("b", lost)], load_card("m"), said,
        tmp_path / "t.h5",
    )  # fmt: skip
    assert summary.kept > 0


def test_a_stack_that_was_written_twice_in_a_row_is_refused(tmp_path: Path) -> None:
    stack = drifting_stack(14)
    with pytest.raises(UserError, match=r"'v' has 14 slices twice \(0 is 14 again\).*--region"):
        make(tmp_path / "t.h5", np.concatenate([stack, stack]), options())
    repeated = drifting_stack(25)
    repeated[3] = repeated[4] = repeated[5]  # left to the rules
    file, _ = make(tmp_path / "t.h5", repeated, options())
    assert (file.keys["reason"] == "duplicate").any()


def test_labels_of_neighbours_are_moved_as_their_frames(tmp_path: Path) -> None:
    # Labels that are the grey of their pixel tell of every pixel where it lies.
    blocks = drifting_stack(side=40)[:, ::2, ::2]
    stack = blocks.repeat(7, axis=1).repeat(7, axis=2)
    stack = np.stack([np.roll(grey, (z % 4, -(z % 3)), (0, 1)) for z, grey in enumerate(stack)])
    labels = stack.astype(np.uint64)
    labels[:, :9] = UNLABELLED
    file, _ = make(tmp_path / "t.h5", stack, options(histogram="none"), labels=labels)
    shifts = file.keys[[name for name in file.keys.columns if name.startswith("shift_")]]
    assert (shifts != 0).to_numpy().mean() > 0.4
    for index in range(len(file)):
        before, middle, after = file.frames(index)
        ids, known = file.neighbour_labels(index), file.labels(index)
        assert ids is not None and known is not None  # noqa: PT018
        for grey, found in ((before, ids[0]), (middle, known), (after, ids[1])):
            labelled = found != UNLABELLED
            assert labelled.mean() > 0.8
            np.testing.assert_array_equal(found[labelled], grey[labelled])


def test_labels_of_neighbours_change_no_fingerprint_and_are_checked(tmp_path: Path) -> None:
    grey, ids = neurites(side=SIDE)
    file, _ = make(tmp_path / "t.h5", grey, options(), labels=ids)
    assert file.neighbours is not None
    assert verify(file.path) == []
    file.close()
    with h5py.File(file.path, "r+") as content:
        stored = content["neighbour_labels"]
        stored[5] = stored[5][::-1]
    assert any("Triplet 5 " in problem for problem in verify(file.path))
    with h5py.File(file.path, "r+") as content:
        content["neighbour_digests"][5] = 0
    with pytest.raises(UserError, match="do not fit its fingerprint"):
        TripletFile(file.path)
    # A file of before has none.
    with h5py.File(file.path, "r+") as content:
        del content["neighbour_labels"], content["neighbour_digests"]
        del content.attrs["neighbours"]
    old = TripletFile(file.path)
    assert old.fingerprint == file.fingerprint
    assert (old.neighbours, old.neighbour_labels(0)) == (None, None)


def test_membrane_masks_become_labels(tmp_path: Path) -> None:
    stack = drifting_stack()
    mask = np.where(stack > 150, np.uint64(255), np.uint64(0))
    mask[:, :2] = UNLABELLED
    card = Card(name="m", title="m", label_kind="membrane_mask", label_zero="membrane")
    file, _ = make(tmp_path / "t.h5", stack, options(align=False), card, mask)
    expected = np.select([mask == UNLABELLED, mask == 255], [UNLABELLED, 0], 1).astype(np.uint64)
    for i, key in file.keys.iterrows():
        y, x = key.y, key.x
        np.testing.assert_array_equal(file.labels(i), expected[key.z, y : y + TILE, x : x + TILE])
    assert (file.neighbours, file.neighbour_labels(0)) == (None, None)  # no neurites to follow
    said, _ = make(
        tmp_path / "s.h5", stack, options(align=False, label_kind="membrane_mask"), labels=mask
    )
    assert all((said.labels(i) == file.labels(i)).all() for i in range(len(file)))
    with pytest.raises(UserError, match="no mask of membranes"):
        make(tmp_path / "u.h5", stack, options(), card, neurites(side=SIDE)[1])


def test_what_is_said_of_a_volume_is_what_everything_after_reads(tmp_path: Path) -> None:
    grey, ids = neurites(side=SIDE)
    ids[:, 1:][ids[:, 1:] != ids[:, :-1]] = 0  # lines of 0 between most of them
    said = {"label_zero": "membrane", "voxel_size": (50.0, 9.0, 9.0)}
    silent, _ = make(tmp_path / "a.h5", grey, options(), labels=ids)
    told, _ = make(tmp_path / "b.h5", grey, options(**said), labels=ids)
    assert silent.options.said == {}
    assert (silent.card.label_zero, silent.voxel_size) == ("ignore", None)
    assert (told.card.label_zero, told.voxel_size) == ("membrane", (50.0, 9.0, 9.0))
    zero, _ = make(tmp_path / "c.h5", grey, options(label_zero="membrane"), labels=ids)
    assert len({silent.fingerprint, told.fingerprint, zero.fingerprint}) == 3
    for file, pixel, meaning in ((silent, 5.0, "ignore"), (told, 9.0, "membrane")):
        found, labels = true_membranes(file, 0), file.labels(0)
        assert found is not None
        np.testing.assert_array_equal(found.mask, membranes(labels, pixel, zero=meaning).mask)
    again, _ = make(tmp_path / "d.h5", grey, told.options, labels=ids)
    assert again.fingerprint == told.fingerprint


def test_the_command_line_knows_a_voxel_better_than_the_volume(tmp_path: Path) -> None:
    volume = ArrayVolume("v", drifting_stack(), voxel_size=(1.0, 1.0, 1.0))
    build("m", [volume], load_card("m"), options(voxel_size="30,6,6"), tmp_path / "t.h5")
    file = TripletFile(tmp_path / "t.h5")
    assert file.voxel_size == (30.0, 6.0, 6.0)
    assert file.volumes[0].voxel_size == (1.0, 1.0, 1.0)  # what it says stays on record


def test_a_build_says_which_voxel_size_is_assumed_where_nobody_says_one(tmp_path: Path) -> None:
    def cautions(name: str, **said: str) -> list[str]:
        _, summary = make(tmp_path / name, drifting_stack(), options(**said))
        return [words for row, words in summary.describe() if row == "caution"]

    (words,) = cautions("unknown.h5")
    assert "5 nm a pixel are assumed" in words
    assert "10,000 nm2" in words
    assert "--voxel-size z,y,x" in words
    assert cautions("known.h5", voxel_size="30,6,6") == []


def test_everything_that_made_it_is_in_the_file(tmp_path: Path) -> None:
    stack = drifting_stack()
    card = Card(name="m", title="M", voxel_size=(30, 6, 6), credit="somebody")
    volume = ArrayVolume("v", stack, voxel_size=(40.0, 4.0, 4.0))
    build("mine", [volume], card, options(seed=7), tmp_path / "t.h5")
    file = TripletFile(tmp_path / "t.h5")
    assert file.voxel_size == (40.0, 4.0, 4.0)  # the volume knows better than the card
    assert file.options == options(seed=7)
    assert file.card == card
    assert file.volumes == (facts_of(volume, volume.digest, None),)
    assert file.volumes[0].shape == (25, SIDE, SIDE)
    with h5py.File(tmp_path / "t.h5") as source:
        counts = source["histograms/v/counts"][()]
        assert (counts.sum(axis=(1, 2)) == SIDE * SIDE).all()
        table = source["histograms/v/tables"][5, 0]
        assert source["frames"].chunks == (1, 3, TILE, TILE)
    index = int(np.flatnonzero(file.keys.z == 5)[0])
    raw = windows(stack, file.keys.iloc[index])
    expected = np.stack([lut[w] for lut, w in zip(table, raw, strict=True)])
    np.testing.assert_array_equal(file.frames(index), expected)


def test_slices_that_tiles_hardly_cover_are_told_with_what_covers_more(tmp_path: Path) -> None:
    file, summary = make(
        tmp_path / "t.h5", drifting_stack(depth=15, side=304), options(tile=200, stride=200)
    )
    told = "43 % of each slice of 304 x 304, by 1 tile of 200 x 200; "
    told += "--tile 152 --stride 152 would make it 100 %"
    assert dict(summary.describe())["coverage"] == told
    assert dict(describe(file))["coverage"] == told
    file, summary = make(
        tmp_path / "u.h5", drifting_stack(depth=15, side=304), options(tile=152, stride=152)
    )
    assert len(file) == 4 * 13
    assert "coverage" not in {**dict(summary.describe()), **dict(describe(file))}


def test_a_contact_sheet_and_a_digest_lie_beside_the_file(tmp_path: Path) -> None:
    make(tmp_path / "d" / "triplets.h5", drifting_stack(), options())
    names = {path.name for path in (tmp_path / "d").iterdir()}
    assert names == {"triplets.h5", "triplets.h5.sha256", "contact_sheet.png"}
    with Image.open(tmp_path / "d" / "contact_sheet.png") as sheet:
        assert sheet.width < 2000
        assert np.asarray(sheet.convert("L")).std() > 30


def test_the_contact_sheet_shows_where_labels_lie(tmp_path: Path) -> None:
    stack = drifting_stack()
    ids = np.zeros(stack.shape, np.uint64)
    ids[:, :, SIDE // 2 :] = 7  # the tiles on the right, and no pixel of the others
    make(tmp_path / "t.h5", stack, options(align=False), labels=ids)
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        pixels = np.asarray(sheet).astype(int)
    coloured = np.ptp(pixels, axis=-1) > 30
    file = TripletFile(tmp_path / "t.h5")
    (tmp_path / "grey").mkdir()
    make(tmp_path / "grey" / "t.h5", stack, options(align=False))
    with Image.open(tmp_path / "grey" / "contact_sheet.png") as sheet:
        assert np.ptp(np.asarray(sheet).astype(int), axis=-1).max() == 0
    assert set(file.keys["x"]) == {0, TILE}
    assert coloured.sum() % TILE**2 == 0  # whole tiles
    assert 0 < coloured.sum() < 24 * TILE**2


def test_the_contact_sheet_colours_the_membranes_of_a_mask(tmp_path: Path) -> None:
    stack = drifting_stack()
    mask = np.zeros(stack.shape, np.uint8)
    mask[:, :, SIDE // 2 :] = 1
    make(tmp_path / "t.h5", stack, options(align=False, label_kind="membrane_mask"), labels=mask)
    file = TripletFile(tmp_path / "t.h5")
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        coloured = (np.ptp(np.asarray(sheet).astype(int), axis=-1) > 30).sum()
    right = int((file.keys["x"] == TILE).sum())
    assert coloured % TILE**2 == 0
    assert 0 < coloured <= right * TILE**2


@pytest.mark.parametrize("labelled", [True, False])
def test_the_contact_sheet_says_what_its_pictures_and_numbers_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labelled: bool
) -> None:
    said: list[tuple[float, str]] = []
    write = ImageDraw.ImageDraw.text

    def record(pen: Any, xy: tuple[float, float], text: str, *more: Any, **named: Any) -> None:
        said.append((xy[0], text))
        write(pen, xy, text, *more, **named)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", record)
    stack = drifting_stack()
    labels = np.ones(stack.shape, np.uint64) if labelled else None
    make(tmp_path / "t.h5", stack, options(align=False), labels=labels)
    headings = ["before", "middle", "after", *(["middle, labels"] if labelled else [])]
    places = [place for place, text in said if text in headings]
    assert [text for _, text in said if text in headings] == headings * 3
    assert places == sorted(places)
    assert any("y, x: upper left corner of the tile" in text for _, text in said)


def test_progress_counts_both_passes_to_their_end(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    make(tmp_path / "t.h5", drifting_stack(), options(), progress=lambda *step: steps.append(step))
    for stage, total in (("measure", 25), ("write", 92)):
        seen = [(done, of) for done, of, name in steps if name == stage]
        assert seen == [(done, total) for done in range(1, total + 1)]


class _Breaking(ArrayVolume):
    """A volume whose file is damaged behind the first pass."""

    reads = 0

    def slice(self, z: int) -> np.ndarray:
        self.reads += 1
        if self.reads > 40:
            raise UserError("slice is damaged")
        return super().slice(z)


def test_a_build_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    old, _ = make(path, drifting_stack(), options())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(UserError, match="--replace"):
        make(path, drifting_stack(seed=1), options())
    with pytest.raises(UserError, match="damaged"):
        build("mine", [_Breaking("v", drifting_stack(seed=1))], load_card("mine"), options(), path,
              replace=True)  # fmt: skip
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    new, _ = make(path, drifting_stack(seed=1), options(), replace=True)
    assert new.fingerprint != old.fingerprint
    assert verify(path) == []


@pytest.mark.parametrize(
    ("shape", "chosen", "words"),
    [
        (
            (25, 60, 128),
            options(),
            "too few for a tile of 64; .* --tile 48 --stride 48",
        ),
        (
            (25, 128, 128),
            options(split_axis="x"),
            "along x are 25 wide, .* --split-axis z",
        ),
        (
            (12, 128, 128),
            options(),
            "take 15 slices and there are 12; .* --split paper",
        ),
        (
            (25, 64, 64),
            options(),
            "once its neighbours are shifted; .* --tile 48 --stride 48",
        ),
        ((6, 128, 128), options(), "it takes more slices"),
        ((25, 128, 128), options(search=60), "--search"),
    ],
)
def test_volumes_that_are_too_small_are_refused_with_advice(
    tmp_path: Path, shape: tuple[int, int, int], chosen: BuildOptions, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        make(tmp_path / "t.h5", drifting_stack(25, 128)[tuple(map(slice, shape))], chosen)
    assert list(tmp_path.iterdir()) == []


def test_a_volume_of_which_nothing_is_fit_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Every train triplet is rejected .defect"):
        make(tmp_path / "t.h5", np.full((25, 128, 128), 9, dtype=np.uint8), options())


def test_a_folder_that_cannot_be_written_and_a_disk_too_small_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        make(tmp_path / "file" / "t.h5", drifting_stack(), options())
    with pytest.raises(UserError, match="make room"):
        check_room(tmp_path, 10**12, 512)


_FULL = """
import resource, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {root!r} + "/tests"]
from tests.unit.triplets.test_build import *
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    make(Path({path!r}), drifting_stack(), options())
except UserError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "out" / "t.h5"
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", _FULL.format(root=root, path=str(path))],
        capture_output=True, text=True, check=True, cwd=root,
    )  # fmt: skip
    assert "the disk is full" in done.stdout
    assert list(path.parent.iterdir()) == []


def test_memory_does_not_grow_with_depth(tmp_path: Path) -> None:
    class Generated(ArrayVolume):
        """Twelve slices over and over, but for a pixel: the volume itself takes no memory."""

        def __init__(self, depth: int) -> None:
            super().__init__("v", drifting_stack(12))
            self.shape = (depth, SIDE, SIDE)

        def slice(self, z: int) -> np.ndarray:
            grey = super().slice(abs((z + 11) % 22 - 11)).copy()
            grey[0, 0] = z
            return grey

    peaks = []
    for depth in (20, 20, 80):  # the first warms up caches and imports
        volume = Generated(depth)
        tracemalloc.start()
        build("d", [volume], load_card("d"), options(), tmp_path / f"{len(peaks)}.h5")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    frames = 60 * 4 * 3 * TILE * TILE  # of the 60 further slices
    assert peaks[2] - peaks[1] < 0.2 * frames
