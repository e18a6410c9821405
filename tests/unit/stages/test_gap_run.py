"""A run on gaps of two slices from end to end: through both, counted once, in a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import neurites

from bench.scores.membranes import label_neurites
from bench.stages.masks import read_masks
from bench.store.records import Store
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

pytestmark = pytest.mark.usefixtures("one_thread", "without_picture")
NAME = "cells[gap=2]"


@pytest.fixture
def wide(data_folder: Path) -> TripletFile:
    """The slices of `cells` in gaps of two."""
    grey, ids = neurites()
    path = dataset_path(data_folder, NAME, 0)
    options = BuildOptions(tile=80, stride=80, search=4, gap=2)
    volume = ArrayVolume("cells", grey, labels=ids, voxel_size=(30, 6, 6))
    if not path.exists():
        build(NAME, [volume], load_card(NAME), options, path)
    return TripletFile(path)


def test_a_gap_is_predicted_scored_and_followed_as_one(
    run: Any, tmp_path: Path, wide: TripletFile
) -> None:
    code, _, err = run(dataset=f"cells,{NAME}")
    assert code == 0, err
    cells = {cell.cell["dataset"]: path for path, cell in Store(tmp_path / "results").records()
             if cell.cell["method"] == "average"}  # fmt: skip
    folder = cells[NAME]
    (judge,) = folder.parent.glob("segmenter-*")
    test = wide.indices("test", rejected=True).tolist()
    tables = {
        "scores": pd.read_parquet(folder / "scores.parquet"),
        "membranes": pd.read_parquet(folder / "membranes.parquet"),
        "ceiling": pd.read_parquet(judge / "ceiling.parquet"),
    }
    for table in tables.values():
        assert table["triplet"].tolist() == test
        assert table["position"].tolist() == [1, 2] * (len(test) // 2)
    assert read_masks(folder / "membranes.h5")[1].tolist() == test
    for name in ("membranes", "ceiling"):
        for _, row in tables[name].iterrows():
            found = label_neurites(wide, int(row["triplet"]))
            assert found is not None
            asked = int(found.counted.sum()) if row["position"] == 2 else 0
            assert row["neurites"] == asked
            ends = row[["neurites_carried", "neurites_wrong", "neurites_lost"]].sum()
            assert ends == asked
    words = ("--data", wide.path.parents[2], "--out", tmp_path / "results")
    assert run.bench("report", "--tables", "gaps", "--format", "csv", *words)[0] == 0
    shown = pd.read_csv(tmp_path / "results/report/gaps.csv")
    average = shown[shown["row"].str.startswith("Average")]
    carried = average.loc[average["column"] == "Carried", "value"].tolist()
    counted = tables["membranes"]
    counted = counted[counted["reason"] == ""]
    share = counted["neurites_carried"].sum() / counted["neurites"].sum()
    assert len(carried) == 2
    assert carried[1] == pytest.approx(share)
    psnr = tables["scores"].query("reason == '' and position == 2")["psnr"]
    second = average[(average["column"] == "2nd") & (average["group"] == "PSNR (dB)")]["value"]
    assert np.isnan(second.iloc[0])
    assert second.iloc[1] == pytest.approx(psnr.mean())
