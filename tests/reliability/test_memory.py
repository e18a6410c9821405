"""A run that does not fit the memory is refused in a sentence; one that fits stays below it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faults import SHARE

from bench.cells.presets import PRESETS
from bench.cells.registry import METHODS

_VOLUME = "phantom[height=576,width=576,depth=25,tile=512,stride=512]"
_GIB = 2**30
_COMMAND = """
import resource, sys
from pathlib import Path
import torch
from bench.commands.main import main

limit = int(sys.argv.pop(1))
pages = int(Path("/proc/self/statm").read_text().split()[0])
if limit:
    most = pages * resource.getpagesize() + limit
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = resident()
try:
    main()
finally:
    print(resident() - before, file=sys.stderr)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and peaks are Linux's")


def bench_run(limit: int, folder: Path, *words: object) -> tuple[int, str, str, int]:
    """Exit code, what it said, what it told, and the bytes that its peak is above its start."""
    where = ["--dataset", _VOLUME, "--data", folder / "data", "--out", folder / "results"]
    options = ["--device", "cpu", "--threads", 1, "--stages", "train,predict,score", *words]
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *map(str, [limit, "run", *where, *options])],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    *told, peak = done.stderr.splitlines()
    return done.returncode, done.stdout, "\n".join(told), int(peak)


def records(folder: Path) -> dict[str, dict[str, object]]:
    """The records that a run left, by method."""
    found = [json.loads(path.read_text()) for path in folder.rglob("record.json")]
    return {record["cell"]["method"]: record for record in found}


def test_what_does_not_fit_is_refused_and_the_other_cells_are_done(tmp_path: Path) -> None:
    """Three GiB of address space, of which the paper's ssan would take many times as much."""
    words = ["--methods", "average,ssan", "--losses", "l1", "--preset", "paper"]
    code, _, told, _ = bench_run(3 * _GIB, tmp_path, *words, "--max-triplets", 1)
    assert code == 1, told
    left = records(tmp_path)
    assert {name: record["status"] for name, record in left.items()} == {
        "linear": "done", "average": "done", "ssan": "failed",
    }  # fmt: skip
    reason = left["ssan"]["failure"]["reason"]  # type: ignore[index]
    assert reason.startswith("Training ssan l1 on 3 crops of 512 x 512 at once needs about ")
    assert "GiB are free " in reason
    assert reason in told.replace("\n", " ")


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.kind == "trained"])
def test_every_preset_trains_and_predicts_in_11_gib(
    tmp_path: Path, method: str, preset: str
) -> None:
    """Two steps with the preset's own crops and batch, and one frame of 512 x 512."""
    if not SHARE:
        pytest.skip("make soak")
    words = ["--methods", method, "--losses", "ls", "--preset", preset, "--vgg-weights", "random"]
    samples = 2 * PRESETS[preset].batch
    code, _, told, peak = bench_run(0, tmp_path, *words, "--samples", samples, "--max-triplets", 1)
    assert (code, records(tmp_path)[method]["status"]) == (0, "done"), told
    assert peak < 11 * _GIB
