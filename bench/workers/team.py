"""The Dask workers of a run: those that end with it, or those of a cluster."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
import torch
from distributed import Client, Future, LocalCluster, wait
from distributed.client import FutureCancelledError, FuturesCancelledError

from bench.base.errors import UserError
from bench.base.progress import Display
from bench.workers.membership import Membership, Terms, code, do
from bench.workers.options import Workers

_PATIENCE = 30.0  # seconds for a cluster to answer, and for what is at work to end
_SILENCE = 60.0  # seconds from one line on what is waited for to the next
_SILENT = 100  # above every level of logging: what befalls the workers is told by the run


@dataclass(frozen=True)
class Team:
    """Workers that a run has the use of.

    Attributes:
        client: of their scheduler.
        flag: the file that is there while the run wants results.
        local: whether the run started them, and ends them.
    """

    client: Client
    flag: Path
    local: bool
    _asked: list[Future[Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the run, among all that the workers take part in."""
        return self.flag.name

    @property
    def workers(self) -> list[dict[str, Any]]:
        """What the scheduler knows of each worker."""
        return list(self.client.scheduler_info(n_workers=-1)["workers"].values())

    @property
    def beside(self) -> int:
        """How many of them share a machine, at most."""
        return max(Counter(one["host"] for one in self.workers).values(), default=1)

    def terms(self, threads: int | None, device: str) -> Terms:
        """What all members are told.

        Args:
            threads: that each computes with; 1 if not given.
            device: where: ``cuda``, ``cpu`` or ``auto``.
        """
        gpus = _gpus() if self.local and device != "cpu" else []
        return Terms(code(), self.flag, Path.cwd(), threads or 1, self.local, gpus)

    def enrol(self, member: Membership) -> None:
        """Make every worker a member, those that join late too."""
        self.client.register_plugin(member, self.name)

    def submit(self, work: Any, *given: Any, **how: Any) -> Future[Any]:
        """Have a member do something, as ``do`` does."""
        future = self.client.submit(do, self.name, work, *given, **how)
        self._asked.append(future)
        return future

    def end(self) -> None:
        """Tell the workers that nothing is wanted any more, and let them leave what is at work."""
        self.flag.unlink(missing_ok=True)
        with suppress(Exception):  # the cluster may be gone
            if self.workers:
                wait(self._asked, timeout=_PATIENCE)
                self.client.unregister_worker_plugin(self.name)


@contextmanager
def team(config: Workers, most: int, folder: Path, display: Display) -> Iterator[Team]:
    """The workers that a run is given, until it is over.

    Args:
        config: which they are.
        most: how many at most are started here.
        folder: that every worker has to see; the flag of the run lies there.
        display: where is said what is waited for.

    Raises:
        UserError: there is no such cluster, it is lost, or a worker cannot take part.
    """
    logging.getLogger("distributed.client").setLevel(_SILENT)
    with _client(config, most, display) as client, _flag(folder) as flag:
        found = Team(client, flag, not config.cluster)
        _wait_for_workers(found, display)
        _say_where(found, display)
        try:
            yield found
        except (FutureCancelledError, FuturesCancelledError) as error:
            raise UserError(
                "The Dask scheduler is gone; start it again and repeat the command: what was "
                "finished is kept, and trainings go on."
            ) from error
        finally:
            found.end()


@contextmanager
def _client(config: Workers, most: int, display: Display) -> Iterator[Client]:
    """A client of the cluster that the run names, or of workers on this machine."""
    if not config.cluster:
        jobs = min(config.jobs, most)
        options = {"memory_limit": None, "dashboard_address": ":0", "silence_logs": _SILENT}
        # A worker that died is started anew; on a busy machine that takes longer than Dask waits.
        patience = {"distributed.deploy.lost-worker-timeout": "1 day"}
        with (
            dask.config.set(patience),
            LocalCluster(n_workers=jobs, threads_per_worker=1, processes=True, **options) as own,
            Client(own) as client,
        ):
            yield client
        return
    address = _address(config)
    display.note(f"  Looking for the Dask scheduler at {address}.")
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address} within {_PATIENCE:.0f} s; check the address, "
            "or start one with `dask scheduler`."
        ) from error
    with client:
        yield client


def _address(config: Workers) -> str:
    """Of the scheduler of a cluster, as it was given or as the scheduler wrote it."""
    file = config.scheduler_file
    if file is None:
        return config.scheduler or ""
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])
    except FileNotFoundError as error:
        raise UserError(
            f"There is no {file}; `dask scheduler --scheduler-file {file}` makes it."
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{file} does not hold the address of a Dask scheduler; `dask scheduler "
            f"--scheduler-file {file}` writes it."
        ) from error


@contextmanager
def _flag(folder: Path) -> Iterator[Path]:
    """A file that is there while the run wants results."""
    flag = (folder / f".run-{uuid4().hex}").absolute()
    flag.touch()
    try:
        yield flag
    finally:
        flag.unlink(missing_ok=True)


def _wait_for_workers(found: Team, display: Display) -> None:
    """Say what is waited for as long as there is no worker; those that are there have our code.

    Raises:
        UserError: one of them cannot load it, or has another version of it.
    """
    client = found.client
    here = client.scheduler_info()["address"]
    while not found.workers:
        display.note(
            f"  No worker has joined {here}, and the run waits for one: `dask worker {here} "
            "--nthreads 1 --memory-limit 0`."
        )
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=_SILENCE)
    for address, answer in client.run(code, on_error="return").items():
        if isinstance(answer, Exception):
            raise UserError(
                f"The worker {address} cannot load interslice ({answer}); install there what is "
                "installed here."
            )


def _say_where(found: Team, display: Display) -> None:
    count = len(found.workers)
    display.note(
        f"  {count} worker{'' if count == 1 else 's'}; the dashboard of Dask: "
        f"{found.client.dashboard_link}"
    )


def _gpus() -> list[str]:
    """The GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    numbers = [str(number) for number in range(torch.cuda.device_count())]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return seen.split(",")[: len(numbers)] if seen else numbers
