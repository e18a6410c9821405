"""Dask workers that a command has started, and a scheduler with workers as a user starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

PATIENCE = 300.0  # seconds
HERE = Path(__file__).parent


def wait_until(happened: Callable[[], object], what: str) -> None:
    started = time.monotonic()
    while not happened():
        assert time.monotonic() - started < PATIENCE, what
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in found for word in path.read_text().split()]


def is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cluster:
    """`dask scheduler` and `dask worker` as a user starts them, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.file, self._folder, self._started = folder / "scheduler.json", folder, ExitStack()
        self.scheduler = self.dask("scheduler", "--port", "0", "--no-dashboard")
        wait_until(self.file.exists, "no scheduler")

    def dask(
        self, *words: str, pause: float = 0, code: str = "", **where: Any
    ) -> subprocess.Popen[bytes]:
        """Start a command; it ends with this cluster."""
        log = self._started.enter_context((self._folder / "dask.log").open("ab"))
        paths = os.pathsep.join(map(str, [HERE, HERE.parent, HERE.parents[1]]))
        given = {"PYTHONPATH": paths, "TINY_PAUSE": str(pause), "TINY_CODE": code}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", str(self.file)],
            stdout=log,
            stderr=log,
            env=os.environ | given,
            **where,
        )
        self._started.callback(process.wait)
        self._started.callback(process.kill)
        return process

    def worker(self, *words: str, **given: Any) -> subprocess.Popen[bytes]:
        """Start a worker of one thread."""
        usual = ("--no-dashboard", "--preload", "tiny", "--local-directory", str(self._folder))
        return self.dask("worker", *(words or ("--nthreads", "1")), *usual, **given)

    def close(self) -> None:
        self._started.close()


def open_as(folder: Path, number: int) -> None:
    os.dup2(os.open(folder, os.O_RDONLY), number)
