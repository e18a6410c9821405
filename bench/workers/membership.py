"""What a Dask worker has to know to take part in a run, and how it learns that the run is over.

Workers may outlive the run. They learn of its end from its flag, a file beside the results that is
there as long as the run wants any. It is seen without a scheduler too, and shows that the worker
sees the folders of the run.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from distributed import WorkerPlugin, get_worker

from bench.base.errors import UserError
from bench.base.progress import PlainDisplay, Progress
from bench.base.provenance import provenance, version

_LINES, _LOOKS = 60.0, 1.0  # seconds from a line of a stage, and a look at the flag, to the next
_SHARED = (
    "the folder in which the command was started, and what it reads and writes, have to be the "
    "same on every machine: put them on a file system that all share."
)

Result = TypeVar("Result")


def do(run: str, work: Callable[..., Result], *given: Any) -> Result | None:
    """Have this worker's member of a run do something.

    Args:
        run: its name.
        work: a method of the member.
        given: what it takes.

    Returns:
        What came of it; None where the run is over.

    Raises:
        UserError: this worker does not see the files of the run, or cannot write any.
    """
    member = cast(Membership, get_worker().plugins[run])
    try:
        with contextlib.chdir(member.terms.folder):
            member.begin()
            return work(member, *given)
    except FileNotFoundError as error:
        raise UserError(f"{_here()} does not see {error.filename}; {_SHARED}") from error
    except KeyboardInterrupt:  # records say so; to Dask it would be the end of the worker
        return None


def code() -> str:
    """The version of interslice that this process has loaded, with its commit where it knows it."""
    commit = provenance()["commit"]
    return f"{version('interslice')}{f' of commit {commit[:10]}' if commit else ''}"


@dataclass(frozen=True)
class Terms:
    """What all members of a run are told.

    Attributes:
        code: that the run computes with.
        flag: the file that is there while the run wants results.
        folder: where the run was started; paths may begin there.
        threads: that each computes with.
        local: whether the run started the workers, and ends them.
        gpus: one for each of the first members of this machine, the next begin again.
    """

    code: str
    flag: Path
    folder: Path
    threads: int
    local: bool
    gpus: list[str]


class Membership(WorkerPlugin):
    """A worker's membership in a run: Dask hands it to those that join late, too.

    Attributes:
        terms: of the run.
    """

    terms: Terms

    def setup(self, worker: object) -> None:  # noqa: ARG002 (Dask gives it)
        """Leave the group of processes that Ctrl-C reaches: the run says when to stop."""
        if self.terms.local and hasattr(os, "setpgrp"):
            os.setpgrp()

    def begin(self) -> None:
        """Look, before anything is done, whether this worker can take part, and is to go on.

        Raises:
            UserError: it has other code than the run, or several threads.
            FileNotFoundError: it does not see the folders of the run.
            KeyboardInterrupt: the run is over.
        """
        self._join  # noqa: B018 (once)
        self.display.look()
        torch.set_num_threads(self.terms.threads)  # they are a thread's own

    @cached_property
    def display(self) -> Relay:
        """Where what this member says goes."""
        return Relay(self.terms.flag)

    @cached_property
    def _join(self) -> None:
        dask, terms = get_worker(), self.terms
        terms.flag.stat()
        if code() != terms.code:
            raise UserError(
                f"{_here()} has interslice {code()}, and the run has {terms.code}; install the "
                "same on every machine."
            )
        if dask.state.nthreads > 1:
            raise UserError(f"{_here()} has several threads; start it with `--nthreads 1`.")
        if terms.gpus:  # before torch looks for one
            os.environ["CUDA_VISIBLE_DEVICES"] = terms.gpus[int(dask.name) % len(terms.gpus)]


class Relay(PlainDisplay):
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


def _here() -> str:
    return f"The worker {get_worker().address} on {platform.node()}"
