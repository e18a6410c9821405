"""Which worker does a task, and when."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.base.progress import PlainDisplay
from bench.cells.config import RunConfig
from bench.run import cluster
from bench.run.graph import Graph, Task
from bench.run.member import Member
from bench.workers.options import Workers
from bench.workers.team import team


class Slow:
    """In the place of a process of a run: its cells are seconds to sleep."""

    cells = (0.2, 2.0, 4.0, 0.2, 0.2)

    def compute(self, number: int, *_: Any) -> SimpleNamespace:
        begun = time.time()
        time.sleep(self.cells[number])
        return SimpleNamespace(record=SimpleNamespace(status="done"), begun=begun, end=time.time())


class Sleeping(Member):
    """A member whose cells take the time that they are given."""

    @cached_property
    def _worker(self) -> Any:
        return Slow()

    @cached_property
    def _datasets(self) -> Any:
        return {}


class Tasks(Graph):
    """A teacher, a judge that takes longer, and three trainings of the teacher."""

    def __init__(self) -> None:
        teacher, judge = ("teacher", ""), ("judge", "")
        self.tasks = {teacher: Task(0, None, (), 3.0), judge: Task(1, None, (), 9.0)}
        self.tasks |= {(f"train {n}", ""): Task(n, None, (teacher,), 8.0) for n in (2, 3, 4)}


def test_no_worker_waits_while_there_is_something_to_do(tmp_path: Path) -> None:
    """Three tasks need the first one, which one worker did; the other gets two of them."""
    display = PlainDisplay(lambda _: None)
    config = RunConfig(methods=("average",), dataset=("phantom",))
    with team(Workers(jobs=2), 2, tmp_path, display) as found:
        member = Sleeping(found.terms(1, "cpu"), config, {}, "", 1, None)
        found.enrol(member)
        ended: Any = cluster._carry_out(Tasks(), found)
    begun = {key[0]: done.begun for key, done in ended.items()}
    end = {key[0]: done.end for key, done in ended.items()}
    assert begun["train 2"] < end["judge"]
    # While the first training lasts, the worker that made the judge does the others.
    assert max(end["train 3"], end["train 4"]) < end["train 2"]
