"""`bench.api`: its examples run, it agrees with the commands, and it says nothing unasked."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from command import bench
from conftest import moving_texture
from tiny import patches

import methods
import segmentation
from bench.api import Results, UserError, build, open_volume, repair, results, run
from bench.api.building import WISHES
from bench.api.given_options import OF_ALL, OF_EACH
from bench.api.repair_options import RepairOptions
from bench.cells.config import RunConfig
from bench.commands.data_build import BuildWords
from bench.commands.repair import RepairWords
from bench.commands.run import RunWords
from bench.volumes.phantom import PhantomOptions, phantom_volume

ROOMS = ("volume", "building", "running", "reading", "repairing")  # in the order of a day's work
STAGES = ("train", "predict", "score")
PACKAGES = ("methods", "methods.loading", "segmentation")


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    return phantom_volume(PhantomOptions(depth=30, height=136, width=136)).raw


def write_stack(grey: np.ndarray) -> None:
    """A TIFF as ImageJ writes it, of 30 x 6 x 6 nm."""
    side = {"spacing": 0.03, "unit": "um", "axes": "ZYX"}
    resolution = (1 / 0.006, 1 / 0.006)
    tifffile.imwrite("stack.tif", grey, imagej=True, resolution=resolution, metadata=side)


def test_every_example_gives_what_it_says(
    tmp_path: Path, phantom: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The later ones read what the earlier ones have left, as somebody would who tries them."""
    monkeypatch.chdir(tmp_path)
    write_stack(phantom)
    for name in [*(f"bench.api.{room}" for room in ROOMS), *PACKAGES]:
        outcome = doctest.testmod(importlib.import_module(name))
        assert outcome.failed == 0, name
        assert outcome.attempted > 0, name


def test_a_volume_is_what_others_read_of_the_same_file(tmp_path: Path) -> None:
    grey = moving_texture(6, 64)
    tifffile.imwrite(tmp_path / "a.tif", grey)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"] = grey
        file["volumes/raw"].attrs["resolution"] = (40.0, 4.0, 4.0)
    zarr.save_array(tmp_path / "a.zarr", grey)
    read: dict[str, Callable[[Path], Any]] = {
        "a.tif": tifffile.imread,
        "a.h5": lambda path: h5py.File(path)["volumes/raw"][:],
        "a.zarr": lambda path: zarr.open_array(path, mode="r")[:],
    }
    for name, reader in read.items():
        with open_volume(tmp_path / name) as volume:
            assert (len(volume), volume.shape, volume.name) == (6, grey.shape, "a")
            np.testing.assert_array_equal(np.asarray(volume), reader(tmp_path / name))
            np.testing.assert_array_equal(volume[-1], grey[5])
            np.testing.assert_array_equal(volume[1:4:2], grey[1:4:2])
            np.testing.assert_array_equal(np.stack(list(volume)), grey)
            assert volume[4:4].shape == (0, 64, 64)
            with pytest.raises(IndexError):
                volume[6]
    with open_volume(tmp_path / "a.h5") as volume:
        assert volume.voxel_size == (40, 4, 4)
        assert volume.labels(0) is None


def test_what_is_said_of_a_volume_counts(tmp_path: Path) -> None:
    grey = moving_texture(8, 64)
    stored = (1000 + 8 * grey.astype(np.uint16)).astype(np.uint16)
    ids = np.arange(8, dtype=np.uint64)[:, None, None] * np.ones((1, 64, 64), np.uint64)
    np.save(tmp_path / "a.npy", stored)
    np.save(tmp_path / "ids.npy", ids)
    said = {"grey_range": (1000, 3040), "region": "2:8,:,10:30", "labels": tmp_path / "ids.npy"}
    with open_volume(tmp_path / "a.npy", missing=[np.int64(4), 6], **said) as volume:
        np.testing.assert_array_equal(volume[0], grey[2, :, 10:30])
        np.testing.assert_array_equal(volume.labels(1), ids[3, :, 10:30])
        assert volume.missing == {2, 4}
        with pytest.raises(UserError, match="missing"):
            volume[2]
        with pytest.raises(UserError, match="missing"):
            np.asarray(volume)
    with open_volume(tmp_path / "a.npy", missing="4,6", **said) as volume:
        assert volume.missing == {2, 4}
    with pytest.raises(UserError, match="not 8-bit"):
        open_volume(tmp_path / "a.npy")


def sentence(call: Callable[..., Any], *given: Any, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        call(*given, **options)
    return str(refused.value)


def test_what_the_commands_refuse_is_refused_in_the_same_words(
    tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, taken = tmp_path / "a.tif", tmp_path / "taken.tif"
    tifffile.imwrite(stack, moving_texture(8, 64))
    taken.write_bytes(b"mine")
    data = {"data": data_folder}
    cases = [
        (sentence(build, "x", tmp_path / "no.tif", **data), "data build x --source no.tif"),
        (sentence(build, "texture", stack, **data), "data build texture --source a.tif"),
        (sentence(build, "x", stack, tile=3, **data), "data build x --source a.tif --tile 3"),
        (
            sentence(build, "x", stack, grey_range="dark", **data),
            "data build x --source a.tif --grey-range dark",
        ),
        (
            sentence(build, "x", stack, missing="9-7", **data),
            "data build x --source a.tif --missing 9-7",
        ),
        (
            sentence(build, "x", stack, rules={"blurr": 2}, **data),
            "data build x --source a.tif --rule blurr=2",
        ),
        (
            sentence(build, "phantom", stack, download=True, **data),
            "data build phantom --source a.tif --download",
        ),
        (sentence(run, "flow", **data), "run --methods flow"),
        (sentence(run, "flwo", "texture", **data), "run --methods flwo --dataset texture"),
        (sentence(run, "flow", "textur", **data), "run --methods flow --dataset textur"),
        (
            sentence(run, "flow", "texture", seeds="-1", **data),
            "run --methods flow --dataset texture --seeds -1",
        ),
        (sentence(results, tmp_path / "none", **data), "report --out none"),
        (
            sentence(repair, stack, taken, method="dis"),
            "repair a.tif --out taken.tif --method dis",
        ),
        (
            sentence(repair, stack, tmp_path / "b.tif", method="diss"),
            "repair a.tif --out b.tif --method diss",
        ),
        (
            sentence(repair, stack, tmp_path / "b.tif", longest=0),
            "repair a.tif --out b.tif --longest 0",
        ),
        (
            sentence(repair, stack, tmp_path / "b.tif", missing=[3], plan="plan.toml"),
            "repair a.tif --out b.tif --missing 3 --plan plan.toml",
        ),
        *(
            (
                sentence(repair, stack, tmp_path / "b.tif", method="dis", **{option: value}),
                f"repair a.tif --out b.tif --method dis --{option} {value}",
            )
            for option, value in (("device", "gpu"), ("threads", 0), ("preset", "quik"))
        ),
    ]
    files = {
        name: str(tmp_path / name) for name in ("a.tif", "b.tif", "no.tif", "taken.tif", "none")
    }
    for told, words in cases:
        more = [] if words.startswith("repair") else ["--data", str(data_folder)]
        code, _, error = bench(capsys, *(files.get(word, word) for word in words.split()), *more)
        assert (code, error) == (2, f"bench: {told}\n"), words
    assert taken.read_bytes() == b"mine"
    assert not (tmp_path / "b.tif").exists()


def test_an_option_that_there_is_not_is_told_with_the_nearest() -> None:
    assert "did you mean 'missing'" in sentence(open_volume, "a.tif", mising=[3])
    assert "did you mean 'stride'" in sentence(build, "x", "a.tif", strides=3)
    assert "did you mean 'seeds'" in sentence(run, "flow", "phantom", seed=3)
    assert "did you mean 'method'" in sentence(repair, "a.tif", "b.tif", methods="dis")


def test_the_options_are_those_of_the_commands() -> None:
    def names(words: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(words)}

    own = {"name", "source", "data", "download", "replace", "as_json"}
    assert {*OF_EACH, *OF_ALL, *WISHES} == names(BuildWords) - own - {"rule"} | {"rules"}
    assert set(RunConfig.model_fields) == names(RunWords) - {"config", "as_json"}
    assert names(RepairOptions) == names(RepairWords) - {"plan_out", "sheet", "as_json"}
    there = {field.name: field.default for field in dataclasses.fields(RepairWords)}
    for field in dataclasses.fields(RepairOptions):
        assert field.default == there[field.name], field.name


def test_a_build_is_that_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", moving_texture(25, 160))
    np.save(tmp_path / "b.npy", moving_texture(25, 160, seed=1))
    said = {"tile": 80, "search": 4, "fold": 1, "rules": {"blur": 3}, "voxel_size": (30, 5, 5)}
    both = [tmp_path / "a.npy", str(tmp_path / "b.npy")]
    built = build("two", both, data=tmp_path / "mine", missing=["3", [7, 8]], **said)
    words = (
        "data", "build", "two", "--source", both[0], "--source", both[1], "--missing", "3",
        "--missing", "7,8", "--tile", 80, "--search", 4, "--fold", 1, "--rule", "blur=3",
        "--voxel-size", "30,5,5", "--data", tmp_path / "theirs", "--json",
    )  # fmt: skip
    assert capsys.readouterr() == ("", "")
    code, out, _ = bench(capsys, *words)
    assert code == 0
    assert json.loads(out)["fingerprint"] == built.fingerprint
    assert built.path == tmp_path / "mine" / "two" / "fold1" / "triplets.h5"
    one = build("one", both[0], data=tmp_path / "mine", missing=[3], tile=80, search=4)
    [told] = [words for name, words in one.told if name == "missing slices"]
    assert told == "3"


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, data_folder: Path, cells: object
) -> tuple[dict[str, Any], Results]:
    """The options of a run with membranes, and what it returned."""
    out = tmp_path_factory.mktemp("results")
    options = {"losses": "l1", "segmenter_steps": 1000, "data": data_folder, "out": out}
    with contextlib.ExitStack() as stack:
        for patch in patches():
            stack.enter_context(patch)
        return options, run(["average", "tiny"], "cells", **options)


def test_a_run_has_the_figures_of_the_command_and_results_reads_them(
    measured: tuple[dict[str, Any], Results],
    capsys: pytest.CaptureFixture[str],
    without_picture: None,
    tiny_bench: None,
) -> None:
    """Asked for the same, the command finds each cell under its key, and computes nothing."""
    options, found = measured
    code, out, error = bench(
        capsys, "run", "--methods", "average,tiny", "--dataset", "cells", "--losses", "l1",
        "--segmenter-steps", 1000, "--data", options["data"], "--out", options["out"], "--json",
    )  # fmt: skip
    assert code == 0
    assert error.count("train, predict, score, segment computed before") == 2
    told = json.loads(out)
    rows = found.cells.to_dict("records")
    names = ("method", "loss", "dataset", "fold", "seed", "preset", "status", "folder")
    assert [[row[name] for name in names] for row in rows] == [
        [row[name] for name in names] for row in told["rows"]
    ]
    assert found.answers == {each["dataset"]: each["text"] for each in told["answers"]}
    for row, theirs in zip(rows, told["rows"], strict=True):
        assert row["triplets"] == theirs["n"]
        membranes = theirs["membranes"]
        means = {
            **theirs["metrics"],
            **{f"{name}_skill": mean for name, mean in theirs["skill"].items()},
            **membranes["metrics"],
            **{f"{name}_ceiling": mean for name, mean in membranes["ceiling"].items()},
        }
        flat = {
            name + end: mean[part]
            for name, mean in means.items()
            for end, part in (("", "mean"), ("_low", "low"), ("_high", "high"))
        }
        measured = {name: row[name] for name in flat}
        assert measured == {
            name: pytest.approx(value if value is not None else np.nan, nan_ok=True)
            for name, value in flat.items()
        }
        others = found.cells.columns.difference([*flat, *names, "failure", "triplets"])
        assert pd.Series(row)[others].isna().all()  # as the skill of the null
    read = results(options["out"], options["data"])
    by_cell = ["method", "loss", "seed"]
    pd.testing.assert_frame_equal(
        read.cells.sort_values(by_cell, ignore_index=True),
        found.cells.sort_values(by_cell, ignore_index=True),
    )
    assert read.answers == found.answers


def test_means_and_ratios_are_those_of_the_triplets(
    measured: tuple[dict[str, Any], Results],
) -> None:
    _, found = measured
    for row in found.cells.to_dict("records"):
        own = found.triplets[found.triplets["method"] == row["method"]]
        assert len(own) == row["triplets"]
        for metric in ("psnr", "ssim", "frc_10", "dice", "adapted_rand_error"):
            assert own[metric].mean() == pytest.approx(row[metric])
        carried = own["neurites_carried"].sum() / own["neurites"].sum()
        assert carried == pytest.approx(row["carried"])


def test_membranes_are_those_of_the_segmenter_of_a_run(
    measured: tuple[dict[str, Any], Results],
) -> None:
    folder = Path(measured[1].cells.loc[0, "folder"])
    [weights] = folder.parent.glob("segmenter-*/weights.safetensors")
    network, thresholds = segmentation.load(weights)
    with h5py.File(folder / "frames.h5") as frames, h5py.File(folder / "membranes.h5") as masks:
        for frame, mask in zip(frames["frames"][:3], masks["masks"][:3], strict=True):
            probability = segmentation.membrane_probability(network, frame)
            # One slice and a batch of them may differ in the last bits, on some processors.
            told = abs(probability - thresholds.mask) > 1e-5
            assert told.mean() > 0.99
            np.testing.assert_array_equal((probability > thresholds.mask)[told], mask[told])


def test_a_cell_that_fails_says_why_and_stops_no_other(
    tmp_path: Path,
    data_folder: Path,
    texture: object,
    tiny_bench: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = {"losses": "l1", "stages": STAGES, "data": data_folder, "out": tmp_path}
    lines: list[str] = []
    found = run(["tiny[fail=train]", "average"], "texture", **said, tell=lines.append)
    assert capsys.readouterr() == ("", "")
    cells = found.cells.set_index("method")
    assert cells["status"].to_dict() == {
        "linear": "done", "average": "done", "tiny[fail=train]": "failed",
    }  # fmt: skip
    assert cells.loc["tiny[fail=train]", "failure"] == "out of luck\nsecond line"
    assert np.isnan(cells.loc["tiny[fail=train]", "psnr"])
    assert set(found.triplets["method"]) == {"linear", "average"}
    assert any("out of luck" in line for line in lines)


def test_a_repair_is_that_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 12-bit values, so that the arrays are what is shown of what was written."""
    grey = moving_texture(14, 96)
    stack, out = tmp_path / "stack.tif", tmp_path / "whole.tif"
    tifffile.imwrite(stack, (16 * grey.astype(np.uint16)).astype(np.uint16))
    done = repair(
        stack, out, missing=[4, 8, 9, 13], method="average", grey_range=(0, 4080),
        mask_out=tmp_path / "mask.tif",
    )  # fmt: skip
    assert capsys.readouterr() == ("", "")
    code, told, _ = bench(
        capsys, "repair", stack, "--missing", "4,8-9,13", "--method", "average", "--grey-range",
        "0,4080", "--out", tmp_path / "theirs.tif", "--json",
    )  # fmt: skip
    assert code == 0
    written, theirs = tifffile.imread(out), tifffile.imread(tmp_path / "theirs.tif")
    np.testing.assert_array_equal(written, theirs)
    record = json.loads(told)["repair"]
    assert done.slices["slice"].tolist() == [4, 8, 9]
    assert done.path == out
    for row, each in zip(done.slices.to_dict("records"), record["slices"], strict=True):
        for name in ("slice", "filled", "before", "after", "fraction", "mean_error", "note"):
            assert row[name] == each[name]
        for metric, score in each["expected"].items():
            assert [row[metric], row[f"{metric}_low"], row[f"{metric}_high"]] == [
                score["score"], score["low"], score["high"],
            ]  # fmt: skip
    for z in (4, 8, 9):
        np.testing.assert_array_equal(done.grey(z), np.rint(written[z] / 16).astype(np.uint8))
        error = done.error(z)
        assert error.shape == (96, 96)
        assert error.mean() == pytest.approx(
            done.slices.set_index("slice").loc[z, "mean_error"], abs=0.5
        )
    assert done.left.to_dict("records") == [
        {"slice": 13, "reason": "missing", "note": "there is no slice after it"}
    ]
    assert (tmp_path / "mask.tif").exists()
    assert done.folder is not None
    assert (done.folder / "index.html").exists()
    with pytest.raises(UserError, match=r"Slice 5 was not filled; those that were: 4, 8, 9\."):
        done.grey(5)


def test_the_record_has_the_numbers_that_a_generator_gave(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", moving_texture(14, 96))
    numbers = (z for z in (4, 8))
    done = repair(tmp_path / "stack.tif", tmp_path / "b.tif", missing=numbers, method="average")
    assert done.record is not None
    assert done.record.options["missing"] == "4, 8"


def test_the_first_channel_is_that_of_the_triplets_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stop(config: RunConfig) -> None:
        asked.append(config)
        raise UserError("far enough")

    np.save(tmp_path / "two.npy", np.stack([moving_texture(14, 96)] * 2))
    monkeypatch.setattr("bench.repair.choose.compute", stop)
    options = {"axes": "czyx", "channel": 0, "missing": [4], "data": tmp_path, "results": tmp_path}
    with pytest.raises(UserError, match="far enough"):
        repair(tmp_path / "two.npy", tmp_path / "whole.tif", **options)
    assert [config.channel for config in asked] == [0]


def test_one_text_is_not_taken_for_a_list_of_letters() -> None:
    told = sentence(build, "x", ["a.tif", "b.tif", "c.tif"], missing="105")
    assert told.endswith("so is --missing: one for each volume, not '105'.")


def test_of_a_sound_volume_nothing_is_filled_or_written(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", moving_texture(14, 96))
    done = repair(tmp_path / "stack.tif", tmp_path / "whole.tif", method="average")
    assert (done.path, done.folder) == (None, None)
    assert (len(done.slices), len(done.left)) == (0, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["stack.tif"]


def test_the_interface_is_there_before_torch_is() -> None:
    heavy = "print(*sorted({'torch', 'matplotlib', 'distributed', 'typer'} & set(sys.modules)))"
    for name in ("bench.api", "methods", "segmentation"):
        script = f"import sys, {name}\n{heavy}"
        told = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == "", name


def test_methods_alone_makes_the_frames_that_a_run_has_stored(
    tmp_path: Path, data_folder: Path, texture: object
) -> None:
    said = {"stages": "train,predict,score", "data": data_folder, "out": tmp_path}
    found = run(["flow", "bspline"], "texture", **said).cells.set_index("method")
    with h5py.File(data_folder / "texture" / "fold0" / "triplets.h5") as file:
        frames = file["frames"]
        for name, weights in (("flow", None), ("bspline", None), ("linear", "weights.safetensors")):
            folder = Path(found.loc[name, "folder"])
            method = methods.load(name, None if weights is None else folder / weights)
            with h5py.File(folder / "frames.h5") as stored:
                for index, frame in zip(stored["triplets"][:3], stored["frames"][:3], strict=True):
                    before, _, after = frames[int(index)]
                    np.testing.assert_array_equal(methods.synthesise(method, before, after), frame)
