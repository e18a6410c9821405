"""A run: datasets are opened or built, cells computed; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses

from bench.base import ranks
from bench.base.device import choose_device
from bench.base.errors import UserError
from bench.base.progress import PlainDisplay, open_display
from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.datasets import check_datasets, open_datasets
from bench.cells.outcome import Outcome
from bench.run.checks import check_crops, check_options, check_teachers, check_weights
from bench.run.worker import Worker
from bench.store.records import Store
from bench.triplets.dataset import Dataset


def compute(config: RunConfig) -> tuple[list[Outcome], dict[str, Dataset]]:
    """Carry out a configuration: open or build its datasets, compute its cells.

    Of several processes that torchrun has started the first one does so; the others take part in
    its trainings, and have no outcomes.

    Raises:
        UserError: something that it names is not available, or the disk is full.
    """
    if not ranks.launched():
        return _compute(config)
    if config.on_workers:
        raise UserError(
            "torchrun starts processes of its own; leave --jobs, --scheduler and --scheduler-file "
            "out."
        )
    ranks.join(choose_device(config.device))
    try:
        if not ranks.is_first():
            _take_part(config)
            return [], {}
        found = _compute(config)
        ranks.from_first(None)  # no training is left
        return found
    finally:
        ranks.leave()


def _take_part(config: RunConfig) -> None:
    """Train what the first process begins, until it says that there is nothing left."""
    words = ranks.from_first(None)
    if words is None:
        return
    display = PlainDisplay(lambda _: None)
    worker, datasets = Worker(plan(config), config, display), open_datasets(config, display)
    while words is not None:
        worker.take_part(words, datasets)
        words = ranks.from_first(None)


def _compute(config: RunConfig) -> tuple[list[Outcome], dict[str, Dataset]]:
    cells = plan(config)
    check_options(cells, config)
    check_datasets(config)
    display = open_display()
    try:
        worker = Worker(cells, config, display)
        datasets = open_datasets(config, display)
        check_crops(cells, datasets, config)
        check_weights(cells, datasets)
        check_teachers(cells, datasets, config)
        for name in dict.fromkeys(cell.dataset for cell in cells if cell.needs_teacher):
            worker.check_judges(datasets[name])
        if config.on_workers:
            from bench.run.cluster import compute_on_workers  # Dask is imported for no other run

            outcomes = compute_on_workers(worker, datasets)
        else:
            outcomes = [worker.compute(number, datasets) for number in range(len(cells))]
    finally:
        display.close()
    store = Store(config.out)
    return [_as_it_is_now(outcome, store) for outcome in outcomes], datasets


def _as_it_is_now(outcome: Outcome, store: Store) -> Outcome:
    """The outcome with the record on disk: another run may have repeated a stage meanwhile."""
    if outcome.record.status == "failed":
        return outcome  # what it refused to compute is not on disk
    try:
        record = store.load(outcome.folder)
    except UserError:
        return outcome  # what this run knows of it is still true
    if record is None or record.status == "running":
        return outcome  # it is being computed again: nothing newer is whole yet
    return dataclasses.replace(outcome, record=record)
