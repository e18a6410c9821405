"""The command line in processes of their own, and what happens to them on the way.

They are forked from one process that has imported everything, so that each begins at once.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from faults import Answer

from bench.base import files
from bench.base.progress import PlainDisplay

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["bench.run.compute", "bench.scores.summary", "bench.triplets.contact_sheet",
     "methods.classical", "segmentation_models_pytorch", "pyarrow.parquet",
     "matplotlib.backends.backend_agg"]
)  # fmt: skip
_PATIENCE = 600.0  # seconds; on a busy machine a second of work takes many


@dataclass(frozen=True)
class Running:
    """A command that was started; what it prints goes into two files."""

    process: Any
    said: Path
    told: Path

    def end(self) -> Answer:
        """Wait for its end; the code of one that was killed is the signal's number below zero."""
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            raise AssertionError(f"It hangs: {self.told.read_text()[-500:]}")
        return self.process.exitcode, self.said.read_text(), self.told.read_text()

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait for something that it does."""
        started = time.monotonic()
        while not happened():
            if not self.process.is_alive() or time.monotonic() - started > _PATIENCE:
                raise AssertionError(f"It never came: {self.told.read_text()[-500:]}")
            time.sleep(0.02)


def start(words: list[object], folder: Path, prepare: Callable[[], None] | None = None) -> Running:
    """Start a command with the method `tiny` and the dataset `grown`, without the picture.

    Args:
        words: of the command line.
        folder: for what it prints.
        prepare: called in the new process before the command.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("said*")))
    said, told = folder / f"said{number}", folder / f"told{number}"
    for path in (said, told):
        path.touch()
    process = _CONTEXT.Process(target=_run, args=(list(map(str, words)), said, told, prepare))
    process.start()
    return Running(process, said, told)


def _run(words: list[str], said: Path, told: Path, prepare: Callable[[], None] | None) -> None:
    import tiny
    import torch

    from bench.commands import main as cli
    from bench.volumes.cards import CARDS, Card

    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"  # records are compared byte for byte
    for number, path in ((1, said), (2, told)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
    faulthandler.enable()
    # Where the tests run in the background of a shell, it has them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    card = Card(name="grown", title="grown", build={"tile": 80, "stride": 80, "search": 4})
    mock.patch.dict(CARDS, {"grown": card}).start()
    mock.patch("bench.commands.pictures.draw_pictures", return_value=[]).start()
    for patch in tiny.patches():
        patch.start()
    # What helps this process imports the file that it believes to be its program.
    main = sys.modules["__main__"]
    main.__spec__, main.__file__ = None, tiny.__file__
    if prepare is not None:
        prepare()
    sys.argv = ["bench", *words]
    cli.main()


def at(place: str, number: int, act: Callable[[], object]) -> Any:
    """A patch that lets something happen once, in the middle of a command.

    Args:
        place: a stage, or `writing`: a file is whole, but has not its name yet, or just has it.
        number: at which step of all its steps, counted from 1.
        act: what happens.
    """
    left = number

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            act()

    if place == "writing":
        sync = files._sync

        def synced(path: Path) -> None:
            step()
            sync(path)

        return mock.patch.object(files, "_sync", synced)

    stage = PlainDisplay.stage

    def counted(display: PlainDisplay, name: str) -> Callable[[int, int, str], None]:
        tick = stage(display, name)

        def ticked(done: int, total: int, words: str) -> None:
            tick(done, total, words)
            here = name.split(": ")[-1] == place  # a worker's has a title before it
            fitting = place == "train" and words == "triplets"  # what is fitted has no steps
            if here and not fitting:
                step()

        return ticked

    return mock.patch.object(PlainDisplay, "stage", counted)


def slow_down(seconds: float) -> None:
    """Let every step of a training take longer, here and in what helps."""
    import tiny

    tiny.PAUSE = seconds
    os.environ["TINY_PAUSE"] = str(seconds)


def kill_workers(places: list[str], number: int, folder: Path) -> None:
    """Have the first Dask worker killed that comes to a step of each place, and leave a file."""
    os.environ["TINY_FAULTS"] = " ".join(f"{place}:{number}:{folder}" for place in places)


def write_slowly(seconds: float) -> None:
    """Have every Dask worker take so long for each file that gets its name."""
    os.environ["TINY_SLOW"] = str(seconds)


def log_stages(path: Path) -> None:
    """Have every Dask worker write down each stage that it begins."""
    os.environ["TINY_LOG"] = str(path)


def kill(place: str, number: int, delay: float) -> None:
    """Have this process killed so many seconds after a step."""
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL))
    at(place, number, timer.start).start()


def interrupt(place: str, number: int) -> None:
    """Have Ctrl-C pressed at a step."""
    at(place, number, lambda: signal.raise_signal(signal.SIGINT)).start()


def hold(place: str, number: int, held: Path, go: Path) -> None:
    """Stop at a step, leave the file `held`, and go on when there is a file `go`."""

    def wait() -> None:
        held.touch()
        while not go.exists():
            time.sleep(0.02)

    at(place, number, wait).start()


def limit_memory(growth: int) -> None:
    """Let this process have so many bytes more than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + growth
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
