"""How far to trust what is filled: what hidden slices of the same volume say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base.files import content_digest
from bench.repair.disagreement import Moved, moved
from bench.repair.error_map import ErrorModel, Sample, features, sample
from bench.repair.expected import JUDGED, SCORES, Bounds, expected_score
from bench.repair.hidden import Hidden
from bench.repair.neighbours import Neighbours
from bench.repair.refusal import Difference, difference, refusal
from bench.repair.scale import Scale, scale, scored, together
from bench.repair.slices import Grey, Slice, Window
from bench.scores.notation import finite

_SIDE = 1024  # pixels: of the middle of a slice whose difference is that of the gap


class Reached(NamedTuple):
    """What a window says that was hidden and filled, or a gap of test triplets.

    Attributes:
        difference: of its neighbours.
        scores: that it reached, by metric.
        scale: what it says whatever fills it; None of a gap of test triplets.
    """

    difference: Difference
    scores: Mapping[str, float]
    scale: Scale | None = None


class Seen(NamedTuple):
    """What a window says that was hidden and filled.

    Attributes:
        sample: some of its pixels, with their errors.
        reached: its scores.
    """

    sample: Sample
    reached: Reached


@dataclass(frozen=True)
class Trust:
    """What hidden slices say of a method on gaps of one size.

    Attributes:
        errors: expected absolute error of a pixel.
        hidden: what each window says that was hidden.
        tried: how many windows the method itself filled; the others tell of a network what it would
            reach there.
        judged: what each gap of test triplets says whose neurites were judged; empty where that
            was not measured.
    """

    errors: ErrorModel
    hidden: tuple[Reached, ...]
    tried: int
    judged: tuple[Reached, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """All of it, to be kept."""
        hidden, judged = (
            [[*each.difference, *each.scores.values()] for each in reached]
            for reached in (self.hidden, self.judged)
        )
        return {
            "errors": self.errors.model_dump(mode="json"),
            "hidden": hidden,
            "scales": [each.scale for each in self.hidden],
            "tried": self.tried,
            "judged": judged,
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Trust:
        """What was kept."""
        hidden, judged = (
            tuple(
                Reached(Difference(unlike, detail), dict(zip(names, scores, strict=True)))
                for unlike, detail, *scores in kept[what]
            )
            for what, names in (("hidden", SCORES), ("judged", JUDGED))
        )
        scales = (None if each is None else Scale(*each) for each in kept["scales"])
        hidden = tuple(
            each._replace(scale=found) for each, found in zip(hidden, scales, strict=True)
        )
        return cls(ErrorModel.model_validate(kept["errors"]), hidden, kept["tried"], judged)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        kept = self.as_json()
        # A slice that was filled to the bit has no finite PSNR.
        numbers = [[finite(number) for number in row] for row in (*kept["hidden"], *kept["judged"])]
        return content_digest([kept["errors"], numbers])

    def error(self, before: Grey, grey: Grey, after: Grey, time: float) -> NDArray[np.float32]:
        """The expected absolute error of each pixel, HW, in grey levels.

        Args:
            before: HW in [0, 1], what the slice before shows there.
            grey: HW in [0, 1], what was synthesised.
            after: HW in [0, 1], what the slice after shows there.
            time: of the slice.
        """
        one, here, other = map(_levels, (before, grey, after))
        return self.errors.expected(features(one, here, other, moved(one, other, time)))

    def difference(self, beside: Neighbours, z: int) -> Difference:
        """How much the neighbours of a slice differ, where their tissue follows each other."""
        height, width = beside.slices.shape
        rows, columns = min(height, _SIDE), min(width, _SIDE)
        window = Window((height - rows) // 2, (width - columns) // 2, rows, columns)
        before, after = map(_levels, beside.laid_on(z, window))
        return difference(before, after, moved(before, after, beside.gap.time(z)))

    def told(self) -> dict[str, Any]:
        """What all of it rests on, as the record of a repair keeps it."""
        scales = [each.scale for each in self.hidden if each.scale is not None]
        return {
            "hidden": len(self.hidden),
            "tried": self.tried,
            **together([each.scores for each in self.hidden], scales),
        }

    def refusal(self, gap: Difference) -> str:
        """Why a gap is not filled whose neighbours differ that much; empty where it is."""
        return refusal(gap, [each.difference for each in self.hidden])

    def expected(self, gap: Difference) -> dict[str, dict[str, float | None]]:
        """The scores that a slice is expected to have, each with its interval."""
        return _expected(gap, self.hidden, SCORES) | _expected(gap, self.judged, JUDGED)


def _expected(
    gap: Difference, reached: Sequence[Reached], bounds: Bounds
) -> dict[str, dict[str, float | None]]:
    differences = [each.difference.unlikeness for each in reached]
    found = {}
    for name, ends in bounds.items():
        scores = [each.scores[name] for each in reached]
        expected = expected_score(gap.unlikeness, differences, scores, ends)
        if expected is not None:
            found[name] = {
                "score": round(expected.score, 4),
                "low": round(expected.low, 4),
                "high": round(expected.high, 4),
                "coverage": expected.coverage,
            }
    return found


def seen(hidden: Hidden) -> Seen:
    """What a window says that was hidden and filled."""
    before, grey, after, truth, beside = _compared(hidden)
    return Seen(sample(features(before, grey, after, beside), grey, truth), reached(hidden))


def reached(hidden: Hidden) -> Reached:
    """What a window reached that was hidden and filled."""
    before, grey, after, truth, beside = _compared(hidden)
    time = hidden.place.gap.time(hidden.place.z)
    return Reached(
        difference(before, after, beside),
        scored(grey, truth),
        scale(hidden.brighter, before, after, truth, time),
    )


def _compared(hidden: Hidden) -> tuple[Slice, Slice, Slice, Slice, Moved]:
    """Before, what was filled, after, truth, and the neighbours moved to it."""
    before, grey, after, truth = map(
        _levels, (hidden.before, hidden.grey, hidden.after, hidden.truth)
    )
    beside = moved(before, after, hidden.place.gap.time(hidden.place.z))
    return before, grey, after, truth, beside


def learned(
    hidden: Sequence[Seen], reaching: tuple[Reached, ...], judged: tuple[Reached, ...]
) -> Trust:
    """What windows together say that were hidden and filled.

    Args:
        hidden: what each says.
        reaching: what these reached, or would reach in windows of the whole volume.
        judged: what gaps of test triplets say.

    Raises:
        UserError: there are none.
    """
    errors = ErrorModel.fit(each.sample for each in hidden)
    return Trust(errors, reaching, len(hidden), judged)


def _levels(grey: Grey) -> Slice:
    return np.rint(255 * grey).astype(np.uint8)
