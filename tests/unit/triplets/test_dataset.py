"""Datasets with options: what they are called, and who learns from what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import bench
from conftest import moving_texture, neurites

from bench.base.errors import UserError
from bench.store.records import Record, Store
from bench.store.weights import load_tensors
from bench.triplets.build import build
from bench.triplets.dataset import Dataset, leakage_between
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.dataset_variant import parse_dataset
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume

TWIN = "twin[trained_on=cells]"


def test_one_spelling_for_one_dataset() -> None:
    variant = parse_dataset("phantom[ trained_on = cells, noise=20,drift=1 ]")
    assert variant.text == "phantom[drift=1,noise=20,trained_on=cells]"
    assert variant.built == "phantom[drift=1,noise=20]"
    assert (variant.base, variant.trained_on) == ("phantom", "cells")
    assert parse_dataset("phantom[trained_on=phantom]") == parse_dataset("phantom")


def test_a_dial_turns_the_phantom_and_nothing_else() -> None:
    card, plain = load_card("phantom_small[thickness=45,noise=20]"), load_card("phantom_small")
    assert card.name == "phantom_small[noise=20,thickness=45]"
    assert card.phantom is not None
    assert (card.phantom["noise"], card.phantom["depth"]) == (20.0, 40)
    assert card.voxel_size == (45.0, 6.0, 6.0)
    assert (card.build, card.credit) == (plain.build, plain.credit)


def test_a_measured_dataset_keeps_its_card_when_it_is_built_otherwise() -> None:
    card, plain = load_card("mouse_triplet[align=no]"), load_card("mouse_triplet")
    assert not BuildOptions.model_validate(card.build).align
    assert (card.voxel_size, card.label_zero) == (plain.voxel_size, plain.label_zero)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("phantom[nois=3]", "did you mean 'noise'"),
        ("phantom[noise=-1]", "noise cannot be -1"),
        ("phantom[noise=loud]", "noise=loud"),
        ("phantom[noise]", "write option=value"),
        ("mouse_triplet[noise=3]", "no option of the dataset mouse_triplet"),
        ("mouse_triplet[histogram=../../x]", "cannot name a dataset"),
        ("../phantom[noise=3]", "cannot name a dataset"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load_card(name)


@pytest.fixture(scope="session")
def twin(data_folder: Path, cells: TripletFile) -> TripletFile:
    """The dataset `twin`: like `cells`, of other cells, with more noise."""
    grey, ids = neurites(seed=1)
    noise = np.random.default_rng(0).normal(scale=20, size=grey.shape)
    noisy = np.clip(np.rint(grey + noise), 0, 255).astype(np.uint8)
    path = dataset_path(data_folder, "twin", 0)
    volume = ArrayVolume("twin", noisy, labels=ids, voxel_size=(30, 6, 6))
    build("twin", [volume], load_card("twin"), BuildOptions(tile=80, stride=80, search=4), path)
    return TripletFile(path)


def _records(out: Path, dataset: str) -> dict[str, tuple[Path, Record]]:
    found = Store(out).records(dataset)
    return {str(record.cell["method"]): (folder, record) for folder, record in found}


@pytest.mark.usefixtures("one_thread", "tiny_bench", "twin", "without_picture")
def test_a_dataset_is_predicted_with_what_another_one_taught(
    capsys: pytest.CaptureFixture[str], data_folder: Path, tmp_path: Path
) -> None:
    def run(dataset: str, out: Path) -> str:
        code, table, err = bench(
            capsys, "run", "--methods", "average,tiny", "--dataset", dataset, "--losses", "l1",
            "--segmenter-steps", 500, "--data", data_folder, "--out", out,
        )  # fmt: skip
        assert code == 0, err
        assert all(f"{name}: test split" in table for name in dataset.split(","))
        return err

    out = tmp_path / "results"
    run("cells,twin", out)
    said = run(f"cells,{TWIN}", out)
    assert "train:" not in said
    assert "Training the segmenter" not in said
    source, own, borrowed = (_records(out, name) for name in ("cells", "twin", TWIN))
    for method in ("linear", "tiny"):
        weights = [cells[method][0] / "weights.safetensors" for cells in (source, own, borrowed)]
        assert weights[2].read_bytes() == weights[0].read_bytes() != weights[1].read_bytes()
        record = borrowed[method][1]
        assert record.means["psnr"] != own[method][1].means["psnr"]
        assert record.dataset["trained_on"]["name"] == "cells"
        assert record.config["dataset"] == source[method][1].dataset["fingerprint"]
        assert record.config["tested"] == own[method][1].dataset["fingerprint"]
        assert "learned from the training split of cells" in record.warnings
        # Where and how long it was trained, not where and how long it was copied.
        trained, taken = (found[method][1].stages["train"] for found in (source, borrowed))
        assert (taken.seconds, taken.provenance) == (trained.seconds, trained.provenance)
    # What does not learn is the same whoever else does.
    assert borrowed["average"][1].key == own["average"][1].key
    assert borrowed["average"][1].warnings == []
    digests = [cells["average"][1].stages["segment"].facts for cells in (source, own, borrowed)]
    assert digests[2]["segmenter"] == digests[0]["segmenter"] != digests[1]["segmenter"]
    (ceiling,) = (Store(out).root / TWIN).glob("segmenter-*/segmenter.json")
    assert json.loads(ceiling.read_text())["means"] != {}
    code, words, _ = bench(capsys, "verify", "--out", out, "--data", data_folder)
    assert (code, "another build" in words) == (0, False)

    # Without a cell to take them from, the same weights are trained where they are wanted.
    run(TWIN, tmp_path / "alone")
    alone = _records(tmp_path / "alone", TWIN)
    for method in ("linear", "tiny"):
        folders = [cells[method][0] for cells in (borrowed, alone)]
        tensors = [load_tensors(folder / "weights.safetensors")[0] for folder in folders]
        assert all((tensors[0][name] == tensors[1][name]).all() for name in tensors[0])
        assert borrowed[method][1].key == alone[method][1].key


def test_leakage_is_counted_across_two_files(
    data_folder: Path, cells: TripletFile, twin: TripletFile, tmp_path: Path
) -> None:
    assert leakage_between(cells, cells) == cells.leakage() == 0.0
    assert leakage_between(twin, cells) == 0.0
    grey, ids = neurites()
    path = dataset_path(tmp_path, "cells", 1)
    volume = ArrayVolume("renamed", grey, labels=ids, voxel_size=(30, 6, 6))
    options = BuildOptions(tile=80, stride=80, search=4, fold=1)
    build("cells", [volume], load_card("cells"), options, path)
    # What fold 0 tests is what fold 1 validates on.
    with TripletFile(path) as other:
        assert leakage_between(other, cells) == 1.0
        assert Dataset("x", cells, other).facts()["leakage"] == 1.0


def test_leakage_is_counted_across_a_volume_and_a_part_of_it(
    cells: TripletFile, twin: TripletFile, tmp_path: Path
) -> None:
    """Under another name, along z, and of every second slice."""
    grey, _ = neurites()
    options = BuildOptions(tile=80, stride=80, search=4)
    for name, first, part, of_part in (
        ("later", 3, grey[3:23], options),
        (
            "thinner",
            0,
            grey,
            options.model_copy(update={"every": 2, "split_axis": "x", "tile": 32}),
        ),
    ):
        path = tmp_path / name / "triplets.h5"
        build(name, [ArrayVolume(name, part)], load_card(name), of_part, path)
        with TripletFile(path) as file:
            kept = file.keys[(file.keys["reason"] == "") & (file.keys["split"] == "test")]
            learned = cells.keys[cells.keys["split"].isin(("train", "validation"))]
            seen = {z + step for z in learned["z"] for step in (-1, 0, 1)}
            around = kept["z"].to_numpy()[:, None] + first + of_part.every * np.array([-1, 0, 1])
            expected = np.isin(around, list(seen)).any(axis=1).mean()  # tiles cover the slices
            assert leakage_between(cells, file) == pytest.approx(expected)
            assert expected > 0.2
            assert leakage_between(twin, file) == 0.0


def test_leakage_between_tiles_of_two_sides_is_counted_on_the_windows(tmp_path: Path) -> None:
    grey = moving_texture(25, 160)
    files = []
    for tile, side in ((80, 160), (32, 80)):
        # The small tiles lie in the upper left quarter or, of the large ones, outside of it.
        volume = ArrayVolume("v", grey[:, :side, :side])
        options = BuildOptions(tile=tile, align=False, rules={"duplicate": 1e9})
        build("m", [volume], load_card("m"), options, tmp_path / f"{tile}.h5")
        files.append(TripletFile(tmp_path / f"{tile}.h5"))
    training, test = files
    training.volumes = test.volumes
    training.keys["split"] = np.where(training.keys[["y", "x"]].eq(80).all(axis=1), "train", "gap")
    test.keys["split"] = "test"
    # 64 + 32 > 80 only for a window as wide as the larger tile: nothing is shared.
    assert leakage_between(training, test) == 0.0
    training.keys["split"] = "train"
    assert leakage_between(training, test) == 1.0


def test_data_commands_build_and_find_a_variant_by_any_spelling(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "phantom_small[width=64,height=64,depth=15,noise=9]"
    code, _, err = bench(
        capsys, "data", "build", name, "--tile", 32, "--rule", "blur=9", "--data", tmp_path
    )
    assert code == 0, err
    code, out, _ = bench(
        capsys, "data", "info", "phantom_small[noise=9,depth=15,height=64,width=64]",
        "--data", tmp_path,
    )  # fmt: skip
    assert code == 0
    assert "phantom_small[depth=15,height=64,noise=9,width=64]" in out
