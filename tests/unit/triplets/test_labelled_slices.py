"""Labels on part of the slices, and labels of one class: counted, told, and never learned from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from command import bench
from conftest import neurites

from bench.base.errors import UserError
from bench.stages.membrane_truth import no_membranes
from bench.stages.segmenter_training import _validation_slices, labelled_slices, labelled_throughout
from bench.store.records import Store
from bench.triplets.build import build
from bench.triplets.dataset import Dataset
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.describe import describe
from bench.triplets.file import TripletFile
from bench.triplets.labelled_slices import few_labels, shares
from bench.triplets.options import BuildOptions
from bench.triplets.verify import verify
from bench.volumes.cards import Card, load_card
from bench.volumes.label_ids import known_pixels
from bench.volumes.stack_volume import ArrayVolume
from segmentation.labels import UNLABELLED

Z = np.arange(25)[:, None, None]
Draw = Callable[[np.ndarray], np.ndarray]


def built(folder: Path, draw: Draw, **said: Any) -> TripletFile:
    """The dataset `mine`: tiles of 80, blocks of 5 slices; 15 in training, then 5 and 5."""
    grey, ids = neurites()
    path = dataset_path(folder, "mine", 0)
    options = BuildOptions(tile=80, stride=80, search=4, **said)
    build("mine", [ArrayVolume("v", grey, draw(ids))], load_card("mine"), options, path)
    return TripletFile(path)


def why(file: TripletFile, *, given: bool = False) -> str:
    return no_membranes(Dataset("mine", file, file), given=given)


def test_labelled_slices_are_counted_split_by_split(tmp_path: Path) -> None:
    file = built(tmp_path, lambda ids: np.where((Z == 2) | (Z == 7) | (Z >= 20), ids, 0))
    assert {split: tuple(share) for split, share in shares(file).items()} == {
        "train": (2, 9), "validation": (0, 3), "test": (3, 3),
    }  # fmt: skip
    rows = describe(file)
    assert ("labelled: train", "2 of 9 slices") in rows
    told = [words for name, words in rows if name == "caution"]
    assert told == list(few_labels(file))
    assert told[0].startswith("Only 2 of the 9 slices of the train split of 'mine' are labelled")
    assert told[1].startswith("No slice of the validation split of 'mine' is labelled")
    assert len(told) == 2


def test_a_file_from_before_they_were_counted_tells_the_same(tmp_path: Path) -> None:
    file = built(tmp_path, lambda ids: np.where(Z < 20, ids, 0))
    expected, doubts = shares(file), file.doubts
    file.close()
    assert verify(file.path) == []
    with h5py.File(file.path, "r+") as old:
        del old["labelled"], old.attrs["doubts"]
    again = TripletFile(file.path)
    assert shares(again) == expected
    assert (again.fingerprint, again.doubts, doubts) == (file.fingerprint, [], [])


def test_what_0_says_depends_on_the_card_and_on_ids_beside_it() -> None:
    labels = np.array([[0, 0, 5, UNLABELLED]], dtype=np.uint64)
    ignored = Card(name="m", title="m")
    drawn, mask = (
        ignored.model_copy(update=said)
        for said in ({"label_zero": "membrane"}, {"label_kind": "membrane_mask"})
    )
    assert known_pixels(labels, ignored) == 1
    assert known_pixels(labels, drawn) == 3
    assert known_pixels(labels[:, :2], drawn) == 0
    assert known_pixels(labels[:, :2], mask) == 2


@pytest.mark.parametrize(
    ("draw", "said", "words"),
    [
        (lambda ids: ids, {}, ""),
        (lambda ids: np.where(Z % 5 == 2, ids, 0), {}, ""),
        (lambda ids: np.where(Z < 20, ids, 0), {}, "no slice of the test split of 'mine' is"),
        (lambda ids: np.where(Z < 15, ids, 0), {}, "no slice of the validation split of 'mine' is"),
        (lambda ids: np.where(Z >= 15, ids, 0), {}, "no slice of the train split of 'mine' is"),
        (np.ones_like, {}, "the labels of the train split of 'mine' are one id everywhere;"),
        (
            lambda ids: np.where(Z < 20, ids, 1),
            {},
            "the labels of the test split of 'mine' are one id everywhere;",
        ),
        (
            lambda ids: np.where((Z < 20) & (ids % 2 == 0), 0, 1),
            {"label_kind": "membrane_mask"},
            "the labels of the test split of 'mine' hold nothing but membrane;",
        ),
    ],
)
def test_both_classes_have_to_be_there_in_every_split(
    tmp_path: Path, draw: Draw, said: dict[str, Any], words: str
) -> None:
    sentence = why(built(tmp_path, draw, **said))
    assert sentence.startswith(f"No membrane scores: {words}") if words else sentence == ""


def test_a_given_segmenter_needs_labels_of_the_test_split_alone(tmp_path: Path) -> None:
    only = built(tmp_path / "test", lambda ids: np.where(Z >= 20, ids, 0))
    assert "train split" in why(only)
    assert why(only, given=True) == ""
    none = built(tmp_path / "train", lambda ids: np.where(Z < 20, ids, 0))
    assert "test split" in why(none, given=True)


@pytest.mark.usefixtures("one_thread", "without_picture", "tiny_bench")
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (np.ones_like, "are one id everywhere"),
        (lambda ids: np.where(Z < 20, ids, 0), "no slice of the test split"),
        (lambda ids: np.where(Z < 15, ids, 0), "no slice of the validation split"),
    ],
)
def test_a_run_has_a_sentence_in_place_of_the_membrane_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], draw: Draw, words: str
) -> None:
    built(tmp_path / "data", draw).close()
    code, out, err = bench(
        capsys, "run", "--methods", "average", "--dataset", "mine", "--data", tmp_path / "data",
        "--out", tmp_path / "results",
    )  # fmt: skip
    assert code == 0, err
    assert out.count("No membrane scores: ") == 1
    assert words in out
    assert "gap to real slice" not in out
    assert "Training the segmenter" not in err
    for _, record in Store(tmp_path / "results").records():
        assert "segment" not in record.stages
        assert words in record.dataset["no_membranes"]


@pytest.mark.usefixtures("one_thread", "without_picture", "tiny_bench")
def test_a_doubt_is_told_above_the_membrane_table_of_every_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built(tmp_path / "data", lambda ids: ids[:, :, ::-1].copy()).close()
    for _ in range(2):
        code, out, err = bench(
            capsys, "run", "--methods", "average", "--dataset", "mine", "--data",
            tmp_path / "data", "--out", tmp_path / "results",
        )  # fmt: skip
        assert code == 0, err
        table, doubt = out.index("gap to real slice"), out.index("fit the picture better flipped")
        assert doubt < table


def test_slices_are_chosen_by_the_window_that_is_looked_at(tmp_path: Path) -> None:
    """Labels at the right edge of a tile are nothing to a window in its middle."""

    def draw(ids: np.ndarray) -> np.ndarray:
        at_the_edge = (np.arange(160) % 80 > 68)[None, None]
        return np.where((Z != 17) & ~at_the_edge, 0, ids)

    file = built(tmp_path, draw)
    assert not labelled_throughout(file)
    chosen = labelled_slices(file, "validation", 16, 40)
    assert len(chosen.frames) == (file.keys.loc[file.indices("validation"), "z"] == 17).sum() > 0
    for mask, valid in zip(chosen.masks, chosen.valid, strict=True):
        assert mask.any()
        assert (valid & ~mask).any()


def test_where_no_window_can_be_looked_at_whole_slices_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = (np.arange(160) % 80 > 60)[None, None]
    file = built(tmp_path, lambda ids: np.where(edge, ids, 0))
    monkeypatch.setattr("bench.stages.segmenter_training._VALIDATION_SIDE", 30)
    chosen = _validation_slices(file)
    assert chosen.frames.shape[1:] == (80, 80)
    assert all((valid & ~mask).any() for mask, valid in zip(*chosen[1:], strict=True))
    with pytest.raises(UserError, match="validation split of 'mine' has labels of both"):
        labelled_slices(file, "validation", 16, 30)


def test_where_all_is_labelled_every_slice_counts_as_before(cells: TripletFile) -> None:
    assert labelled_throughout(cells)
    indices = cells.indices("validation")
    chosen = labelled_slices(cells, "validation", len(indices), cells.tile)
    expected = [cells.frames(int(index))[1] for index in indices]
    assert (chosen.frames == np.stack(expected)).all()
