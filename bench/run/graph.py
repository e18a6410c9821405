"""A run as a graph of tasks: which there are, what each waits for, which is to be begun first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import dropwhile
from statistics import mean

from bench.base.errors import UserError
from bench.cells.cell import Cell
from bench.run.resume import Resume
from bench.run.worker import Worker
from bench.stages.pipeline import stages
from bench.stages.segmenter_cache import Segmenters
from bench.stages.stage import Context
from bench.store.records import Store
from bench.triplets.dataset import Dataset

Key = tuple[str, str]  # what it is, and on what: Dask learns how long the former takes
SEGMENTER, SECOND, TEACHER = "segmenter", "second judge", "teacher"
# Seconds where no record tells any: what counts is only which of two tasks is the longer one.
_GUESSES = {
    TEACHER: 300.0, SEGMENTER: 300.0, SECOND: 300.0, "train": 600.0, "predict": 20.0, "score": 10.0,
    "segment": 60.0, "fit": 10.0, "look": 1.0,
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What one worker computes at once.

    Attributes:
        of: number of a cell, or name of a dataset.
        what: the last stage of the cell that it computes, or None for the last one that is asked
            for; the dataset's segmenter, second judge or teacher.
        needs: keys of the tasks that have to be done before.
        seconds: that it may take.
    """

    of: int | str
    what: str | None
    needs: tuple[Key, ...]
    seconds: float


class Graph:
    """The tasks of a run. What cells have in common, a training or a segmenter, is one task.

    Attributes:
        tasks: by their keys; each stands behind those that it needs.
        ends: key of the last task of each cell, in the run's order.
    """

    def __init__(self, worker: Worker, datasets: dict[str, Dataset]) -> None:
        """Plan what the store does not hold; nothing is computed."""
        self._told = _told_seconds(worker.store)
        self._trainings: dict[str, Key] = {}
        self.tasks: dict[Key, Task] = {}
        contexts = [worker.context(cell, datasets) for cell in worker.cells]
        self.ends = [self._add_cell(number, context) for number, context in enumerate(contexts)]

    @property
    def is_done(self) -> bool:
        """Whether every cell is done, so that the tasks only look at what is there."""
        return all(what.startswith("look ") for what, _ in self.tasks)

    def longest_first(self) -> Iterator[tuple[Key, Task]]:
        """The tasks, by the seconds from their begin to the end of all that waits for them.

        A task still stands behind those that it needs: theirs are more.
        """
        left = defaultdict[Key, float](float)
        for key, task in reversed(self.tasks.items()):
            left[key] += task.seconds
            for need in task.needs:
                left[need] = max(left[need], left[key])
        for key in sorted(self.tasks, key=lambda key: -left[key]):
            yield key, self.tasks[key]

    def _add_cell(self, number: int, context: Context) -> Key:
        """Add a task for each stage to compute, or a look at a cell that is done; the last one."""
        cell, waiting = context.cell, _waiting(context)
        before: list[Key] = []
        training = context.keys.stages.get("train", "")
        if "train" in waiting and training in self._trainings:
            waiting.remove("train")  # the next stage takes it over
            before = [self._trainings[training]]
        for stage in waiting or ["look"]:
            key = (f"{stage} {cell.title}", f"{cell.dataset} {context.folder.name}")
            kind = (stage, cell.variant.text, cell.preset)
            seconds = self._told.get(kind, _guess(stage, cell))
            self.tasks[key] = Task(
                number, stage, (*before, *self._networks(stage, context)), seconds
            )
            before = [key]
            if stage == "train" and not context.config.rerun:
                self._trainings[training] = key
        [end] = before
        self.tasks[end] = replace(self.tasks[end], what=None)
        return end

    def _networks(self, stage: str, context: Context) -> Iterator[Key]:
        """The networks that a stage looks through."""
        judges = {SEGMENTER: context.segmenters, SECOND: context.seconds}
        for what, judge in judges.items() if stage == "segment" else ():
            if judge is not None and judge.key(context.dataset) is not None:
                yield self._judge(what, judge, context.dataset)
        if stage == "train" and context.cell.needs_teacher and context.config.teacher is None:
            yield self._network(TEACHER, context.dataset, context.dataset.training.name)

    def _judge(self, what: str, judge: Segmenters, dataset: Dataset) -> Key:
        own = judge.source(dataset)
        needs = () if own is None else (self._judge(what, judge, own),)
        return self._network(what, dataset, dataset.name, needs)

    def _network(self, what: str, of: Dataset, place: str, needs: tuple[Key, ...] = ()) -> Key:
        self.tasks.setdefault((what, place), Task(of.name, what, needs, _GUESSES[what]))
        return what, place


def _guess(stage: str, cell: Cell) -> float:
    fitted = stage == "train" and not cell.trained
    return _GUESSES["fit" if fitted else stage]


def _waiting(context: Context) -> list[str]:
    """The stages that may have to be computed: those from the first one that is not done."""
    asked = [name for name in context.config.stages if name in context.keys.stages]
    with suppress(UserError):  # it is damaged: the cell is computed anew
        record = context.store.load(context.folder)
        if record is not None and not context.config.rerun:
            resume, all_stages = Resume(context), stages()
            return list(dropwhile(lambda name: resume.is_done(all_stages[name], record), asked))
    return asked


def _told_seconds(store: Store) -> dict[tuple[str, str, str], float]:
    """What earlier runs took, by stage, method and preset."""
    told = defaultdict[tuple[str, str, str], list[float]](list)
    for folder in store.folders():
        with suppress(UserError):
            if record := store.load(folder):
                for name, stage in record.stages.items():
                    told[name, record.cell["method"], record.cell["preset"]].append(stage.seconds)
    return {kind: mean(seconds) for kind, seconds in told.items()}
