"""`bench repair --jobs 2` and `--scheduler`: the bytes of one process, whoever dies on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
from clusters import Cluster, children, is_worker, open_as, wait_until
from conftest import moving_texture
from processes import kill_workers, start, write_slowly
from test_repair_kill import content

MISSING = "4,8-9,13,15"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack in which a slice is blank, and a place of another one damaged."""
    folder = tmp_path_factory.mktemp("source")
    grey = moving_texture(24, 96)
    grey[4] = 0
    tifffile.imwrite(folder / "stack.tif", (1000 + 80 * grey.astype(np.uint16)))
    (folder / "boxes.csv").write_text("z,y0,y1,x0,x1\n18,20,50,30,70\n")
    return folder


def repair(source: Path | str, folder: Path, *more: object) -> list[object]:
    return [
        "repair", f"{source}/stack.tif", "--missing", MISSING, "--defects", f"{source}/boxes.csv",
        "--grey-range", "auto", "--method", "dis", "--threads", 1, "--out", folder / "whole.tif",
        *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process leaves."""
    folder = tmp_path_factory.mktemp("whole")
    code, _, told = start(repair(source, folder), folder).end()
    assert code == 0, told
    return content(f"{folder}/whole.tif")


def kept(folder: Path) -> dict[str, float]:
    """When each slice that is kept was vouched for."""
    found = folder.glob("whole.tif-repair/filled/[0-9]*.json")
    return {path.name: path.stat().st_mtime for path in found}


@pytest.mark.parametrize("killed", [False, True], ids=["all live", "one is killed"])
def test_two_workers_leave_what_one_process_does(
    source: Path, whole: dict[str, str], tmp_path: Path, tally, killed: bool
) -> None:
    prepare = partial(kill_workers, ["writing"], 5, tmp_path / "here") if killed else None
    (tmp_path / "here").mkdir()
    run = start(repair(source, tmp_path, "--jobs", 2), tmp_path, prepare).end()
    assert (tmp_path / "here/writing").exists() == killed
    same = content(f"{tmp_path}/whole.tif") == whole
    fate = ("survived" if same else "silent") if run[0] == 0 else "lost"
    tally("SIGKILL of a worker of a repair" if killed else "two workers of a repair", fate, run)
    assert run[2].count("the dashboard of Dask: http") == 1
    assert "fill: 6/6 slices" in run[2]


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", -9)])
def test_workers_end_with_their_repair_and_what_was_filled_stays(
    source: Path, whole: dict[str, str], tmp_path: Path, tally, sent: str, code: int
) -> None:
    words = repair(source, tmp_path, "--jobs", 2)
    run = start(words, tmp_path, partial(write_slowly, 0.3))
    run.wait_until(lambda: bool(kept(tmp_path)))
    workers = list(filter(is_worker, children(run.process.pid)))
    assert len(workers) == 2
    os.kill(run.process.pid, getattr(signal, sent))
    ended = run.end()
    wait_until(lambda: not any(map(is_worker, workers)), "a worker stays behind")
    before = kept(tmp_path)
    good = ended[0] == code and "Traceback" not in ended[2] and 0 < len(before) < 6
    if sent != "SIGKILL":
        good &= ended[2].endswith("bench: interrupted; the same command goes on from here.\n")
        good &= not list(tmp_path.rglob(".run-*"))
    again = start(repair(source, tmp_path), tmp_path).end()
    same = again[0] == 0 and content(f"{tmp_path}/whole.tif") == whole
    tally(f"{sent} of a repair with workers", "survived" if good and same else "lost", ended)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.close()


def test_a_cluster_leaves_what_one_process_does_and_serves_two_repairs(
    cluster: Cluster, source: Path, whole: dict[str, str], tmp_path: Path, tally
) -> None:
    """None is there at first; those that join stay when the first repair is over."""
    runs = []
    for name in ("one", "other"):
        words = repair(source, tmp_path / name, "--scheduler-file", cluster.file)
        runs.append(start(words, tmp_path / name))
        if name == "one":
            runs[0].wait_until(lambda: "No worker has joined tcp://" in runs[0].told.read_text())
            cluster.worker()
            cluster.worker()
        answer = runs[-1].end()
        same = answer[0] == 0 and content(f"{tmp_path}/{name}/whole.tif") == whole
        tally("a cluster repairs", "survived" if same else "lost", answer)


def test_a_scheduler_that_is_killed_ends_the_repair_and_what_was_filled_stays(
    cluster: Cluster,
    source: Path,
    whole: dict[str, str],
    tmp_path: Path,
    tally,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINY_SLOW", "0.3")
    cluster.worker()
    out = tmp_path / "out"
    run = start(repair(source, out, "--scheduler-file", cluster.file), out)
    run.wait_until(lambda: bool(kept(out)))
    cluster.scheduler.kill()
    ended = run.end()
    good = ended[0] == 2 and "scheduler is gone" in ended[2].splitlines()[-1]
    good &= "Traceback" not in ended[2] and bool(kept(out))
    again = start(repair(source, out), out).end()
    same = again[0] == 0 and content(f"{out}/whole.tif") == whole
    tally("SIGKILL of a repair's scheduler", "survived" if good and same else "lost", ended)


def test_a_worker_that_does_not_see_the_volume_says_so(
    cluster: Cluster, source: Path, tmp_path: Path
) -> None:
    number = 200
    seen = f"/proc/self/fd/{number}"  # by the command alone
    cluster.worker()
    words = repair(seen, tmp_path / "out", "--scheduler-file", cluster.file)
    code, _, told = start(words, tmp_path / "out", partial(open_as, source, number)).end()
    assert code == 2
    sentence = told.splitlines()[-1]
    assert sentence.startswith("bench: The worker tcp://")
    assert f"does not see {seen}/stack.tif" in sentence
