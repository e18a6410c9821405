"""Writes that fail: what was finished is as it was, and one sentence says what happened."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import Answer, limited, run_words, times
from processes import at


def more_cells(data: Path, out: Path) -> list[object]:
    """Two cells beside the finished ones, quickly computed."""
    words = run_words(data, out)
    return [*words[:2], "average,tiny,before,after", *words[3:]]


def contents(out: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def is_told(answer: Answer) -> bool:
    """One sentence for people: of the run (exit code 2), or of a cell in its line (1)."""
    code, said, told = answer
    last = told.splitlines()[-1] if told else ""
    if "Traceback" in said + told or code not in (1, 2):
        return False
    return last.startswith("bench: ") if code == 2 else " failed in " in told


class Trial:
    """A command that meets a fault, and what it must not have done."""

    def __init__(self, command: Callable[..., Answer], data: Path, out: Path) -> None:
        self.command, self.data, self.out = command, data, out
        self.words = more_cells(data, out)
        self.known = contents(out)

    def fate(self, fault: contextlib.AbstractContextManager[object]) -> tuple[str, object]:
        """Run with the fault, and once more without it."""
        with fault:
            answer = self.command(*self.words)
        kept = all(path.exists() and path.read_bytes() == old for path, old in self.known.items())
        stray = list(self.out.rglob(".tmp-*"))
        again = self.command(*self.words)
        verified = self.command("verify", "--out", self.out, "--data", self.data)
        good = is_told(answer) and kept and not stray and verified[0] == again[0] == 0
        what = (answer, kept, stray, verified[1], again[0], again[2])
        return ("survived" if good else "lost"), what

    def clear(self) -> None:
        """Make room for the next trial."""
        for path in self.out.rglob("*"):
            if path.is_file() and path not in self.known:
                path.unlink()


@pytest.fixture
def trial(
    command: Callable[..., Answer], finished: tuple[Path, str], data: Path
) -> Iterator[Trial]:
    return Trial(command, data, finished[0])


@contextlib.contextmanager
def failing_replace(number: int) -> Iterator[None]:
    """The file system refuses to give a file its name, once."""
    replace, left = Path.replace, number

    def refused(path: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", refused)
        yield


def test_a_file_that_does_not_get_its_name(trial: Trial, tally) -> None:
    for seed in times(2, 20):
        trial.clear()
        fault = failing_replace(random.Random(seed).randint(1, 16))
        tally("os.replace fails", *trial.fate(fault))


def test_a_disk_that_is_full(trial: Trial, tally) -> None:
    for seed in times(2, 20):
        trial.clear()
        fault = limited(random.Random(seed).randint(500, 12_000))
        tally("a full disk (limit on files)", *trial.fate(fault))


def test_a_small_disk(
    small_disk: Callable[[int], Path],
    command: Callable[..., Answer],
    finished: tuple[Path, str],
    data: Path,
    tally,
) -> None:
    size = sum(-(-len(content) // 4096) * 4096 for content in contents(finished[0]).values())
    disk = small_disk(size + 400_000)
    out = shutil.copytree(finished[0], disk / "results")
    trial = Trial(command, data, out)
    for seed in times(1, 10):
        trial.clear()
        room = shutil.disk_usage(disk).free - random.Random(seed).randrange(4096, 60_000, 4096)
        tally("a full disk (small tmpfs)", *trial.fate(filled(disk / "ballast", room)))


@contextlib.contextmanager
def filled(ballast: Path, size: int) -> Iterator[None]:
    ballast.write_bytes(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nothing can be written into, not even by root."""
    mode = folder.stat().st_mode
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(mode)
        return
    try:
        subprocess.run(["chattr", "+i", str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("root writes to any folder, and this file system has no chattr")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


@pytest.mark.parametrize("where", ["runs", "runs/cells", "runs/cells/before-*"])
def test_a_folder_that_is_read_only(trial: Trial, tally, where: str) -> None:
    if "before" in where:  # a cell that is computed, and lost all its files
        trial.command(*trial.words)
        trial.clear()
    (folder,) = trial.out.glob(where)
    tally("a read-only folder", *trial.fate(read_only(folder)))


def test_a_folder_that_is_removed_while_a_run_writes_to_it(trial: Trial, tally) -> None:
    for seed in times(3, 12):
        trial.clear()
        where = random.Random(seed)
        stage = ["predict", "score", "segment", "writing"][seed % 4]
        gone: list[Path] = []

        def remove(gone: list[Path] = gone) -> None:
            folder = next(trial.out.glob("runs/cells/before-*"), None)
            if folder is not None:
                gone.append(folder)
                shutil.rmtree(folder)

        fault = at(stage, where.randint(1, 8), remove)
        fate, what = trial.fate(fault)
        assert gone
        tally("a folder removed while a run writes to it", fate, (stage, what))
