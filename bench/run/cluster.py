"""The cells of a run on workers of Dask."""

from __future__ import annotations

from typing import Any

from distributed import Future, KilledWorker, as_completed

from bench.run.graph import Graph, Key
from bench.run.job import Job, Outcome
from bench.run.member import Member
from bench.run.team import Team, team
from bench.run.worker import Worker
from bench.store.records import now
from bench.triplets.dataset import Dataset


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
        ends = _submit(graph, found)
        for end in as_completed(ends):
            if not isinstance(end.exception(), KilledWorker):
                end.result()
        return [_outcome(number, end, worker, datasets) for number, end in enumerate(ends)]


def _submit(graph: Graph, found: Team) -> list[Future[Any]]:
    """Hand all tasks to the cluster; those are returned that each end a cell."""
    futures: dict[Key, Future[Any]] = {}
    for key, task, seconds in graph.longest_first():
        needs = [futures[need] for need in task.needs]
        name, priority = (*key, found.name), round(1000 * seconds)
        futures[key] = found.submit(
            Member.do, task.of, task.what, needs, key=name, priority=priority
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
