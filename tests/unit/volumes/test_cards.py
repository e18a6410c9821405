"""Cards: every one can be built with what it says, and credits its source."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bench.base.errors import UserError
from bench.triplets.options import BuildOptions
from bench.triplets.split import depth_blocks, split_names
from bench.volumes.cards import CARDS, fold_of, load_card


def test_the_datasets_of_the_paper_and_ours_have_cards() -> None:
    assert list(CARDS) == [
        "cremi_triplet_a", "cremi_triplet_b", "cremi_triplet_c", "mouse_triplet", "vnc_triplet",
        "fib25_triplet", "phantom", "phantom_small",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(CARDS))
def test_a_card_is_complete(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert all((card.title, card.source, card.licence, card.credit, card.voxel_size))
    BuildOptions.model_validate(card.build)
    for file in card.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.url.startswith("https://")
    assert len({file.sha256 for file in card.files}) == len(card.files)


def test_cremi_is_built_from_the_padded_volume() -> None:
    for letter in "abc":
        padded, cropped = load_card(f"cremi_triplet_{letter}").files
        assert padded.name == f"sample_{letter.upper()}_padded_20160501.hdf"
        assert cropped.name == f"sample_{letter.upper()}_20160501.hdf"
        assert padded.url.endswith(padded.name)


def test_cremi_s_fold_has_labelled_slices_in_every_split() -> None:
    """Labels lie on z 38 to 162 of 200; fold 0 would test on z 161 to 198."""
    for letter in "abc":
        options = BuildOptions.model_validate(load_card(f"cremi_triplet_{letter}").build)
        z = np.arange(200)
        splits = split_names(depth_blocks(200), options.fold)
        labelled = splits[(z >= 38) & (z <= 162)]
        counts = [int((labelled == name).sum()) for name in ("train", "validation", "test")]
        assert counts == [41, 38, 38]
        assert fold_of(f"cremi_triplet_{letter}", None) == options.fold
        assert fold_of(f"cremi_triplet_{letter}", 0) == 0
    assert fold_of("mine", None) == fold_of("mouse_triplet", None) == 0


def test_the_mouse_card_says_that_it_is_not_the_papers_volume() -> None:
    card = load_card("mouse_triplet")
    assert "Not the paper's" in card.notes
    assert "SNEMI3D" in card.source


def test_another_name_is_a_volume_of_ones_own() -> None:
    card = load_card("my-volume_2")
    assert (card.title, card.files, card.build) == ("my-volume_2", (), {})
    for name in ("../elsewhere", "a/b", "", ".hidden"):
        with pytest.raises(UserError, match="cannot name a dataset"):
            load_card(name)
