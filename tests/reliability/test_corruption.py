"""Damaged files: named by `bench verify`, set aside by `bench run`, and computed again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile
from conftest import moving_texture
from faults import Answer, difference, flip, rows, run_words, times

from bench.triplets.build import build
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile
from bench.triplets.options import BuildOptions
from bench.volumes.cards import load_card
from bench.volumes.sources import open_volume

# A file of each kind, as a pattern below the results of `finished`.
FILES = {
    "weights": "runs/cells/tiny-*/weights.safetensors",
    "frames": "runs/cells/tiny-*/frames.h5",
    "scores": "runs/cells/tiny-*/scores.parquet",
    "membranes": "runs/cells/tiny-*/membranes.parquet",
    "masks": "runs/cells/tiny-*/membranes.h5",
    "record": "runs/cells/tiny-*/record.json",
    "segmenter": "runs/cells/segmenter-*/weights.safetensors",
    "ceiling": "runs/cells/segmenter-*/ceiling.parquet",
    "segmenter record": "runs/cells/segmenter-*/segmenter.json",
}


def damages(whole: bytes, seed: str) -> list[bytes]:
    """Copies with one flipped bit each, and copies cut short."""
    where = random.Random(seed)
    found = []
    for _ in times(10, 100):
        content = bytearray(whole)
        content[where.randrange(len(whole))] ^= 1 << where.randrange(8)
        found.append(bytes(content))
    return found + [whole[: where.randrange(len(whole))] for _ in times(2, 25)]


@pytest.mark.parametrize("kind", FILES)
def test_verify_names_every_damaged_file(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path, tally, kind: str
) -> None:
    out, _ = finished
    (path,) = out.glob(FILES[kind])
    whole = path.read_bytes()
    for damaged in damages(whole, kind):
        path.write_bytes(damaged)
        code, said, _ = command("verify", "--out", out, "--data", data, "--json")
        named = [problem["file"] for problem in json.loads(said)["problems"]]
        if code == 1 and named == [str(path)]:
            fate = "survived"
        elif path.suffix == ".json" and same_content(damaged, whole):
            fate = "survived"  # a space between two words became another
        else:
            fate = "silent"
        tally(f"a flipped bit or a cut: {kind}", fate, (code, named))
    path.write_bytes(whole)
    assert command("verify", "--out", out, "--data", data)[0] == 0


def same_content(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False


# Damaged together, so that a sample takes three runs: no two in one folder.
TOGETHER = [
    {"tiny": "weights.safetensors", "average": "frames.h5", "linear": "scores.parquet",
     "segmenter": "weights.safetensors"},
    {"tiny": "membranes.parquet", "average": "membranes.h5", "linear": "record.json",
     "segmenter": "ceiling.parquet"},
    {"segmenter": "segmenter.json", "tiny": "frames.h5"},
]  # fmt: skip


@pytest.mark.parametrize("together", TOGETHER)
def test_a_run_sets_damaged_files_aside_and_computes_them_again(
    command: Callable[..., Answer],
    finished: tuple[Path, str],
    data: Path,
    tally,
    together: dict[str, str],
) -> None:
    out, expected = finished
    paths = [next(out.glob(f"runs/cells/{cell}-*/{name}")) for cell, name in together.items()]
    for number in times(1, 5):
        damaged = []
        for path in paths:
            flip(path, 8 * (path.stat().st_size // 2) + number)
            damaged.append(path.read_bytes())
        code, said, told = command(*run_words(data, out))
        for path, content in zip(paths, damaged, strict=True):
            kept = [file.read_bytes() for file in path.parent.glob(f"{path.name}*.corrupt")]
            sentences = [line for line in told.splitlines() if f"{path} is damaged" in line]
            good = code == 0 and rows(said) == expected and content in kept and len(sentences) == 1
            what = (path, code, content in kept, len(sentences), difference(rows(said), expected))
            tally("set aside and computed again", "survived" if good else "lost", what)
    code, said, _ = command("verify", "--out", out, "--data", data, "--json")
    assert (code, json.loads(said)["problems"]) == (0, [])
    assert any("set aside earlier" in note for note in json.loads(said)["notes"])


def test_only_the_stage_of_the_damaged_file_and_what_follows_is_computed_again(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path
) -> None:
    out, _ = finished
    (frames,) = out.glob(FILES["frames"])
    flip(frames, 8 * 5000)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*") if path.name != ".lock"}
    command(*run_words(data, out), "--stages", "predict,score")
    changed = {
        path for path in before if path.is_file() and path.stat().st_mtime_ns != before[path]
    }
    names = {"record.json", "frames.h5", "scores.parquet"}
    assert changed == {frames.with_name(name) for name in names}


def test_a_missing_file_and_a_missing_folder_are_problems_too(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path, tmp_path: Path
) -> None:
    out, _ = finished
    (frames,) = out.glob(FILES["frames"])
    frames.unlink()
    code, said, _ = command("verify", "--out", out, "--data", data)
    assert code == 1
    assert f"PROBLEM  {frames} is missing; repeat the run" in said
    code, _, told = command("verify", "--out", tmp_path / "nowhere")
    assert (code, len(told.splitlines())) == (2, 1)


def test_a_dataset_that_is_not_at_hand_is_a_note(
    command: Callable[..., Answer], finished: tuple[Path, str], tmp_path: Path
) -> None:
    code, said, _ = command("verify", "--out", finished[0], "--data", tmp_path)
    assert code == 0
    assert "triplets.h5, which records name, is not there: not checked" in said


def test_a_damaged_dataset_is_named_and_never_computed_with(
    command: Callable[..., Answer],
    finished: tuple[Path, str],
    own_data: Path,
    tmp_path: Path,
    tally,
) -> None:
    path = dataset_path(own_data, "cells", 0)
    whole = path.read_bytes()
    for damaged in damages(whole, "triplets"):
        path.write_bytes(damaged)
        answers = [
            command("data", "verify", "cells", "--data", own_data),
            command("verify", "--out", finished[0], "--data", own_data),
        ]
        code, _, told = command(*run_words(own_data, tmp_path / "new"))
        named = all(answer[0] == 1 and str(path) in answer[1] for answer in answers)
        refused = code == 2 and f"{path} is damaged" in told and "--source" in told
        fate = "survived" if named and refused else "silent"
        tally("a flipped bit or a cut: triplets", fate, (answers, told))
        assert path.read_bytes() == damaged
    assert not list((tmp_path / "new").rglob("record.json"))


@pytest.mark.parametrize("part", ["pixels", "header"])
def test_a_damaged_dataset_is_built_anew_where_its_source_is_at_hand(
    command: Callable[..., Answer], tmp_path: Path, part: str
) -> None:
    source, path = tmp_path / "grey.tif", dataset_path(tmp_path / "data", "grey", 0)
    tifffile.imwrite(source, moving_texture(side=96))
    tifffile.imwrite(tmp_path / "other.tif", moving_texture(side=96, seed=1))
    options = BuildOptions(tile=48, stride=48, search=4)
    with open_volume(source) as volume:
        build("grey", [volume], load_card("grey"), options, path)
    known = TripletFile(path).fingerprint
    if part == "pixels":
        flip(path, 8 * (path.stat().st_size // 2))
        other = run_words(path.parents[2], tmp_path / "r", "grey")
        _, _, told = command(*other, "--source", tmp_path / "other.tif")
        assert "was built from another volume" in told
    else:
        flip(path, 0)
    damaged = path.read_bytes()
    words = run_words(path.parents[2], tmp_path / "results", "grey")
    code, _, told = command(*words, "--source", source, "--stages", "train")
    aside = path.with_name("triplets.h5.corrupt")
    assert aside.read_bytes() == damaged
    assert f"{path} is damaged" in told
    if part == "pixels":
        assert code == 0, told
        assert TripletFile(path).fingerprint == known
    else:  # its options could not be read, and tiles of 512 do not fit: told, and nothing lost
        assert (code, path.exists()) == (2, False)
        assert "the options of its card" in told
