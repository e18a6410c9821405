"""Kill a run at random moments; the same command goes on and ends with the same table."""

from __future__ import annotations

import json
import random
import signal
from functools import partial
from pathlib import Path

import pytest
import tifffile
from conftest import neurites
from faults import difference, rows, times
from processes import interrupt, kill, start

# Where a kill may strike, and how many steps each has at least in the run below.
PLACES = {
    "writing": 100, "train": 110, "predict": 15, "build": 40, "score": 15, "segment": 15,
    "segmenter": 5,
}  # fmt: skip
# Which stage has left a file; the others are logs, pictures and records.
STAGES = {
    "triplets.h5": "build", "weights.safetensors": "train", "frames.h5": "predict",
    "scores.parquet": "score", "membranes.h5": "segment", "membranes.parquet": "segment",
    "ceiling.h5": "train", "ceiling.parquet": "train",
}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a volume and its labels."""
    folder = tmp_path_factory.mktemp("source")
    grey, ids = neurites(side=96)  # a tile a slice
    tifffile.imwrite(folder / "grey.tif", grey)
    tifffile.imwrite(folder / "ids.tif", ids)
    return folder


def six_cells(source: Path, folder: Path) -> list[object]:
    """Six cells with all stages, on a dataset that the run has to build first."""
    return [
        "run", "--methods", "average,tiny,tiny[width=6]", "--losses", "l1", "--seeds", "0,1",
        "--dataset", "grown", "--source", source / "grey.tif", "--labels", source / "ids.tif",
        "--segmenter-steps", 500, "--data", folder / "data", "--out", folder / "results",
        "--threads", 1, "--json",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    code, said, told = start(six_cells(source, folder), folder).end()
    assert code == 0, told
    table = rows(said)
    assert table.count('"status": "done"') == 6, table
    return table


def products(folder: Path) -> dict[Path, int]:
    """When each file that a stage has left was written."""
    files = [path for path in folder.rglob("*") if path.name in STAGES]
    return {path: path.stat().st_mtime_ns for path in files}


def computed_again(before: dict[Path, int]) -> set[tuple[Path, str]]:
    """The stages whose files were there and are other ones now."""
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    return {(path.parent, STAGES[path.name]) for path in changed}


@pytest.mark.timeout(7200)
def test_a_killed_run_goes_on(source: Path, whole: str, tmp_path: Path, tally) -> None:
    for number in times(2, 20):
        where, folder = random.Random(number), tmp_path / str(number)
        place = list(PLACES)[number % len(PLACES)]
        # The run that goes on is killed too, as it writes one of its next files.
        moments = [
            (place, where.randint(1, PLACES[place]), where.uniform(0, 0.05)),
            ("writing", where.randint(1, 4), where.uniform(0, 0.05)),
        ]
        words, again, codes = six_cells(source, folder), [], []
        before: dict[Path, int] = {}
        for moment in (*moments, None):
            prepare = partial(kill, *moment) if moment else None
            code, said, told = start(words, folder, prepare).end()
            codes.append(code)
            again.append(computed_again(before))
            before = products(folder)
        stray = [*folder.rglob(".tmp-*"), *folder.rglob("checkpoint.safetensors")]
        what = (moments, codes, again, stray, told, difference(rows(said), whole))
        good = codes[0] == -signal.SIGKILL and code == 0 and not stray
        good &= all(len(stages) <= 1 for stages in again)
        same = "survived" if rows(said) == whole else "silent"
        tally(f"SIGKILL in {place}, and of the resumed run", same if good else "lost", what)


@pytest.mark.timeout(7200)
def test_ctrl_c_leaves_a_record_that_says_so_and_the_run_goes_on(
    source: Path, whole: str, tmp_path: Path, tally
) -> None:
    stages = ["train", "predict", "score", "segment"]
    for number in times(1, 4):
        folder, stage = tmp_path / str(number), stages[number]
        words = six_cells(source, folder)
        steps = random.Random(number).randint(1, PLACES[stage])
        code, _, told = start(words, folder, partial(interrupt, stage, steps)).end()
        records = [json.loads(path.read_text()) for path in folder.rglob("record.json")]
        stopped = sorted(record["status"] for record in records if record["status"] != "done")
        good = code == 130 and "the same command goes on" in told.splitlines()[-1]
        good &= stopped == ["interrupted"]
        again, said, _ = start(words, folder).end()
        fate = "survived" if good and again == 0 and rows(said) == whole else "lost"
        tally("Ctrl-C", fate, (code, stopped, told, difference(rows(said), whole)))
