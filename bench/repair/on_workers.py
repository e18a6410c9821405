"""Slices of a repair, filled side by side on Dask workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from distributed import Future, KilledWorker, as_completed

from bench.base.errors import UserError
from bench.base.progress import Display
from bench.repair.each import Each, Helpers, Item, Result
from bench.repair.evidence import Evidence, path_of
from bench.repair.fill import Filling, Manner
from bench.repair.filler import Filler
from bench.volumes.sources import Given
from bench.workers.membership import Membership, Terms
from bench.workers.team import Team, team


@dataclass(eq=False)
class Member(Membership):
    """A worker's membership in a repair: it opens for itself what it fills, and what with.

    Attributes:
        terms: of the repair.
        volume: how it is opened.
        fillers: what was chosen, by the size of gaps.
        manner: how the volume is filled.
        out: the volume that is written; filled slices are kept beside it.
        files: that have to be seen.
    """

    terms: Terms
    volume: Given
    fillers: Mapping[int, Filler]
    manner: Manner
    out: str
    files: Sequence[Path]

    def work(self, what: Callable[[Filling, Item], Result], item: Item) -> Result:
        """Do something to a slice, or to a window of one."""
        return what(self._filling, item)

    def teardown(self, worker: object) -> None:  # noqa: ARG002 (Dask gives it)
        """Close the volume."""
        if "_filling" in vars(self):
            self._filling.volume.close()

    @cached_property
    def _filling(self) -> Filling:
        for path in self.files:
            path.stat()
        volume = self.volume.open_grey()
        return Filling(volume, self.fillers, self.manner, Evidence(self.out), self.display.look)


@contextmanager
def each_on_workers(
    helpers: Helpers, filling: Filling, most: int, display: Display
) -> Iterator[Each]:
    """Workers that fill slices side by side, until the repair has filled all.

    Args:
        helpers: who they are.
        filling: of this process, which fills nothing.
        most: how many at most have something to do.
        display: where is said what is waited for.

    Raises:
        UserError: there is no such cluster, it is lost, or a worker cannot take part.
    """
    folder = filling.evidence.on_its_way()
    with team(helpers.workers, most, folder, display) as found:
        found.enrol(_member(helpers, filling, found))
        yield partial(_each, found, filling.volume.first)


def _member(helpers: Helpers, filling: Filling, found: Team) -> Member:
    grey, fillers = filling.volume.grey, filling.fillers
    source = path_of(str(helpers.volume.sources[0]))
    weights = [each.weights for each in fillers.values() if each.weights is not None]
    return Member(
        terms=found.terms(helpers.threads, filling.manner.device),
        # What `auto` has found here is not looked for again.
        volume=replace(helpers.volume, grey_range=None if grey is None else grey.range),
        fillers={size: each.bare() for size, each in fillers.items()},
        manner=filling.manner,
        out=str(filling.evidence.out),
        files=[path for path in (source, *weights) if path.exists()],
    )


def _each(
    found: Team,
    first: int,
    work: Callable[[Filling, Item], Result],
    items: Sequence[Item],
    done: Callable[[], None],
) -> list[Result]:
    """Each item on a worker; those that stand first are begun first."""
    numbers, futures = dict[Any, int](), list[Future[Any]]()
    for number, item in enumerate(items):
        key = (work.__name__, item.gap.size, number, found.name)  # one key, one result
        numbers[key] = first + item.z
        futures.append(found.submit(Member.work, work, item, key=key, priority=-number))
    for future in as_completed(futures):
        _result(future, numbers)
        done()
    return [_result(future, numbers) for future in futures]


def _result(future: Future[Any], numbers: Mapping[Any, int]) -> Any:
    try:
        return future.result()
    except KilledWorker as error:
        raise UserError(
            f"{error.allowed_failures + 1} workers died one after the other at slice "
            f"{numbers[future.key]}; if they ran out of memory, use fewer on a machine: what was "
            "filled is kept."
        ) from error
