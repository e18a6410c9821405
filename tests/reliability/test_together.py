"""Two runs in one folder of results, and one run in place of two."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from faults import Answer, digests, rows, run_words, times
from processes import hold, start


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("end", ["goes on", "is killed"])
def test_the_second_run_names_the_first_and_waits_until_it_ends(
    finished: tuple[Path, str], data: Path, tmp_path: Path, tally, end: str
) -> None:
    for number in times(1, 5):
        folder = tmp_path / str(number)
        held, go = folder / "held", folder / "go"
        words = run_words(data, folder / "results")
        first = start(words, folder, partial(hold, "train", 3 + number, held, go))
        first.wait_until(held.exists)
        second = start(words, folder)
        holder = f"Process {first.process.pid} on {os.uname().nodename} is at work on tiny l1"
        second.wait_until(lambda told=second.told, holder=holder: holder in told.read_text())
        if end == "is killed":
            first.process.kill()
        go.touch()
        answers = [first.end(), second.end()]
        good = answers[0][0] == (0 if end == "goes on" else -signal.SIGKILL)
        good &= answers[1][0] == 0 and not list(folder.rglob(".tmp-*"))
        # Whoever computed it: the table is the one of a run that was alone.
        tables = {rows(said) for code, said, _ in answers if code == 0}
        same = "survived" if tables == {finished[1]} else "silent"
        tally(f"two runs in one folder; the first {end}", same if good else "lost", answers)


@pytest.mark.timeout(7200)
def test_two_runs_on_different_cells_lose_nothing(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path, tmp_path: Path, tally
) -> None:
    """And what two processes compute has the bits of what one computed."""
    for number in times(1, 5):
        folder = tmp_path / str(number)
        out = folder / "results"
        words = run_words(data, out)
        shares = [[*words[:2], methods, *words[3:]] for methods in ("average", "tiny")]
        answers = [running.end() for running in [start(share, folder) for share in shares]]
        verified = command("verify", "--out", out, "--data", data)
        good = [code for code, _, _ in answers] == [0, 0] and verified[0] == 0
        same = "survived" if digests(out) == digests(finished[0]) else "silent"
        tally("two runs on different cells", same if good else "lost", (answers, verified))
