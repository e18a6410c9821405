"""Labels that lie elsewhere than on the picture are told, with how to move them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import neurites
from scipy import ndimage

from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.label_placement_check import misplacement, on_border
from bench.triplets.labelled_slices import label_rows
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.sources import open_volume
from bench.volumes.stack_volume import ArrayVolume

Move = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def tissue() -> tuple[np.ndarray, np.ndarray]:
    """Cells with dark borders that change along z as fast as sections do: uint8 ZYX and ids."""
    found = phantom_volume(PhantomOptions(depth=16, height=160, width=160))
    return found.raw, found.ids


def told(grey: np.ndarray, labels: np.ndarray) -> str:
    return misplacement("mine", ArrayVolume("v", grey, np.ascontiguousarray(labels)), "ids")


MOVES: list[tuple[Move, str, str]] = [
    (lambda ids: ids[:, ::-1], "flipped in y", "`labels[:, ::-1, :]`"),
    (lambda ids: ids[:, :, ::-1], "flipped in x", "`labels[:, :, ::-1]`"),
    (lambda ids: ids.transpose(0, 2, 1), "transposed in y and x", "transpose(0, 2, 1)[:, :, :]`"),
    (lambda ids: ids[::-1], "reversed in z", "`labels[::-1, :, :]`"),
    (
        lambda ids: ids[::-1, ::-1, ::-1],
        "flipped in y, flipped in x and reversed in z",
        "`labels[::-1, ::-1, ::-1]`",
    ),
    (
        lambda ids: np.concatenate([ids[:1], ids[:-1]]),
        "one slice earlier",
        "labels z belong on slice z - 1",
    ),
    (
        lambda ids: np.concatenate([ids[1:], ids[-1:]]),
        "one slice later",
        "labels z belong on slice z + 1",
    ),
]


@pytest.mark.parametrize(("move", "words", "code"), MOVES)
def test_misplaced_labels_are_told_with_how_to_move_them(
    tissue: tuple[np.ndarray, np.ndarray], move: Move, words: str, code: str
) -> None:
    sentence = told(tissue[0], move(tissue[1]))
    assert f"fit the picture better {words}: there" in sentence
    assert code in sentence


@pytest.mark.parametrize("move", [move for move, _, _ in MOVES[:-2]])
def test_what_numpy_is_told_to_do_mends_it(
    tissue: tuple[np.ndarray, np.ndarray], move: Move
) -> None:
    """A quarter turn too, whose inverse is another."""
    for moved in (move(tissue[1]), np.rot90(move(tissue[1]), axes=(1, 2))):
        sentence = told(tissue[0], moved)
        code = sentence.split("NumPy: `")[1].split("`")[0] if sentence else "labels"
        mended = eval(code, {"labels": moved})
        assert (mended == tissue[1]).all()


def lined(ids: np.ndarray) -> np.ndarray:
    """The ids with lines of 0 between them."""
    return np.stack([np.where(on_border(slice_), 0, slice_) for slice_ in ids])


@pytest.mark.parametrize(
    "drawn",
    [
        lambda ids: ids,
        lined,
        lambda ids: (lined(ids) == 0).astype(np.uint64),
        lambda ids: np.where(ids % 5 == 0, ids, 0),
        lambda ids: np.where(np.arange(len(ids))[:, None, None] % 3 == 0, ids, 0),
    ],
    ids=["ids", "ids between lines of 0", "mask", "some neurites", "some slices"],
)
def test_labels_of_any_kind_are_told_where_they_are_misplaced_and_only_there(
    tissue: tuple[np.ndarray, np.ndarray], drawn: Move
) -> None:
    grey, ids = tissue
    assert told(grey, drawn(ids)) == ""
    assert told(255 - grey, drawn(ids)) == ""
    assert told(ndimage.gaussian_filter(grey, (0, 1.5, 1.5)), drawn(ids)) == ""
    assert "flipped in x" in told(grey, drawn(ids)[:, :, ::-1])
    assert "flipped in x" in told(255 - grey, drawn(ids)[:, :, ::-1])


def test_slices_that_hardly_change_and_pictures_without_borders_are_not_told() -> None:
    grey, ids = neurites()
    assert told(grey, ids) == ""
    assert told(np.repeat(grey[:1], 10, axis=0), np.repeat(ids[:1], 10, axis=0)) == ""
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, grey.shape).astype(np.uint8)
        assert told(noise, ids) == ""
    assert told(np.full_like(grey, 90), ids) == ""


def test_labels_of_the_central_part_are_turned_within_it(
    tmp_path: Path, tissue: tuple[np.ndarray, np.ndarray]
) -> None:
    """As CREMI's, which lie in the padded volume by their offset."""
    grey, ids = tissue
    part = ids[2:14, 20:130, 30:150]
    for name, labels in (("right", part), ("flipped", part[:, :, ::-1])):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("volumes/raw", data=grey).attrs["resolution"] = (30, 6, 6)
            stored = file.create_dataset("volumes/labels/neuron_ids", data=labels)
            stored.attrs["offset"] = (60, 120, 180)
    with open_volume(tmp_path / "right.h5") as volume:
        assert misplacement("mine", volume, "ids") == ""
    with open_volume(tmp_path / "flipped.h5") as volume:
        assert "flipped in x" in misplacement("mine", volume, "ids")


def test_slices_that_are_missing_are_not_looked_at(
    tissue: tuple[np.ndarray, np.ndarray],
) -> None:
    grey, ids = tissue
    volume = ArrayVolume("v", grey, ids[:, ::-1].copy())
    volume.missing = frozenset({3, 9})
    read, whole = [], volume.slice
    volume.slice = lambda z: (read.append(z), whole(z))[1]  # type: ignore[method-assign]
    assert "flipped in y" in misplacement("mine", volume, "ids")
    assert not volume.missing & set(read)


def test_the_file_keeps_what_was_told_and_its_fingerprint(
    tmp_path: Path, tissue: tuple[np.ndarray, np.ndarray]
) -> None:
    grey, ids = tissue
    options = BuildOptions(tile=64, stride=64, search=4)
    summary = build(
        "mine", [ArrayVolume("v", grey, ids[:, ::-1].copy())], load_card("mine"), options,
        tmp_path / "t.h5",
    )  # fmt: skip
    with TripletFile(tmp_path / "t.h5") as file:
        assert len(file.doubts) == 1
        assert "flipped in y" in file.doubts[0]
        assert file.facts()["doubts"] == file.doubts
        assert [row for row in label_rows(file) if row[0] == "caution"][-1][1] == file.doubts[0]
        assert file.fingerprint == summary.fingerprint


@pytest.mark.parametrize("turned", [False, True])
def test_a_volume_with_black_and_white_exchanged_is_told_beside_another(
    tmp_path: Path, tissue: tuple[np.ndarray, np.ndarray], turned: bool
) -> None:
    grey, ids = tissue
    other = grey[:, ::-1, ::-1] // 2 + 60  # of other staining
    volumes = [
        ArrayVolume("plain", grey, ids),
        ArrayVolume("other", 255 - other if turned else other, ids[:, ::-1, ::-1].copy()),
    ]
    options = BuildOptions(tile=64, stride=64, search=4)
    build("mine", volumes, load_card("mine"), options, tmp_path / "t.h5")
    with TripletFile(tmp_path / "t.h5") as file:
        words = "darker than their surroundings in 'plain' and brighter in 'other'"
        assert any(words in doubt for doubt in file.doubts) == turned
        assert len(file.doubts) == turned
