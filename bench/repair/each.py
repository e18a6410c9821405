"""The same done to many slices of a repair: in this process, or on workers side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from bench.base.progress import Progress
from bench.repair.fill import Filling
from bench.repair.gaps import Task
from bench.repair.hidden import HiddenPlace
from bench.volumes.sources import Given
from bench.workers.options import Workers

Item = TypeVar("Item", Task, HiddenPlace)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Helpers:
    """Who fills a volume beside this process.

    Attributes:
        workers: which they are.
        volume: how each opens it.
        threads: that each computes with; 1 if not given.
    """

    workers: Workers
    volume: Given
    threads: int | None


class Each(Protocol):
    """Does something to each of many items; the results are in their order."""

    def __call__(
        self,
        work: Callable[[Filling, Item], Result],
        items: Sequence[Item],
        done: Callable[[], None],
    ) -> list[Result]:
        """Do it.

        Args:
            work: a method of ``Filling``.
            items: what it takes, one after the other.
            done: called after each.

        Raises:
            UserError: as ``work`` does.
        """


def each_here(
    filling: Filling,
    work: Callable[[Filling, Item], Result],
    items: Sequence[Item],
    done: Callable[[], None],
) -> list[Result]:
    """One after the other in this process; as ``Each``, with what fills them before."""
    results = []
    for item in items:
        results.append(work(filling, item))
        done()
    return results


def counting(tick: Progress, total: int, words: str) -> Callable[[], None]:
    """Progress that counts by itself."""
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        tick(count, total, words)

    return done
