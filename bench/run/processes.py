"""The cells of a run side by side: a worker here, and one in each process that helps.

Helpers end with the run, whatever ends it. Other modules use ``compute_cells`` alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay, Progress
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.run.datasets import open_datasets
from bench.run.job import Outcome
from bench.run.worker import Worker
from bench.triplets.dataset import Dataset

_SECONDS = 60.0  # from one line of a helper to the next


def compute_cells(worker: Worker, datasets: dict[str, Dataset]) -> list[Outcome]:
    """The outcome of every cell of a run, in the run's order.

    Args:
        worker: this process's; it takes the first cells, helpers take the last.
        datasets: of the run, by name.

    Raises:
        UserError: something ends the run, here or in a helper.
    """
    count, outcomes = len(worker.cells), dict[int, Outcome]()
    agenda = deque(range(count))
    with _Helpers(worker, agenda) as helpers:
        while (number := _taken(agenda.popleft)) is not None:
            outcomes[number] = worker.compute(number, datasets)
        outcomes |= helpers.finish()
    for number in range(count):  # a helper may have been killed
        if number not in outcomes:
            outcomes[number] = worker.compute(number, datasets)
    return [outcomes[number] for number in range(count)]


class _Wish(NamedTuple):
    """A helper asks for a cell."""


class _Helpers:
    """Processes that take cells from the end of an agenda while this one works from its front.

    Long cells tend to stand at the end of a run's list: begun early, they end with the others.
    """

    def __init__(self, worker: Worker, agenda: deque[int]) -> None:
        """Start a process for each job but the first, or fewer where there are fewer cells.

        Args:
            worker: of this process; its display takes the lines that helpers say.
            agenda: numbers of the cells that nobody has taken.
        """
        self._agenda, self._tell = agenda, worker.display.note
        config, free = worker.config, worker.room.at_start
        self._outcomes: dict[int, Outcome] = {}
        self._error: UserError | None = None
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        self._processes, self._threads = [], []
        for _ in range(min(config.jobs, len(agenda)) - 1):
            ours, theirs = context.Pipe()
            process = context.Process(target=_help, args=(config, free, theirs), daemon=True)
            process.start()
            theirs.close()  # so that its end is seen here
            thread = Thread(target=self._serve, args=(ours,), daemon=True)
            thread.start()
            self._processes.append(process)
            self._threads.append(thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.terminate()
            process.join()

    def finish(self) -> dict[int, Outcome]:
        """The outcomes of the cells that helpers took, once all helpers have ended.

        Raises:
            UserError: something in a helper ends the run.
        """
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error
        return self._outcomes

    def _serve(self, pipe: Connection) -> None:
        """Hand out cells and take in their outcomes, until the helper ends."""
        number = None
        with suppress(EOFError, OSError):  # it was killed: its cell stays without an outcome
            while True:
                message = pipe.recv()
                if isinstance(message, str):
                    self._tell(message)
                elif isinstance(message, _Wish):
                    number = _taken(self._agenda.pop)
                    pipe.send(number)
                elif isinstance(message, UserError):
                    self._error = message
                    self._agenda.clear()
                elif number is not None:
                    self._outcomes[number] = message


def _taken(take: Callable[[], int]) -> int | None:
    """A cell from one end of the agenda; None if the agenda is empty."""
    try:
        return take()
    except IndexError:
        return None


def _help(config: RunConfig, free: int, pipe: Connection) -> None:
    """Compute the cells that are handed out; this is all that a helper does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run that is helped says when to stop
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(KeyboardInterrupt):
        try:
            cells = plan(config)
            display = _Relay(pipe)
            worker = Worker(cells, config, display, free)
            datasets = open_datasets(config, display)
            while (number := _ask(pipe)) is not None:
                pipe.send(worker.compute(number, datasets))
        except UserError as error:
            pipe.send(error)


def _ask(pipe: Connection) -> int | None:
    pipe.send(_Wish())
    number: int | None = pipe.recv()
    return number


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class _Relay(PlainDisplay):
    """Sends what a helper says to the run that it helps."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__(pipe.send, _SECONDS)
        self._title = ""

    def cell(self, number: int, count: int, title: str) -> None:
        """Send which cell begins."""
        self._title = title
        super().cell(number, count, f"{title}, beside the others")

    def stage(self, name: str) -> Progress:
        """Send a line now and then, with the title of the cell."""
        return super().stage(f"{self._title}: {name}")

    def note(self, text: str) -> None:
        """Send a line."""
        with suppress(OSError):  # the run is over, and so is this process in a moment
            super().note(text)
