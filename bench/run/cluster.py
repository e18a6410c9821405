"""The cells of a run on workers of Dask."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any, cast

from distributed import Future, KilledWorker, wait

from bench.cells.outcome import Outcome
from bench.run.graph import Graph, Key
from bench.run.job import Job
from bench.run.member import Member
from bench.run.worker import Worker
from bench.store.records import now
from bench.triplets.dataset import Dataset
from bench.workers.team import Team, team

_LOOK = 2.0  # seconds from a look at how many workers there are to the next

Ended = Outcome | KilledWorker | None  # a cell as it is then, why it ended, or a network


def compute_on_workers(worker: Worker, datasets: dict[str, Dataset]) -> list[Outcome]:
    """The outcome of every cell of a run, in the run's order.

    Args:
        worker: of this process, which computes nothing.
        datasets: of the run, by name.

    Raises:
        UserError: there is no such cluster, it is lost, or something ends the run on a worker.
    """
    graph = Graph(worker, datasets)
    if graph.is_done:  # nobody waits for workers that have nothing to do
        return [worker.compute(number, datasets) for number in range(len(worker.cells))]
    with team(worker.config, len(graph.tasks), worker.store.root, worker.display) as found:
        _show_progress(worker, found)
        found.enrol(_member(worker, datasets, found))
        ended = _carry_out(graph, found)
    return [_outcome(number, ended[end], worker, datasets) for number, end in enumerate(graph.ends)]


def _carry_out(graph: Graph, found: Team) -> dict[Key, Ended]:
    """Have each task done by a worker that is free; what most waits for comes first.

    Dask gives a task that waits for another to the worker that did that one, be it busy for an
    hour and others idle. So it gets no task before a worker is free, and none to wait for.
    """
    waiting, ended = dict(graph.longest_first()), dict[Key, Ended]()
    at_work: dict[Future[Any], Key] = {}
    while waiting or at_work:
        free = max(1, len(found.workers)) - len(at_work)
        ready = (key for key, task in waiting.items() if ended.keys() >= set(task.needs))
        for key in [*islice(ready, max(0, free))]:
            task = waiting.pop(key)
            needs = [ended[need] for need in task.needs]
            killed = [each for each in needs if isinstance(each, KilledWorker)]
            if killed:
                ended[key] = killed[0]
                continue
            name = (*key, found.name)
            at_work[found.submit(Member.do, task.of, task.what, needs, key=name)] = key
        for future in _ended(list(at_work)):
            ended[at_work.pop(future)] = _result(future)
    return ended


def _ended(at_work: list[Future[Any]]) -> Collection[Future[Any]]:
    """The first that end; none where nothing did for a while, in which workers may have joined."""
    try:
        done: Collection[Future[Any]] = wait(at_work, _LOOK, "FIRST_COMPLETED").done
    except TimeoutError:
        return ()
    return done


def _result(future: Future[Any]) -> Ended:
    error = future.exception()
    if isinstance(error, KilledWorker):
        return error
    result: Ended = future.result()
    return result


def _outcome(number: int, end: Ended, worker: Worker, datasets: dict[str, Dataset]) -> Outcome:
    if not isinstance(end, KilledWorker):
        return cast("Outcome", end)  # None is of networks
    what, place, _ = map(str, end.args[0])
    reason = (
        f"{end.allowed_failures + 1} workers died one after the other at the task '{what}' on "
        f"{place}; if they ran out of memory, use fewer on a machine."
    )
    return Job(worker.context(worker.cells[number], datasets)).give_up(what.split()[0], reason)


def _member(worker: Worker, datasets: dict[str, Dataset], found: Team) -> Member:
    config = worker.config
    terms = found.terms(config.threads, config.device)
    alone = {"jobs": 1, "scheduler": None, "scheduler_file": None, "threads": terms.threads}
    files = {one.training.name: (one.training.path, one.training.path) for one in datasets.values()}
    files |= {name: (one.test.path, one.training.path) for name, one in datasets.items()}
    return Member(
        terms=terms,
        config=config.model_copy(update=alone),
        files=files,
        since=now(),
        beside=-(-found.beside // max(1, len(terms.gpus))),
        free=worker.room.at_start if found.local and not terms.gpus else None,
    )


def _show_progress(worker: Worker, found: Team) -> None:
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

    found.client.subscribe_topic(found.name, show)
