"""Files that others name, write or damage: read as they are meant, or told of in one sentence."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from command import bench
from conftest import moving_texture
from report_store import PSNR, add, add_ceiling, membranes, scores

from bench.base.errors import UserError
from bench.base.parquet import read_table, write_table
from bench.cells.config import load_config
from bench.triplets.dataset_paths import dataset_path
from bench.triplets.file import TripletFile

SMALL = ("--tile", 80, "--stride", 80, "--search", 4)
LATIN = os.fsdecode(b"caf\xe9")  # as an old disk has it: not UTF-8
latin = pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="UTF-8 names only")


def volume(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, moving_texture(), photometric="minisblack")
    return path


@latin
@pytest.mark.usefixtures("without_picture")
def test_names_that_are_not_utf_8_go_through_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output is as a desktop has it: strict."""
    strict = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    monkeypatch.setattr("sys.stdout", strict)
    data, out = tmp_path / LATIN / "data", tmp_path / LATIN / "results"
    source = volume(tmp_path / LATIN / f"{LATIN}.tif")
    folders = ("--data", data, "--out", out)
    run = ("run", "--methods", "average", "--losses", "l1", "--stages", "train,predict,score")
    for words in (
        ("data", "build", "cafe", "--source", source, "--data", data, *SMALL),
        ("data", "info", "cafe", "--data", data),
        ("data", "verify", "cafe", "--data", data),
        (*run, "--dataset", "cafe", *folders),
        ("report", "--tables", "4", *folders),
        ("verify", *folders),
    ):
        code, _, told = bench(capsys, *words)
        assert code == 0, (words, told)
    assert "caf\\udce9" in strict.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]
    keys = TripletFile(dataset_path(data, "cafe", 0)).keys
    assert set(keys["volume"]) == {"caf\\udce9"}


def test_a_volume_called_reference_is_a_volume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reference of the histograms has a name of its own in the file."""
    built = {}
    for name in ("reference", "stack"):
        source = volume(tmp_path / f"{name}.tif")
        words = ("data", "build", name, "--source", source, "--data", tmp_path, *SMALL)
        assert bench(capsys, *words)[0] == 0
        built[name] = TripletFile(dataset_path(tmp_path, name, 0))
    assert np.array_equal(built["reference"].frames(0), built["stack"].frames(0))


def test_a_configuration_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('methods = "average"\ndataset = "phantom"\n', encoding="utf-8-sig")
    assert load_config(path, {}).methods == ("average",)


@pytest.mark.parametrize("command", [("data", "build", "mine"), ("run", "--methods", "average")])
def test_a_pattern_that_the_shell_expanded_asks_for_the_folder(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [f"z{number:04}.png" for number in range(300)]
    code, _, told = bench(capsys, *command, "--source", *files, "--data", "d")
    assert code == 2
    assert "put 300 files in the place of the pattern; give their folder" in told
    assert len(told) < 200


# Damaged files.


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def unreadable(path: Path) -> None:
    """For root too, who may read anything."""
    path.unlink()
    path.mkdir()


DAMAGES = pytest.mark.parametrize("damage", [cut, emptied, unreadable])


@DAMAGES
def test_a_damaged_table_is_a_sentence(damage, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "table.parquet"
    table = pd.DataFrame({"triplet": range(100), "psnr": np.linspace(20, 30, 100)})
    write_table(table, path)
    assert read_table(path, None).equals(table)
    damage(path)
    with pytest.raises(UserError, match=r"table.parquet (is cut short|cannot be read \(Is a)"):
        read_table(path, None)


@DAMAGES
def test_a_damaged_ceiling_costs_the_report_only_the_gaps(  # type: ignore[no-untyped-def]
    damage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "linear", table=scores("linear", PSNR["linear"]), segmented=membranes(0.6))
    add(tmp_path, "flow", table=scores("flow", PSNR["flow"]), segmented=membranes(0.7))
    damage(add_ceiling(tmp_path) / "ceiling.parquet")
    words = ("--tables", "4,5", "--out", tmp_path, "--data", tmp_path)
    code, _, told = bench(capsys, "report", *words, "--format", "csv")
    assert code == 0
    assert told.count("ceiling.parquet") == 1
    assert "Flow" in (tmp_path / "report/table4.csv").read_text()
    assert (
        "no ceiling: its file on mouse_triplet is damaged"
        in (tmp_path / "report/table5.csv").read_text()
    )


@pytest.mark.parametrize("content", ["", "step,l1\n1,0.2\n2,0.", "step,l1\n1,x\n", "\0\xff"])
def test_a_damaged_log_leaves_its_figure_out(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = add(tmp_path, "sepconv", "l1", table=scores("s", 25))
    (folder / "training.csv").write_text(content, encoding="latin-1")
    words = ("--figures", "learning", "--out", tmp_path, "--data", tmp_path)
    code, _, told = bench(capsys, "report", *words)
    assert code == 0
    whole = content.endswith("0.")  # a line that ends early, but not within a word
    assert ("training.csv cannot be read" in told) is not whole


@DAMAGES
@pytest.mark.parametrize("name", ["triplets.h5", "triplets.h5.sha256"])
def test_a_damaged_dataset_is_told_by_every_command_that_reads_it(  # type: ignore[no-untyped-def]
    damage, name: str, data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = dataset_path(data_folder, "texture", 0)
    path = dataset_path(tmp_path, "texture", 0)
    path.parent.mkdir(parents=True)
    for each in ("triplets.h5", "triplets.h5.sha256"):
        (path.parent / each).write_bytes((source.parent / each).read_bytes())
    damage(path.parent / name)
    code, out, told = bench(capsys, "data", "verify", "texture", "--data", tmp_path)
    assert (code, told) == (1, "")
    assert str(path.parent / name) in out

    about = {"fingerprint": TripletFile(source).fingerprint}
    results = tmp_path / "results"
    add(results, "linear", table=scores("linear", 20), dataset="texture", about=about)
    code, out, _ = bench(capsys, "verify", "--out", results, "--data", tmp_path, "--json")
    assert code == 1
    assert str(path.parent / name) in json.loads(out)["problems"][0]["problem"]
    code, _, _ = bench(capsys, "report", "--tables", "4", "--out", results, "--data", tmp_path)
    assert code == 0
    run = ("--methods", "average", "--dataset", "texture", "--stages", "predict")
    code, _, told = bench(capsys, "run", *run, "--out", results, "--data", tmp_path)
    assert code == 2
    assert str(path.parent) in told.splitlines()[-1]


def test_a_file_that_the_system_refuses_is_a_sentence_in_any_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(tmp_path, "linear", table=scores("linear", 20))
    (tmp_path / "report").write_text("a file in the way of the folder")
    code, _, told = bench(capsys, "report", "--tables", "4", "--out", tmp_path)
    assert code == 2
    assert told.splitlines()[-1].startswith(f"bench: {tmp_path / 'report'} cannot be")
