"""Every figure of one cell. The terminal, JSON, the page and the gate print these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from bench.scores import calibration
from bench.scores.ceiling import KINDS, LEFT_OUT, REAL, TRUE_SEGMENTS
from bench.scores.cell_scores import (
    calibration_scores,
    ceiling_scores,
    image_scores,
    membrane_scores,
    reference_scores,
)
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.metrics import METRICS
from bench.scores.skill import SKILLS, skill, verdict_words
from bench.scores.statistics import Interval

Means = dict[str, Interval]  # by metric; what was not measured is left out


@dataclass(frozen=True)
class MembraneFigures:
    """What a segmenter makes of a cell's frames, beside what it makes of the real slices.

    Each figure is formed when it is first asked for: a page asks for the means alone.

    Attributes:
        measured: of the frames.
        real: of the real middle slices.
        without: what becomes of neurites without a synthesised slice, by kind.
    """

    measured: Measurement
    real: Measurement
    without: Mapping[str, Measurement]

    @property
    def n(self) -> int:
        """Triplets that count: kept and with a truth."""
        return self.measured.count

    @cached_property
    def means(self) -> Means:
        """Of each score."""
        return _measured({name: self.measured.known(name).mean(name) for name in MEMBRANE_METRICS})

    @cached_property
    def ceiling(self) -> Means:
        """The same of the real middle slices, over the same triplets."""
        return _on_same(self.real, self.measured)

    @cached_property
    def gap(self) -> Means:
        """Paired difference to the ceiling."""
        return _gains(self.measured, self.real)

    @cached_property
    def references(self) -> Mapping[str, Means]:
        """Scores without a synthesised slice, by kind, over the same triplets.

        Empty where nobody knows the neurites on both sides of a slice.
        """
        return {
            kind: _on_same(each, self.measured) for kind, each in self.without.items() if each.count
        }

    @cached_property
    def over_left_out(self) -> Means:
        """Paired difference to the reference that leaves the slice out."""
        return _gains(self.measured, self.without[LEFT_OUT])

    @property
    def beside(self) -> dict[str, Means]:
        """The references and the ceiling by their titles, in the order in which they are read."""
        means = {KINDS[kind]: found for kind, found in self.references.items()}
        truth = means.pop(KINDS[TRUE_SEGMENTS], None)
        return means | {REAL: self.ceiling} | ({KINDS[TRUE_SEGMENTS]: truth} if truth else {})


@dataclass(frozen=True)
class CellFigures:
    """The figures of a cell, each formed when it is first asked for.

    Attributes:
        entry: the cell.
        null: the null on the same triplets; None where there is none, and for the null itself.
    """

    entry: Entry
    null: Entry | None = None

    @cached_property
    def scores(self) -> Measurement:
        """Its image scores over the kept test triplets."""
        return image_scores([self.entry])

    @property
    def count(self) -> int:
        """How many triplets were measured."""
        return self.scores.count

    @cached_property
    def means(self) -> Means:
        """Of each image metric over the kept test triplets."""
        return _means(self.scores, METRICS)

    @cached_property
    def unfiltered(self) -> Means:
        """The same with the rejected triplets."""
        return _means(image_scores([self.entry], rejected=True), METRICS)

    @cached_property
    def skill(self) -> Means:
        """The paired gain over the null."""
        if self.null is None:
            return {}
        null = image_scores([self.null])
        gains = {name: skill(self.scores, null, name) for name in SKILLS}
        return {name: gain for name, gain in gains.items() if gain is not None}

    @cached_property
    def verdict(self) -> str:
        """A plain word where it is worse than the null, or not shown to beat it."""
        return verdict_words({METRICS[name].title: gain for name, gain in self.skill.items()})

    @cached_property
    def calibration(self) -> dict[str, Means]:
        """The means of each kind of calibration frames; of the null alone."""
        found = {kind: calibration_scores([self.entry], kind) for kind in calibration.KINDS}
        return {kind: _means(each, METRICS) for kind, each in found.items() if each.count}

    @cached_property
    def membranes(self) -> MembraneFigures | None:
        """What its frames are worth to a segmenter; None where that is not known."""
        measured = membrane_scores([self.entry])
        if not measured.count:
            return None
        without = {kind: reference_scores([self.entry], kind) for kind in KINDS}
        return MembraneFigures(measured, ceiling_scores([self.entry]), without)


def _on_same(other: Measurement, measured: Measurement) -> Means:
    """Another one's membrane scores over the triplets that were measured."""
    return _measured(
        {name: other.known(name).on(measured.known(name)).mean(name) for name in MEMBRANE_METRICS}
    )


def _gains(measured: Measurement, other: Measurement) -> Means:
    """Paired differences of membrane scores."""
    return _measured(
        {name: measured.known(name).gain(other.known(name), name) for name in MEMBRANE_METRICS}
    )


def _means(measurement: Measurement, names: Iterable[str]) -> Means:
    return _measured({name: measurement.mean(name) for name in names})


def _measured(found: Mapping[str, Interval | None]) -> Means:
    """Without what was not measured."""
    return {name: interval for name, interval in found.items() if interval is not None}
