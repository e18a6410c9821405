"""`--jobs 2`: the figures of one process, and nothing lost or left behind, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import Answer, digests, rows, run_words

TINY = Path(__file__).resolve().parents[1] / "tiny.py"
PATIENCE = 300.0  # seconds


class Run:
    """`bench run --jobs 2` in a process of its own, its trainings slow enough to be met."""

    def __init__(self, words: list[object], folder: Path, pause: float = 0.3) -> None:
        self.told = folder / "told"
        command = [sys.executable, TINY, *map(str, words), "--jobs", "2"]
        environment = os.environ | {"TINY_PAUSE": str(pause)}
        with self.told.open("w") as told:
            self.process = subprocess.Popen(
                command, env=environment, text=True, start_new_session=True,
                stdout=subprocess.PIPE, stderr=told,
            )  # fmt: skip

    def wait_for(self, words: str) -> None:
        """Wait until it says something."""
        wait_until(lambda: words in self.told.read_text())

    def helper(self) -> int:
        """The process that helps it."""
        (pid,) = [child for child in children(self.process.pid) if is_helper(child)]
        return pid

    def end(self) -> Answer:
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said, self.told.read_text()


def wait_until(happened: Callable[[], bool]) -> None:
    started = time.monotonic()
    while not happened():
        assert time.monotonic() - started < PATIENCE, "it never came"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in found.split()]


def is_helper(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def statuses(out: Path) -> list[str]:
    """Of the cell that the helper takes, if it has begun."""
    paths = out.glob("runs/cells/tiny*/record.json")
    return [json.loads(path.read_text())["status"] for path in paths]


def test_two_processes_compute_what_one_does(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    run = Run(run_words(data, out), tmp_path, pause=0)
    code, said, told = run.end()
    good = code == 0 and "tiny l1 on cells, beside the others" in told
    same = digests(out) == digests(finished[0]) and rows(said) == finished[1]
    tally("two jobs", ("survived" if same else "silent") if good else "lost", (code, told))


def test_a_helper_that_is_killed_loses_nothing(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    out = tmp_path / "both"
    run = Run(run_words(data, out), tmp_path)
    run.wait_for("tiny l1 on cells, beside the others")
    os.kill(run.helper(), signal.SIGKILL)
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
    run = Run(run_words(data, out), tmp_path, pause=2)
    run.wait_for("tiny l1 on cells, beside the others")
    wait_until(lambda: statuses(out) == ["running"])
    helper = run.helper()
    run.process.send_signal(getattr(signal, sent))
    answer = run.end()
    wait_until(lambda: not is_helper(helper))
    good = answer[0] == code and statuses(out) == ["interrupted"]
    again = Run(run_words(data, out), tmp_path, pause=0).end()
    same = digests(out) == digests(finished[0]) and rows(again[1]) == finished[1]
    fate = ("survived" if same else "silent") if good and again[0] == 0 else "lost"
    tally(f"{sent} of a run with a helper", fate, (answer, again))


def test_what_a_helper_cannot_write_ends_the_run(data: Path, tmp_path: Path, tally) -> None:
    """The cell that the helper takes has no folder that it could use."""
    out = tmp_path / "both"
    words = run_words(data, out)
    code, said, told = Run([*words, "--stages", "train"], tmp_path, pause=0).end()
    assert code == 0, told
    (folder,) = out.glob("runs/cells/tiny*")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("not a folder")
    code, said, told = Run(words, tmp_path, pause=0).end()
    sentence = told.strip().splitlines()[-1]
    good = code == 2 and sentence.startswith("bench: ") and str(folder) in sentence
    tally("a folder that a helper cannot use", "survived" if good else "lost", (code, said, told))
