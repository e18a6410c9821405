"""Dice and carried of a filled slice rest on the test triplets of the same volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import moving_texture

from bench.repair.disagreement import moved
from bench.repair.error_map import ErrorModel
from bench.repair.judged import judged
from bench.repair.refusal import Difference, difference
from bench.repair.trust import Reached, Trust
from bench.scores.triplet_table import with_keys
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.gap import first_missing
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

NOTHING = ErrorModel(weights={}, scores=(0.0,), errors=(0.0,))


@pytest.fixture(scope="module")
def pairs(data_folder: Path) -> TripletFile:
    """Gaps of two slices, two by two tiles each."""
    return built(data_folder, "pairs", moving_texture(depth=60, side=160))


def built(data: Path, name: str, grey: np.ndarray, every: int = 1) -> TripletFile:
    """Gaps of two of every so many slices."""
    path = dataset_path(data, name, 0)
    options = BuildOptions(tile=72, stride=72, search=4, gap=2, every=every)
    build(name, [ArrayVolume(name, grey)], load_card(name), options, path)
    return TripletFile(path)


def membranes(file: TripletFile) -> pd.DataFrame:
    """What a segmenter might have said of the test triplets; gaps count on their last slice."""
    indices = file.indices("test")
    draw = np.random.default_rng(0)
    last = np.array([file.position(int(i)) == 2 for i in indices])
    neurites = np.where(last, draw.integers(3, 30, len(indices)), 0)
    scores = pd.DataFrame(
        {
            "dice": draw.uniform(0.4, 0.8, len(indices)),
            "neurites": neurites,
            "neurites_carried": np.minimum(neurites, draw.integers(0, 30, len(indices))),
        }
    )
    return with_keys(scores, indices, file)


def test_a_gap_has_the_mean_of_its_tiles_and_the_share_of_all_its_neurites(
    pairs: TripletFile,
) -> None:
    table = membranes(pairs)
    gaps = judged(table, pairs)
    groups = [rows for _, rows in table.groupby(first_missing(table))]
    assert len(gaps) == len(groups) > 3
    for gap, rows in zip(gaps, groups, strict=True):
        unlike = []
        for index in rows["triplet"]:
            before, _, after = pairs.frames(index)
            time = pairs.position(index) / 3
            unlike.append(difference(before, after, moved(before, after, time)).unlikeness)
        assert gap.difference.unlikeness == pytest.approx(np.mean(unlike))
        assert gap.scores["dice"] == pytest.approx(rows["dice"].mean())
        carried = rows["neurites_carried"].sum() / rows["neurites"].sum()
        assert gap.scores["carried"] == pytest.approx(carried)


def test_a_gap_of_every_third_slice_is_one_gap(data_folder: Path) -> None:
    """Its slices lie three apart in the source, and belong together all the same."""
    grey = np.repeat(moving_texture(depth=60, side=80), 3, axis=0)
    thick = built(data_folder, "thick", grey, every=3)
    table = membranes(thick)
    dice = table["dice"].to_numpy().reshape(-1, 2)  # the slices of a gap stand side by side
    assert [each.scores["dice"] for each in judged(table, thick)] == pytest.approx(dice.mean(1))


def test_without_neuron_ids_only_dice_is_expected(pairs: TripletFile) -> None:
    table = membranes(pairs).drop(columns=["neurites", "neurites_carried"])
    trust = Trust(NOTHING, (), 0, judged(table, pairs))
    assert trust.expected(Difference(0.4, 1.0)).keys() == {"dice"}


def test_what_is_expected_follows_the_difference_of_the_neighbours() -> None:
    def reached(unlikeness: float) -> Reached:
        scores = {"dice": 0.5 - 0.1 * np.log(unlikeness), "carried": 0.9 + 0.05 * unlikeness}
        return Reached(Difference(unlikeness, 1.0), scores)

    hidden = tuple(
        Reached(Difference(each, 1.0), {"psnr": 20 - each, "frc_10": 0.5})
        for each in (0.2, 0.3, 0.4)
    )
    trust = Trust(NOTHING, hidden, 3, tuple(map(reached, np.linspace(0.2, 0.5, 12))))
    assert Trust.of_json(trust.as_json()) == trust
    alike, unlike = (trust.expected(Difference(each, 1.0)) for each in (0.25, 0.45))
    assert alike.keys() == {"psnr", "frc_10", "dice", "carried"}
    assert alike["dice"]["score"] == pytest.approx(0.5 - 0.1 * np.log(0.25), abs=1e-4)
    assert unlike["dice"]["score"] == pytest.approx(0.5 - 0.1 * np.log(0.45), abs=1e-4)
    assert unlike["carried"]["score"] > alike["carried"]["score"]
