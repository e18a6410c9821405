"""Hostile and mutated input: one sentence, nothing run, nothing written over."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from faults import Answer, times
from PIL import Image

from bench.data.volumes import open_volume
from bench.errors import UserError
from bench.files import content_digest
from bench.store import RECORD, SCHEMA, Record, Store, now


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.mark,)


def one_sentence(answer: Answer) -> bool:
    code, _, told = answer
    lines = told.splitlines()
    return (
        code == 2 and len(lines) == 1 and lines[0].startswith("bench: ") and lines[0].isprintable()
    )


@pytest.mark.parametrize("ending", [".h5", ".hdf", ".hdf5", ".tif", ".tiff", "/a.png", "/a.tif"])
def test_a_pickle_named_as_a_volume_is_refused_and_does_not_run(
    command: Callable[..., Answer], tmp_path: Path, tally, ending: str
) -> None:
    mark, file = tmp_path / "mark", tmp_path / f"trap{ending}"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(pickle.dumps(Trap(mark)))
    source = file.parent if "/" in ending else file
    answer = command("data", "build", "mine", "--source", source, "--data", tmp_path / "data")
    fate = "survived" if one_sentence(answer) and not mark.exists() else "lost"
    tally("a pickle under an accepted ending", fate, answer)


@pytest.mark.parametrize("option", ["--segmenter", "--vgg-weights", "--config"])
def test_a_pickle_named_as_weights_is_refused_and_does_not_run(
    command: Callable[..., Answer], data: Path, tmp_path: Path, tally, option: str
) -> None:
    mark, file = tmp_path / "mark", tmp_path / "trap.safetensors"
    file.write_bytes(pickle.dumps(Trap(mark)))
    words = ["run", "--methods", "tiny", "--dataset", "cells", "--losses", "lf", "--data", data]
    answer = command(*words, "--out", tmp_path / "results", option, file)
    fate = "survived" if one_sentence(answer) and not mark.exists() else "lost"
    tally("a pickle under an accepted ending", fate, answer)


NAMES = ["../evil", "/tmp/evil", "a" * 300, "a\nb", "a\x1bb", "<script>", "\\input{evil}", ""]


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_of_a_dataset_stays_in_its_folder(
    command: Callable[..., Answer], tmp_path: Path, tally, name: str
) -> None:
    source = tmp_path / "grey.tif"
    tifffile.imwrite(source, np.zeros((5, 40, 40), np.uint8))
    folder = tmp_path / "inner" / "data"
    answers = [
        command("data", "build", name, "--source", source, "--data", folder),
        command("run", "--methods", "average", "--dataset", name, "--data", folder),
    ]
    there = {path for path in tmp_path.rglob("*") if not path.is_relative_to(tmp_path / "inner")}
    good = all(one_sentence(answer) for answer in answers) and there == {source}
    tally("a hostile name", "survived" if good else "lost", answers)


@pytest.mark.parametrize("file", ["../record.json", "/etc/passwd", "a/b"])
def test_a_record_cannot_name_a_file_outside_its_folder(tmp_path: Path, tally, file: str) -> None:
    cell = {"method": "m", "loss": "-", "dataset": "d", "fold": 0, "seed": 0, "preset": "-"}
    record = Record(status="done", cell=cell, key="k", config={}, started=now())
    content = record.model_dump(mode="json")
    content["stages"] = {"score": {"key": "k", "revision": 1, "file": file, "seconds": 1.0}}
    (tmp_path / RECORD).write_text(json.dumps(content | {"digest": content_digest(content)}))
    with pytest.raises(UserError, match="not a record"):
        Store(tmp_path).load(tmp_path)
    tally("a hostile name", "survived")


def mutated(content: bytes, where: random.Random) -> bytes:
    """A few bytes changed, a piece cut out or repeated."""
    result = bytearray(content)
    for _ in range(where.randrange(1, 6)):
        at, length = where.randrange(len(result)), where.randrange(1, 40)
        how = where.randrange(4)
        if how == 0:
            result[at] = where.randrange(256)
        elif how == 1:
            result[at : at + length] = where.randbytes(length)
        elif how == 2:
            del result[at : at + length]
        else:
            result[at:at] = result[at : at + length]
        result = result or bytearray(b"\0")
    return bytes(result)


def volumes(folder: Path) -> list[Path]:
    grey = np.random.default_rng(0).integers(0, 256, (4, 24, 24), dtype=np.uint8)
    tifffile.imwrite(folder / "a.tif", grey)
    tifffile.imwrite(folder / "b.tif", grey, compression="zlib")
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=grey, chunks=(1, 8, 8), compression="gzip")
    (folder / "pngs").mkdir()
    for z, image in enumerate(grey):
        Image.fromarray(image).save(folder / "pngs" / f"{z}.png")
    return [folder / "a.tif", folder / "b.tif", folder / "a.h5", folder / "pngs" / "1.png"]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # a decoder may warn of what it then refuses
def test_mutated_volumes_are_read_or_refused_in_one_sentence(tmp_path: Path, tally) -> None:
    where = random.Random(0)
    whole = {path: path.read_bytes() for path in volumes(tmp_path)}
    for _ in times(25, 125):
        for path, content in whole.items():
            path.write_bytes(mutated(content, where))
            kept = path.read_bytes()
            source = path.parent if path.suffix == ".png" else path
            try:
                with open_volume(source) as volume:
                    for z in range(min(volume.shape[0], 8)):
                        volume.slice(z)
                fate, why = "survived", ""
            except UserError as error:
                why = str(error)
                fate = "survived" if "\n" not in why else "lost"
            except Exception as error:
                fate, why = "lost", repr(error)
            tally("a mutated TIFF, HDF5 or PNG", fate if path.read_bytes() == kept else "lost", why)
            path.write_bytes(content)


@pytest.mark.timeout(600)
def test_mutated_configurations_end_in_one_sentence(
    command: Callable[..., Answer], tmp_path: Path, tally
) -> None:
    """Every configuration is refused before any work: its dataset is not built."""
    where, file = random.Random(1), tmp_path / "run.toml"
    sound = (
        b'methods = ["average", "tiny[width=6]"]\ndataset = "nowhere"\nlosses = "l1,ls[beta=1]"\n'
        b'seeds = [0, 1]\nfold = 1\npreset = "quick"\nmax-triplets = 3\nthreads = 1\n'
        b'stages = ["train"]\nsegmenter-steps = 5\n'
    )
    for _ in times(100, 2000):
        content = mutated(sound, where)
        file.write_bytes(content)
        try:
            answer = command(
                "run", "--config", file, "--data", tmp_path / "data", "--out", tmp_path / "results",
            )  # fmt: skip
            good = one_sentence(answer) and file.read_bytes() == content
        except Exception as error:
            answer, good = repr(error), False
        tally("a mutated configuration", "survived" if good else "lost", (content, answer))
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]


def test_records_of_every_schema_load(tmp_path: Path, tally) -> None:
    """One folder for each schema there ever was; a new one needs a new file here."""
    old = Path(__file__).parent / "records"
    assert [path.name for path in sorted(old.iterdir())] == [
        f"schema{number}" for number in range(1, SCHEMA + 1)
    ]
    for folder in old.iterdir():
        record = Store(tmp_path).load(folder)
        assert record is not None
        assert record.stages["score"].digests == {"scores.parquet": "0" * 64}
        tally("a record of an earlier schema", "survived")
