"""The cells of a run on workers of Dask: those that end with it, or those of a cluster."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import dask
import torch
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed, wait
from distributed.client import FutureCancelledError

from bench.base.errors import UserError
from bench.cells.config import RunConfig
from bench.run.graph import Graph, Key
from bench.run.job import Job, Outcome
from bench.run.member import Member, code, do
from bench.run.worker import Worker
from bench.store.records import now
from bench.triplets.dataset import Dataset

_PATIENCE = 30.0  # seconds for a cluster to answer, and for what is at work to end
_SILENCE = 60.0  # seconds from one line on what is waited for to the next
_SILENT = 100  # above every level of logging: what befalls the workers is told by the run


def compute_on_workers(worker: Worker, datasets: dict[str, Dataset]) -> list[Outcome]:
    """The outcome of every cell of a run, in the run's order.

    Args:
        worker: of this process, which computes nothing.
        datasets: of the run, by name.

    Raises:
        UserError: there is no such cluster, it is lost, or something ends the run on a worker.
    """
    logging.getLogger("distributed.client").setLevel(_SILENT)
    graph = Graph(worker, datasets)
    if graph.is_done:  # nobody waits for workers that have nothing to do
        return [worker.compute(number, datasets) for number in range(len(worker.cells))]
    with _client(worker, len(graph.tasks)) as client, _flag(worker) as flag:
        _wait_for_workers(worker, client)
        _show_progress(worker, client, flag.name)
        client.register_plugin(_member(worker, datasets, flag, client), flag.name)
        ends = _submit(graph, client, flag.name)
        try:
            for end in as_completed(ends):
                if not isinstance(end.exception(), KilledWorker):
                    end.result()
        except FutureCancelledError as error:
            raise UserError(
                "The Dask scheduler is gone; start it again and repeat the command: what was "
                "finished is kept, and trainings go on."
            ) from error
        finally:
            flag.unlink()
            with suppress(Exception):  # the cluster may be gone
                if _workers(client):
                    wait(ends, timeout=_PATIENCE)
        return [_outcome(number, end, worker, datasets) for number, end in enumerate(ends)]


def _submit(graph: Graph, client: Client, run: str) -> list[Future[Any]]:
    """Hand all tasks to the cluster; those are returned that each end a cell."""
    futures: dict[Key, Future[Any]] = {}
    for key, task, seconds in graph.longest_first():
        needs = [futures[need] for need in task.needs]
        name, priority = (*key, run), round(1000 * seconds)
        futures[key] = client.submit(
            do, run, task.of, task.what, needs, key=name, priority=priority
        )
    return [futures[key] for key in graph.ends]


def _outcome(
    number: int, end: Future[Any], worker: Worker, datasets: dict[str, Dataset]
) -> Outcome:
    error = end.exception()
    if not isinstance(error, KilledWorker):
        outcome: Outcome = end.result()
        return outcome
    what, place, _ = map(str, error.args[0])
    reason = (
        f"{error.allowed_failures + 1} workers died one after the other at the task '{what}' on "
        f"{place}; if they ran out of memory, use fewer on a machine."
    )
    return Job(worker.context(worker.cells[number], datasets)).give_up(what.split()[0], reason)


@contextmanager
def _client(worker: Worker, tasks: int) -> Iterator[Client]:
    """A client of the cluster that the run names, or of workers on this machine."""
    config = worker.config
    if not config.cluster:
        jobs = min(config.jobs, tasks)
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
    worker.display.note(f"  Looking for the Dask scheduler at {address}.")
    try:
        client = Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler answers at {address} within {_PATIENCE:.0f} s; check the address, "
            "or start one with `dask scheduler`."
        ) from error
    with client:
        yield client


def _address(config: RunConfig) -> str:
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


def _wait_for_workers(worker: Worker, client: Client) -> None:
    """Say what is waited for as long as there is no worker; those that are there have our code.

    Raises:
        UserError: one of them cannot load it, or has another version of it.
    """
    here = client.scheduler_info()["address"]
    while not _workers(client):
        worker.display.note(
            f"  No worker has joined {here}, and the run waits for one: `dask worker {here} "
            "--nthreads 1 --memory-limit 0`."
        )
        with suppress(TimeoutError):
            client.wait_for_workers(1, timeout=_SILENCE)
    for address, found in client.run(code, on_error="return").items():
        if isinstance(found, Exception):
            raise UserError(
                f"The worker {address} cannot load interslice ({found}); install there what is "
                "installed here."
            )


@contextmanager
def _flag(worker: Worker) -> Iterator[Path]:
    """A file that is there while the run wants results."""
    flag = (worker.store.root / f".run-{uuid4().hex}").absolute()
    flag.touch()
    try:
        yield flag
    finally:
        flag.unlink(missing_ok=True)


def _member(worker: Worker, datasets: dict[str, Dataset], flag: Path, client: Client) -> Member:
    config = worker.config
    alone = {"jobs": 1, "scheduler": None, "scheduler_file": None, "threads": config.threads or 1}
    local = not config.cluster
    gpus = _gpus() if local and config.device != "cpu" else []
    beside = max(Counter(one["host"] for one in _workers(client)).values(), default=1)
    files = {one.training.name: (one.training.path, one.training.path) for one in datasets.values()}
    files |= {name: (one.test.path, one.training.path) for name, one in datasets.items()}
    return Member(
        config=config.model_copy(update=alone),
        code=code(),
        files=files,
        flag=flag,
        folder=Path.cwd(),
        since=now(),
        beside=-(-beside // max(1, len(gpus))),
        free=worker.room.at_start if local and not gpus else None,
        local=local,
        gpus=gpus,
    )


def _gpus() -> list[str]:
    """The GPUs that this process sees, as CUDA_VISIBLE_DEVICES names them."""
    numbers = [str(number) for number in range(torch.cuda.device_count())]
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return seen.split(",")[: len(numbers)] if seen else numbers


def _workers(client: Client) -> list[dict[str, Any]]:
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def _show_progress(worker: Worker, client: Client, run: str) -> None:
    """Show what all members say in one display."""
    display, cells, begun = worker.display, worker.cells, list[int]()

    def show(event: tuple[float, dict[str, Any]]) -> None:
        _, said = event
        if "note" in said:
            display.note(said["note"])
        elif said["cell"] not in begun:
            begun.append(said["cell"])
            cell = cells[said["cell"] - 1]
            title = f"{cell.title} on {cell.dataset}, beside the others"
            display.cell(len(begun), len(cells), title)

    client.subscribe_topic(run, show)
    count = len(_workers(client))
    display.note(
        f"  {count} worker{'' if count == 1 else 's'}; the dashboard of Dask: "
        f"{client.dashboard_link}"
    )
