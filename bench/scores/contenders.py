"""Who is compared on a dataset: each method, loss and preset, over all of its seeds and folds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.scores.cell_scores import image_scores, membrane_scores
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.statistics import Interval
from bench.store.records import NONE


@dataclass(frozen=True, eq=False)
class Contender:
    """A method under a loss.

    Attributes:
        method: its variant in the words of the command line.
        loss: it was trained under; ``NONE`` of what is not trained.
        entries: its cells of one preset on one dataset.
    """

    method: str
    loss: str
    entries: tuple[Entry, ...]

    @property
    def name(self) -> str:
        """What a sentence calls it: ``ssan (l1)``, ``flow``."""
        return self.method if self.loss == NONE else f"{self.method} ({self.loss})"

    @property
    def trained(self) -> bool:
        """Whether it has a loss and a preset."""
        return self.loss != NONE

    def measured(self, metric: str) -> Measurement:
        """The scores that hold a metric; of membranes only triplets that have it."""
        if metric not in MEMBRANE_METRICS:
            return self._images
        return self._membranes.known(metric)

    @cached_property
    def _images(self) -> Measurement:
        return image_scores(self.entries)

    @cached_property
    def _membranes(self) -> Measurement:
        return membrane_scores(self.entries)

    def mean(self, metric: str) -> Interval | None:
        """The mean of a metric; None where it was not measured."""
        return self.measured(metric).mean(metric)


def contenders(entries: Iterable[Entry]) -> list[Contender]:
    """Those of one dataset, in the order in which they first come."""
    found: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        cell = entry.cell
        found.setdefault((cell.method, cell.loss, cell.preset), []).append(entry)
    return [Contender(method, loss, tuple(own)) for (method, loss, _), own in found.items()]


def by_dataset(entries: Iterable[Entry]) -> dict[str, Sequence[Entry]]:
    """The cells of each dataset, in the order in which they come."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.cell.dataset, []).append(entry)
    return dict(found)
