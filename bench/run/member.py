"""What a Dask worker has and does for a run: one process's share of it.

Workers may outlive the run. They learn of its end from its flag, a file beside the results that is
there as long as the run wants any. It is seen without a scheduler too, and shows that the worker
sees the folders of the run.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import cast

import torch
from distributed import WorkerPlugin, get_worker

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay, Progress
from bench.base.provenance import provenance, version
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.run.graph import SEGMENTER, TEACHER
from bench.run.job import Outcome
from bench.run.worker import Worker
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile

_LINES, _LOOKS = 60.0, 1.0  # seconds from a line of a stage, and a look at the flag, to the next


def do(run: str, of: int | str, what: str | None, needs: list[Outcome | None]) -> Outcome | None:
    """Carry out a task of a run on this worker; see ``Task`` for ``of`` and ``what``.

    Returns:
        The cell as it is then; None for a network, and where the run is over.

    Raises:
        UserError: this worker does not see the files of the run, or cannot write any.
    """
    member = cast(Member, get_worker().plugins[run])
    try:
        with contextlib.chdir(member.folder):
            return member.do(of, what, needs)
    except FileNotFoundError as error:
        raise UserError(f"{_here()} does not see {error.filename}; {_SHARED}") from error
    except KeyboardInterrupt:  # the record says so; to Dask it would be the end of the worker
        return None


def code() -> str:
    """The version of interslice that this process has loaded, with its commit where it knows it."""
    commit = provenance()["commit"]
    return f"{version('interslice')}{f' of commit {commit[:10]}' if commit else ''}"


@dataclass(eq=False)
class Member(WorkerPlugin):
    """A worker's membership in a run: Dask hands it to those that join late, too.

    Attributes:
        config: of the run, as one process of it has it.
        code: that the run computes with.
        files: for each dataset, that which is tested and that which is learned from.
        flag: the file that is there while the run wants results.
        folder: where the run was started; paths may begin there.
        since: when, in UTC.
        beside: how many members share the memory of a machine or a GPU.
        free: bytes of memory that were free then; None where it was another machine.
        local: whether the run started this worker, and ends it.
        gpus: one for each of the first members of this machine, the next begin again.
    """

    config: RunConfig
    code: str
    files: dict[str, tuple[Path, Path]]
    flag: Path
    folder: Path
    since: str
    beside: int
    free: int | None
    local: bool
    gpus: list[str]

    def setup(self, worker: object) -> None:  # noqa: ARG002 (Dask gives it)
        """Leave the group of processes that Ctrl-C reaches: the run says when to stop."""
        if self.local and hasattr(os, "setpgrp"):
            os.setpgrp()

    def do(self, of: int | str, what: str | None, needs: list[Outcome | None]) -> Outcome | None:
        """As above, with the folder of the run as the current one."""
        worker = self._worker
        self._display.look()
        torch.set_num_threads(self.config.threads or 1)  # they are a thread's own
        if isinstance(of, int):
            cell = worker.cells[of]
            failed = [one for one in needs if one and one.record.status == "failed"]
            before = [one for one in failed if one.cell == cell]
            return before[0] if before else worker.compute(of, self._datasets, what, self.since)
        dataset = self._datasets[of]
        self._display.title = f"{what} of {of}"
        with contextlib.suppress(Exception):  # each cell that needs it says why there is none
            if what == TEACHER:
                worker.teachers.get(dataset.training)
            elif judge := worker.segmenters if what == SEGMENTER else worker.seconds:
                judge.get(dataset)
        return None

    @cached_property
    def _display(self) -> _Relay:
        return _Relay(self.flag)

    @cached_property
    def _datasets(self) -> dict[str, Dataset]:
        for path in chain.from_iterable(self.files.values()):
            path.stat()
        return {name: Dataset(name, *map(TripletFile, two)) for name, two in self.files.items()}

    @cached_property
    def _worker(self) -> Worker:
        dask = get_worker()
        self.flag.stat()
        if code() != self.code:
            raise UserError(
                f"{_here()} has interslice {code()}, and the run has {self.code}; install the same "
                "on every machine."
            )
        if dask.state.nthreads > 1:
            raise UserError(f"{_here()} has several threads; start it with `--nthreads 1`.")
        if self.gpus:  # before torch looks for one
            os.environ["CUDA_VISIBLE_DEVICES"] = self.gpus[int(dask.name) % len(self.gpus)]
        return Worker(plan(self.config), self.config, self._display, self.beside, self.free)


class _Relay(PlainDisplay):
    """Sends what a member says to the run, and ends what is at work once the run is over.

    Attributes:
        title: of what is at work.
    """

    def __init__(self, flag: Path) -> None:
        self._send = partial(get_worker().log_event, flag.name)
        super().__init__(lambda line: self._send({"note": line}), _LINES)
        self._flag, self._looked, self.title = flag, 0.0, ""

    def cell(self, number: int, count: int, title: str) -> None:  # noqa: ARG002 (the run counts)
        """Send which cell is at work."""
        self.title = title
        self._send({"cell": number})

    def stage(self, name: str) -> Progress:
        """Send a line now and then, with the title of the cell."""
        tick = super().stage(f"{self.title}: {name}")

        def watching(done: int, total: int, words: str) -> None:
            tick(done, total, words)
            self.look()

        return watching

    def look(self) -> None:
        """Raise KeyboardInterrupt, as Ctrl-C does, once the run wants nothing any more."""
        if time.monotonic() - self._looked > _LOOKS:
            self._looked = time.monotonic()
            if not self._flag.exists():
                raise KeyboardInterrupt


_SHARED = (
    "the folder in which the run was started, --data and --out have to be the same on every "
    "machine: put them on a file system that all share."
)


def _here() -> str:
    return f"The worker {get_worker().address} on {platform.node()}"
