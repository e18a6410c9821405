"""Labels that are not what nobody said they are: the build doubts them, and only them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import moving_texture, neurites
from scipy import ndimage

from bench.base.errors import UserError
from bench.triplets.build import build
from bench.triplets.file import TripletFile
from bench.triplets.label_kind_check import Borders, borders, doubt
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.phantom import PhantomOptions, phantom_volume
from bench.volumes.stack_volume import ArrayVolume
from segmentation.labels import UNLABELLED


def lined(ids: np.ndarray) -> np.ndarray:
    """The ids kept apart by lines of 0, two pixels wide."""
    apart = ids.copy()
    apart[:, :-1][ids[:, :-1] != ids[:, 1:]] = 0
    apart[:, 1:][ids[:, :-1] != ids[:, 1:]] = 0
    apart[:, :, :-1][ids[:, :, :-1] != ids[:, :, 1:]] = 0
    apart[:, :, 1:][ids[:, :, :-1] != ids[:, :, 1:]] = 0
    return apart


def doubted(path: Path, labels: np.ndarray, **said: Any) -> str:
    volume = ArrayVolume("v", moving_texture(len(labels), labels.shape[1]), labels)
    options = BuildOptions(tile=80, stride=80, search=4, **said)
    build("mine", [volume], load_card("mine"), options, path / "t.h5")
    with TripletFile(path / "t.h5") as file:
        return doubt(file)


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return neurites()[1]


def test_ids_that_touch_are_not_doubted(tmp_path: Path, ids: np.ndarray) -> None:
    assert doubted(tmp_path, ids) == ""


def test_ids_kept_apart_by_lines_of_0_are_told_with_what_mends_them(
    tmp_path: Path, ids: np.ndarray
) -> None:
    sentence = doubted(tmp_path, lined(ids))
    assert sentence.startswith("100% of the borders of neuron ids in the labels of 'mine'")
    assert "`bench data build mine` with --replace, --label-zero membrane and every" in sentence
    assert sentence.endswith("other option as before (--source, --labels, --tile and so on).")


@pytest.mark.parametrize("zero", ["membrane", "ignore"])
def test_who_said_what_0_means_is_not_asked(tmp_path: Path, ids: np.ndarray, zero: str) -> None:
    assert doubted(tmp_path, lined(ids), label_zero=zero) == ""


def test_neurites_that_nobody_labelled_are_no_lines(tmp_path: Path, ids: np.ndarray) -> None:
    """Labels of some neurites, all of the others 0 or unlabelled."""
    some = np.where(ids % 3 == 0, ids, 0)
    assert borders(some[12]).touching > 0
    assert doubted(tmp_path, some) == ""


def test_a_mask_of_membranes_is_told(tmp_path: Path, ids: np.ndarray) -> None:
    mask = np.where(lined(ids) == 0, np.uint8(255), np.uint8(0))
    assert "--replace, --label-kind membrane_mask and every" in doubted(tmp_path / "a", mask)
    assert doubted(tmp_path / "b", mask, label_kind="membrane_mask") == ""


@pytest.fixture(scope="module")
def phantom() -> tuple[np.ndarray, np.ndarray]:
    found = phantom_volume(PhantomOptions(depth=16, height=160, width=160))
    return found.raw, found.ids


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda raw: raw,
        lambda raw: ndimage.gaussian_filter(raw, (0, 4, 4)),
        lambda raw: raw // 16,
        lambda raw: np.where(raw < 100, 0, raw),
    ],
    ids=["as it is", "blurred", "of 16 grey levels", "mostly black"],
)
@pytest.mark.parametrize(
    "said", [{}, {"label_kind": "ids"}, {"label_zero": "membrane"}, {"label_kind": "membrane_mask"}]
)
def test_a_grey_image_is_refused(
    tmp_path: Path, phantom: tuple[np.ndarray, np.ndarray], spoilt: Any, said: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="as in a grey image; give the file of neuron ids"):
        doubted(tmp_path, spoilt(phantom[0]), **said)
    assert not (tmp_path / "t.h5").exists()


def test_ids_in_pixels_of_any_usual_size_are_no_image(
    tmp_path: Path, phantom: tuple[np.ndarray, np.ndarray]
) -> None:
    for step in (1, 2, 8):  # 6, 12 and 48 nm
        coarse = np.tile(phantom[1][:, ::step, ::step], (1, step, step))
        assert doubted(tmp_path / str(step), coarse) == ""
        assert "image" not in doubted(tmp_path / f"lined {step}", lined(coarse))


def test_a_volume_without_labels_is_not_doubted(texture: TripletFile) -> None:
    assert doubt(texture) == ""


def test_the_phantoms_ids_touch() -> None:
    found = borders(phantom_volume(PhantomOptions(depth=6, height=160, width=144)).ids[3])
    assert found.touching > 100
    assert found.apart == 0


def test_borders_are_those_that_a_walk_along_rows_and_columns_meets() -> None:
    random = np.random.default_rng(0)
    values = np.array([0, 0, 0, 1, 2, 2**63 + 5, UNLABELLED], dtype=np.uint64)
    labels = random.choice(values, (40, 30))
    labels[20:, 4:26] = 0  # lines of 0 up to and beyond what counts
    for row in range(20, 40):
        labels[row, 4 : 4 + row - 20] = 7
    touching = apart = pairs = 0
    for line in [*labels, *labels.T]:
        there = [(place, value) for place, value in enumerate(line.tolist()) if value]
        for (at, one), (to, other) in pairwise(there):
            if UNLABELLED in (one, other):
                continue
            pairs += to - at == 1
            if one == other:
                continue
            touching += to - at == 1
            apart += 1 < to - at <= 11
    assert borders(labels) == Borders(touching, apart, pairs)
    assert min(touching, apart) > 50


def test_a_mask_that_is_upside_down_is_told(tmp_path: Path, ids: np.ndarray) -> None:
    membranes = lined(ids) == 0
    told = doubted(tmp_path / "inverted", (~membranes).astype(np.uint8), label_kind="membrane_mask")
    assert "are membrane, more than any tissue has" in told
    assert "invert one that is 0 on membranes" in told
    right = doubted(tmp_path / "right", membranes.astype(np.uint8), label_kind="membrane_mask")
    assert right == ""
