"""`--jobs 2`: the figures of one process, and nothing lost or left behind, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from faults import digests, rows, run_words
from processes import Running, hold, slow_down, start

PATIENCE = 300.0  # seconds


def with_helper(words: list[object], folder: Path, pause: float = 0) -> Running:
    """Start a run, and let it predict once its helper has the cell that is trained."""
    go = folder / "go"
    prepare = partial(_prepare, pause, folder / "held", go)
    run = start([*words, "--jobs", 2], folder, prepare)
    run.wait_until(lambda: "tiny l1 on cells, beside the others" in run.told.read_text())
    go.touch()
    return run


def _prepare(pause: float, held: Path, go: Path) -> None:
    slow_down(pause)
    hold("predict", 1, held, go)


def helper_of(run: Running) -> int:
    """The process that helps a run."""
    (pid,) = [child for child in children(run.process.pid) if is_helper(child)]
    return pid


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in found.split()]


def is_helper(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_end_of(helper: int) -> None:
    started = time.monotonic()
    while is_helper(helper):
        assert time.monotonic() - started < PATIENCE, "it stays behind"
        time.sleep(0.02)


def statuses(out: Path) -> list[str]:
    """Of the cell that the helper takes, if it has begun."""
    paths = out.glob("runs/cells/tiny*/record.json")
    return [json.loads(path.read_text())["status"] for path in paths]


def test_two_processes_compute_what_one_does(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    code, said, told = with_helper(run_words(data, out), tmp_path).end()
    same = digests(out) == digests(finished[0]) and rows(said) == finished[1]
    tally("two jobs", ("survived" if same else "silent") if code == 0 else "lost", (code, told))


def test_a_helper_that_is_killed_loses_nothing(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    run = with_helper(run_words(data, out), tmp_path, pause=0.1)
    os.kill(helper_of(run), signal.SIGKILL)
    code, said, told = run.end()
    same = digests(out) == digests(finished[0]) and rows(said) == finished[1]
    fate = ("survived" if same else "silent") if code == 0 else "lost"
    tally("SIGKILL of a helper", fate, (code, told))


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 130), ("SIGKILL", -9)])
def test_a_helper_ends_with_its_run(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally, sent: str, code: int
) -> None:
    """Ctrl-C reaches the run alone here, and SIGKILL gives it no chance to say anything."""
    out = tmp_path / "both"
    run = with_helper(run_words(data, out), tmp_path, pause=2)
    run.wait_until(lambda: statuses(out) == ["running"])
    helper = helper_of(run)
    os.kill(run.process.pid, getattr(signal, sent))
    answer = run.end()
    wait_for_end_of(helper)
    good = answer[0] == code and statuses(out) == ["interrupted"]
    again = start(run_words(data, out), tmp_path).end()
    same = digests(out) == digests(finished[0]) and rows(again[1]) == finished[1]
    fate = ("survived" if same else "silent") if good and again[0] == 0 else "lost"
    tally(f"{sent} of a run with a helper", fate, (answer, again))


def test_what_a_helper_cannot_write_ends_the_run(data: Path, tmp_path: Path, tally) -> None:
    """The cell that the helper takes has no folder that it could use."""
    out = tmp_path / "both"
    words = run_words(data, out)
    code, said, told = start([*words, "--stages", "train"], tmp_path).end()
    assert code == 0, told
    (folder,) = out.glob("runs/cells/tiny*")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    code, said, told = with_helper(words, tmp_path).end()
    sentence = told.strip().splitlines()[-1]
    good = code == 2 and sentence.startswith("bench: ") and str(folder) in sentence
    tally("a folder that a helper cannot use", "survived" if good else "lost", (code, said, told))
