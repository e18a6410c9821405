"""What a Dask worker has and does for the cells of a run: one process's share of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.outcome import Outcome
from bench.run.graph import SEGMENTER, TEACHER
from bench.run.worker import Worker
from bench.triplets.dataset import Dataset
from bench.triplets.file import TripletFile
from bench.workers.membership import Membership, Terms


@dataclass(eq=False)
class Member(Membership):
    """A worker's membership in a run of cells.

    Attributes:
        terms: of the run.
        config: of the run, as one process of it has it.
        files: for each dataset, that which is tested and that which is learned from.
        since: when the run began, in UTC.
        beside: how many members share the memory of a machine or a GPU.
        free: bytes of memory that were free then; None where it was another machine.
    """

    terms: Terms
    config: RunConfig
    files: dict[str, tuple[Path, Path]]
    since: str
    beside: int
    free: int | None

    def do(self, of: int | str, what: str | None, needs: list[Outcome | None]) -> Outcome | None:
        """Carry out a task of a run; see ``Task`` for ``of`` and ``what``.

        Returns:
            The cell as it is then; None for a network.

        Raises:
            UserError: this worker does not see the files of the run, or cannot write any.
        """
        worker = self._worker
        if isinstance(of, int):
            cell = worker.cells[of]
            failed = [one for one in needs if one and one.record.status == "failed"]
            before = [one for one in failed if one.cell == cell]
            return before[0] if before else worker.compute(of, self._datasets, what, self.since)
        dataset = self._datasets[of]
        self.display.title = f"{what} of {of}"
        with contextlib.suppress(Exception):  # each cell that needs it says why there is none
            if what == TEACHER:
                worker.teachers.get(dataset.training)
            elif judge := worker.segmenters if what == SEGMENTER else worker.seconds:
                judge.get(dataset)
        return None

    @cached_property
    def _datasets(self) -> dict[str, Dataset]:
        for path in chain.from_iterable(self.files.values()):
            path.stat()
        return {name: Dataset(name, *map(TripletFile, two)) for name, two in self.files.items()}

    @cached_property
    def _worker(self) -> Worker:
        return Worker(plan(self.config), self.config, self.display, self.beside, self.free)
