"""`--jobs 2` and `--scheduler`: the bits of one process, nothing lost or left, whatever dies."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster, children, is_worker, open_as, wait_until
from faults import SHARE, digests, rows, run_words
from processes import Running, kill_workers, log_stages, slow_down, start


def statuses(out: Path) -> list[str]:
    """Of the cell that is trained, if it has begun."""
    paths = out.glob("runs/cells/tiny*/record.json")
    return [json.loads(path.read_text())["status"] for path in paths]


def fate(run: tuple[int, str, str], out: Path, finished: tuple[Path, str]) -> Any:
    """What became of a run that should have left what one process leaves."""
    code, said, _ = run
    if code != 0 or list(out.rglob(".run-*")):
        return "lost"
    same = digests(out) == digests(finished[0]) and rows(said) == finished[1]
    return "survived" if same else "silent"


def test_two_workers_compute_what_one_process_does(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    run = start([*run_words(data, out), "--jobs", 2], tmp_path).end()
    tally("two workers", fate(run, out, finished), run)
    assert run[2].count("the dashboard of Dask: http") == 1
    assert "tiny l1 on cells, beside the others" in run[2]
    threads = {
        stage["provenance"]["threads"]
        for path in out.rglob("record.json")
        for stage in json.loads(path.read_text()).get("stages", {}).values()
    }
    assert threads == {1}


@pytest.mark.parametrize(
    "places", [["train", "segmenter"], ["predict", "score", "segment"]], ids="-".join
)
def test_a_worker_that_is_killed_loses_nothing(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally, places: list[str]
) -> None:
    out = tmp_path / "both"
    prepare = partial(kill_workers, places, 3, tmp_path)
    run = start([*run_words(data, out), "--jobs", 2], tmp_path, prepare).end()
    for place in places:
        assert (tmp_path / place).exists(), f"no worker was killed in {place}"
        tally(f"SIGKILL of a worker in {place}", fate(run, out, finished), run)


@pytest.mark.parametrize(
    ("sent", "code", "left"),
    [("SIGINT", 130, "interrupted"), ("SIGTERM", 130, "interrupted"), ("SIGKILL", -9, "running")],
)
def test_workers_end_with_their_run(
    finished: tuple[Path, str],
    data: Path,
    tmp_path: Path,
    tally,
    sent: str,
    code: int,
    left: str,
) -> None:
    """Ctrl-C reaches the run alone here, and SIGKILL gives nobody a chance to say anything."""
    out = tmp_path / "both"
    run = start([*run_words(data, out), "--jobs", 2], tmp_path, partial(slow_down, 0.5))
    run.wait_until(lambda: statuses(out) == ["running"])
    workers = list(filter(is_worker, children(run.process.pid)))
    assert len(workers) == 2
    os.kill(run.process.pid, getattr(signal, sent))
    answer = run.end()
    wait_until(lambda: not any(map(is_worker, workers)), "a worker stays behind")
    good = answer[0] == code and statuses(out) == [left]
    good &= "Traceback" not in answer[2]
    for flag in out.rglob(".run-*"):  # of one that was killed
        assert sent == "SIGKILL"
        flag.unlink()
    again = start(run_words(data, out), tmp_path).end()
    tally(f"{sent} of a run with workers", fate(again, out, finished) if good else "lost", answer)


def test_what_a_worker_cannot_write_ends_the_run(data: Path, tmp_path: Path, tally) -> None:
    """The cell that is trained has no folder that a worker could use."""
    out = tmp_path / "both"
    words = [*run_words(data, out), "--stages", "train"]
    code, said, told = start(words, tmp_path).end()
    assert code == 0, told
    (folder,) = out.glob("runs/cells/tiny*")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    code, said, told = start([*words, "--jobs", 2], tmp_path).end()
    sentence = told.strip().splitlines()[-1]
    good = code == 2 and sentence.startswith("bench: ") and str(folder) in sentence
    tally("a folder that a worker cannot use", "survived" if good else "lost", (code, said, told))


@pytest.mark.skipif(not SHARE, reason="a minute of two cores; `make soak` has it")
def test_of_many_cells_none_is_lost_and_none_computed_twice(
    data: Path, tmp_path: Path, tally
) -> None:
    out, log = tmp_path / "many", tmp_path / "log"
    words = [
        "run", "--methods", "tiny", "--losses", "l1", "--seeds", ",".join(map(str, range(200))),
        "--dataset", "texture", "--data", data, "--out", out, "--stages", "train,predict",
        "--samples", 2, "--max-triplets", 2, "--jobs", 4, "--json",
    ]  # fmt: skip
    run = start(words, tmp_path, partial(log_stages, log)).end()
    records = [json.loads(path.read_text()) for path in out.glob("runs/texture/tiny*/record.json")]
    begun = Counter(log.read_text().splitlines())
    assert run[0] == 0, run
    assert sorted(record["cell"]["seed"] for record in records) == list(range(200))
    assert all(set(record["stages"]) == {"train", "predict"} for record in records)
    good = begun["tiny l1 on texture: train"] == begun["tiny l1 on texture: predict"] == 200
    tally("200 cells on 4 workers", "survived" if good else "silent", begun)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.close()


def on(cluster: Cluster, words: list[object], folder: Path) -> Running:
    return start([*words, "--scheduler-file", cluster.file], folder)


def test_a_cluster_leaves_what_one_process_does_and_a_worker_may_join_late(
    cluster: Cluster, finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    """None is there; the first is killed as it trains; the second goes on from its checkpoint."""
    out = tmp_path / "both"
    run = on(cluster, run_words(data, out), tmp_path)
    run.wait_until(lambda: "No worker has joined tcp://" in run.told.read_text())
    first = cluster.worker("--nthreads", "1", "--no-nanny", pause=0.2)
    run.wait_until(lambda: list(out.glob("runs/cells/tiny*/checkpoint.safetensors")))
    first.kill()
    cluster.worker()
    cluster.worker()
    answer = run.end()
    assert "the training goes on after step" in answer[2]
    tally("a cluster: a worker dies, two join late", fate(answer, out, finished), answer)


def test_a_scheduler_that_is_killed_ends_the_run_and_what_was_finished_stays(
    cluster: Cluster, finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    cluster.worker(pause=0.5)
    run = on(cluster, run_words(data, out), tmp_path)
    run.wait_until(lambda: statuses(out) == ["running"])
    cluster.scheduler.kill()
    ended = run.end()
    wait_until(lambda: statuses(out) != ["running"], "the record says that it runs")
    good = ended[0] == 2 and "scheduler is gone" in ended[2].splitlines()[-1]
    good &= statuses(out) == ["interrupted"] and "Traceback" not in ended[2]
    cluster.file.unlink()
    second = Cluster(tmp_path)
    second.worker()
    again = on(second, run_words(data, out), tmp_path).end()
    second.close()
    tally("SIGKILL of a scheduler", fate(again, out, finished) if good else "lost", (ended, again))


_LACKS = {
    "folder": "does not see /proc/self/fd",
    "threads": "several threads",
    "code": "has interslice another, and the run has",
}


@pytest.mark.parametrize("lack", list(_LACKS))
def test_a_worker_that_cannot_take_part_says_so(
    cluster: Cluster, data: Path, tmp_path: Path, lack: str
) -> None:
    number = 200
    seen = f"/proc/self/fd/{number}" if lack == "folder" else data  # by the run alone
    words = [*run_words(seen, tmp_path / "out"), "--scheduler-file", cluster.file]
    version = "another" if lack == "code" else ""
    cluster.worker("--nthreads", "2" if lack == "threads" else "1", code=version)
    code, _, told = start(words, tmp_path, partial(open_as, data, number)).end()
    assert code == 2
    sentence = told.splitlines()[-1]
    assert sentence.startswith("bench: The worker tcp://")
    assert _LACKS[lack] in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "There is no "), ('{"a": 1}', "does not hold the address"), ('{"a', "does not hold")],
)
def test_a_scheduler_that_is_not_there_is_told(
    data: Path, tmp_path: Path, content: str | None, words: str
) -> None:
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    command = [*run_words(data, tmp_path / "out"), "--scheduler-file", file]
    code, _, told = start(command, tmp_path).end()
    sentence = told.splitlines()[-1]
    assert (code, sentence.startswith("bench: "), words in sentence) == (2, True, True)
    assert f"`dask scheduler --scheduler-file {file}`" in sentence
