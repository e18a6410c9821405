"""A method that fills gaps, and what it was measured on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.base.device import choose_device, place
from bench.base.files import file_digest
from bench.cells.variants import Variant
from bench.scores.statistics import Interval
from bench.store.records import NONE
from bench.store.weights import load_weights
from bench.triplets.file import TripletFile
from methods.interface import Interpolator
from methods.timed import for_times

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Filler:
    """A method that fills the gaps of a size.

    Attributes:
        variant: the method.
        loss: it was trained under; ``NONE`` of what is not trained.
        why: it was taken, in a sentence.
        weights: the file of its weights; None where it has none.
        measured: what it reached on test triplets of this volume, by metric.
        membranes: its membrane scores of these, a row each; None where nothing was judged.
        tested_on: the triplets; None where nothing was measured.
        neurites: what it is worth beside leaving the slice out, in a sentence; empty where that
            was not measured.
    """

    variant: Variant
    loss: str
    why: str
    weights: Path | None = None
    measured: dict[str, Interval] = field(default_factory=dict)
    membranes: pd.DataFrame | None = None
    tested_on: TripletFile | None = None
    neurites: str = ""

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return self.variant.text if self.loss == NONE else f"{self.variant.text} ({self.loss})"

    @property
    def learned_from(self) -> TripletFile | None:
        """The triplets that it was trained on; None where it was not trained here."""
        return None if self.weights is None else self.tested_on

    @cached_property
    def digest(self) -> str | None:
        """SHA-256 of its weights."""
        return None if self.weights is None else file_digest(self.weights)

    def bare(self) -> Filler:
        """The same without what it was measured on: enough to fill."""
        return dataclasses.replace(self, measured={}, membranes=None, tested_on=None)

    def as_json(self) -> dict[str, Any]:
        """What the record of a repair says of it."""
        return {
            "method": self.variant.text,
            "options": dataclasses.asdict(self.variant.options),
            "revision": self.variant.info.revision,
            "loss": self.loss,
            "weights": self.digest,
            "why": self.why,
        }

    def model(self, times: Sequence[float], device: str) -> Interpolator:
        """The method for gaps of these times, ready to fill.

        Raises:
            UserError: its weights are of other times.
        """
        model = for_times(self.variant.method, self.variant.options, tuple(times))
        if self.weights is not None:
            load_weights(self.weights, model)
        place(model.eval(), choose_device(device))
        return model


def is_ready(variant: Variant) -> bool:
    """Whether a method fills as it is: without weights, or with those of a file."""
    return variant.weights is not None or variant.info.kind == "classical"
