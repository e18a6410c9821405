"""Gaps of several slices, through training, prediction and scores: each slice at its time."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import moving_texture
from tiny import QUICK, Tiny, TinyOptions

from bench.cells.variants import gap_of, parse_variant
from bench.stages import training as loop
from bench.stages.memory_needed import of_prediction, of_training
from bench.stages.predict import FRAMES, predict, predict_frame, stored_frames, stored_triplets
from bench.stages.splits import spread_over_gaps
from bench.stages.training import fit, train
from bench.stages.training_checkpoint import load_checkpoint
from bench.stages.training_step import Training, gradient_step
from bench.store.weights import load_tensors, load_weights
from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.frames_and_tensors import to_triplets
from bench.triplets.options import BuildOptions
from bench.triplets.training_crops import CropSampler
from bench.volumes.cards import load_card
from bench.volumes.stack_volume import ArrayVolume
from methods.classical import Average
from methods.interface import Interpolator
from methods.linear import Linear
from methods.losses import LossOptions, build_loss
from methods.rife import Rife, RifeOptions
from methods.timed import Timed, for_times, parts_of

CPU = torch.device("cpu")
NAMES = {2: "thirds", 3: "quarters"}
BRIEF = dataclasses.replace(QUICK, samples=20, validations=2)


@pytest.fixture(scope="module")
def gaps(data_folder: Path) -> dict[int, TripletFile]:
    """Datasets with gaps of two and of three slices."""
    for gap, name in NAMES.items():
        build(
            name,
            [ArrayVolume(name, moving_texture(depth=30, side=96))],
            load_card(name),
            BuildOptions(tile=80, stride=80, search=4, gap=gap),
            dataset_path(data_folder, name, 0),
        )
    return {gap: TripletFile(dataset_path(data_folder, name, 0)) for gap, name in NAMES.items()}


def quiet(*_: object) -> None:
    """Progress that nobody looks at."""


def fresh(file: TripletFile, seed: int = 0) -> Interpolator:
    torch.manual_seed(seed)
    return for_times(Tiny, TinyOptions(), file.times)


def training_of(file: TripletFile, model: Interpolator, **changes: Any) -> Training:
    training = Training(
        file=file,
        train=file.indices("train"),
        validation=file.indices("validation"),
        preset=BRIEF,
        loss=build_loss("l1", LossOptions(lowpass=1.0), None),
        seed=0,
        device=CPU,
        times=tuple(time for time, _ in parts_of(model, file.times)),
    )
    return dataclasses.replace(training, **changes)


@pytest.mark.parametrize("gap", NAMES)
def test_the_average_weighs_the_nearer_slice_more(
    gaps: dict[int, TripletFile], tmp_path: Path, gap: int
) -> None:
    file = gaps[gap]
    indices = file.indices("test")
    predict(Average(), file, indices, tmp_path / FRAMES, CPU, None, quiet)
    predict(Average(), file, indices, tmp_path / "tiled.h5", CPU, 72, quiet)
    pairs = zip(stored_frames(tmp_path / FRAMES), stored_frames(tmp_path / "tiled.h5"), strict=True)
    times = set()
    for index, (frame, tiled) in zip(indices, pairs, strict=True):
        before, _, after = file.frames(int(index)).astype(float)
        time = file.time(int(index))
        assert np.abs(frame - ((1 - time) * before + time * after)).max() <= 0.5 + 1e-4
        assert (frame == tiled).all()
        times.add(time)
    assert times == set(file.times)


@pytest.mark.usefixtures("without_picture")
def test_a_run_learns_predicts_and_scores_every_slice_of_a_gap(
    run: Any, gaps: dict[int, TripletFile], tmp_path: Path
) -> None:
    file = gaps[2]
    words = ("--losses", "l1", "--stages", "train,predict,score", "--json")
    code, told, _ = run(*words, dataset="thirds", methods="average,tiny")
    assert code == 0
    assert {row["method"] for row in json.loads(told)["rows"]} == {"average", "tiny", "linear"}
    [record] = (tmp_path / "results").rglob("tiny*/record.json")
    scores = pd.read_parquet(record.parent / "scores.parquet")
    assert sorted(scores["triplet"]) == sorted(file.indices("test", rejected=True))

    model = parse_variant("tiny", "quick").build(file.times)
    assert isinstance(model, Timed)
    load_weights(record.parent / "weights.safetensors", model)
    model.eval()
    late = 0
    pairs = zip(
        stored_triplets(record.parent / FRAMES), stored_frames(record.parent / FRAMES), strict=True
    )
    for index, stored in pairs:
        frames, time = file.frames(int(index)), file.time(int(index))
        if time > 0.5:
            frames, late = frames[::-1].copy(), late + 1
        assert (predict_frame(model, frames, CPU, None, 1 / 3) == stored).all()
    assert late == len(scores) / 2
    # It has learned: what comes out is not the average.
    assert any(torch.count_nonzero(part.head.weight) for part in model.parts)


@pytest.mark.usefixtures("without_picture")
def test_weights_are_scored_where_as_many_slices_are_missing_and_refused_elsewhere(
    run: Any, gaps: dict[int, TripletFile], tmp_path: Path
) -> None:
    file = gaps[2]
    model = fresh(file)
    train(model, training_of(file, model), tmp_path, quiet)
    weights = tmp_path / "weights.safetensors"
    assert gap_of(weights) == 2
    method = f"tiny[weights={weights}]"
    words = ("--losses", "l1", "--stages", "train,predict")
    assert run(*words, dataset="thirds", methods=method)[0] == 0
    for dataset, gap in (("texture", "one slice"), ("quarters", "3 slices")):
        code, _, errors = run(*words, dataset=dataset, methods=method)
        assert code == 2
        assert f"were trained for gaps of 2 slices, and those of '{dataset}' have {gap}" in errors
        assert "Traceback" not in errors


def test_a_dataset_with_other_gaps_is_not_learned_from(
    run: Any, gaps: dict[int, TripletFile]
) -> None:
    del gaps
    code, _, errors = run(dataset="texture[trained_on=thirds]")
    assert code == 2
    assert "'thirds', which is learned from, was built with --gap 2" in " ".join(errors.split())


@pytest.mark.parametrize("gap", NAMES)
def test_a_killed_training_resumes_bit_equal(
    gaps: dict[int, TripletFile], tmp_path: Path, gap: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_CHECKPOINT_SECONDS", 0.0)
    file = gaps[gap]
    folders = [tmp_path / name for name in ("whole", "killed")]
    for folder in folders:
        folder.mkdir()
    model = fresh(file)
    train(model, training_of(file, model), folders[0], quiet)

    def kill(done: int, *_: object) -> None:
        if done == 7:
            raise KeyboardInterrupt

    model = fresh(file)
    with pytest.raises(KeyboardInterrupt):
        train(model, training_of(file, model), folders[1], kill)
    model = fresh(file, seed=99)
    train(model, training_of(file, model), folders[1], quiet, load_checkpoint(folders[1]))
    expected, resumed = (load_tensors(folder / "weights.safetensors")[0] for folder in folders)
    assert expected.keys() == resumed.keys()
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    logs = [pd.read_csv(folder / "training.csv").drop(columns="seconds") for folder in folders]
    pd.testing.assert_frame_equal(*logs)


def test_a_step_moves_the_part_of_its_time_alone(gaps: dict[int, TripletFile]) -> None:
    model = fresh(gaps[3])
    assert isinstance(model, Timed)
    training = training_of(gaps[3], model)
    sampler = CropSampler(training.file, training.train, QUICK.crop, QUICK.batch, 0, training.times)
    optimiser = torch.optim.Adam(model.parameters())
    for step in range(4):
        before = [part.head.weight.clone() for part in model.parts]
        gradient_step(model.train(), optimiser, training, step, sampler.step(step))
        moved = [
            not torch.equal(part.head.weight, weight)
            for part, weight in zip(model.parts, before, strict=True)
        ]
        assert moved == [step % 2 == 0, step % 2 == 1]


def test_a_network_that_takes_any_time_learns_all_of_a_gap(
    gaps: dict[int, TripletFile], tmp_path: Path
) -> None:
    file = gaps[2]
    torch.manual_seed(0)
    model = for_times(Rife, RifeOptions((8,), (1,), depth=1), file.times)
    training = training_of(file, model, preset=dataclasses.replace(BRIEF, samples=8))
    assert training.times == file.times
    seen = list[float]()
    model.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[2]) if module.training else None
    )
    train(model, training, tmp_path, quiet)
    assert seen == [1 / 3, 2 / 3, 1 / 3, 2 / 3]


def test_a_filter_is_fitted_on_its_time_and_the_mirrored_one(
    gaps: dict[int, TripletFile],
) -> None:
    file = gaps[3]
    model = for_times(Linear, None, file.times)
    assert isinstance(model, Timed)
    train_split = file.indices("train")
    fit(model, file, train_split)
    for time, part in zip(model.times, model.parts, strict=True):
        expected = Linear()
        frames = [(file.time(int(i)), file.frames(int(i))) for i in train_split]
        own = [each for at, each in frames if at == time]
        mirrored = [each[::-1] for at, each in frames if at == 1 - time != time]
        expected.fit([to_triplets(each[None]) for each in own + mirrored])
        assert len(own) + len(mirrored) == len(train_split) * (1 if time == 0.5 else 2) / 3
        torch.testing.assert_close(part.weight, expected.weight, rtol=1e-4, atol=1e-5)
    early, middle = (part.weight[0].sum((1, 2)) for part in model.parts)
    assert early[0] > middle[0] + 0.1  # the slice before is nearer at 1/4


def test_some_of_a_split_are_of_every_time(gaps: dict[int, TripletFile]) -> None:
    """Every second triplet of gaps of two would be of one time."""
    for gap, file in gaps.items():
        indices = file.indices("train")
        for most in (1, gap, 2 * gap, len(indices) // 2, len(indices) + 1):
            chosen = spread_over_gaps(file, indices, most)
            counts = pd.Series([file.time(int(i)) for i in chosen]).value_counts()
            assert set(counts.index) == set(file.times)
            assert (counts == counts.iloc[0]).all()
            assert len(chosen) <= max(most, gap)
            assert (np.diff(chosen) > 0).all()
        assert list(spread_over_gaps(file, indices, None)) == list(indices)


def test_the_memory_of_a_method_for_each_time_is_counted(gaps: dict[int, TripletFile]) -> None:
    file = gaps[3]
    one, model = Tiny(), fresh(file)
    plain = of_training(one, training_of(file, one, times=(0.5,)))
    timed = of_training(model, training_of(file, model))
    assert plain is not None
    assert timed is not None
    assert plain < timed < 2 * plain
    assert of_prediction(model, 80, CPU) == of_prediction(one, 80, CPU)
