"""What a benchmark finds, and how it is written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Compare = Literal["ratio", "difference"]


class UnequalError(Exception):
    """The two sides of a benchmark do not compute the same."""


@dataclass(frozen=True)
class Figure:
    """One quantity of the reference and of ours.

    Attributes:
        what: is measured, ``forward, time`` for instance.
        unit: of both values; empty for a plain number.
        reference: its median, or its only value.
        ours: likewise.
        limit: largest ours / reference (or largest distance of the two) that meets the target.
        target: the limit in words; the limit itself where there are none.
        compare: what is held against the limit.
        spread: fastest and slowest repetition of the reference and of ours, where repeated.
        repeats: turns that both took; 0 for what is not timed.
        note: what has to be known to read it.
    """

    what: str
    unit: str
    reference: float
    ours: float
    limit: float
    target: str = ""
    compare: Compare = "ratio"
    spread: tuple[float, ...] = ()
    repeats: int = 0
    note: str = ""

    @property
    def value(self) -> float:
        """What is held against the limit."""
        if self.compare == "difference":
            return abs(self.ours - self.reference)
        return self.ours / self.reference

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.limit

    def as_json(self) -> dict[str, Any]:
        """The layout of the files."""
        return {**asdict(self), "value": self.value, "met": self.met}


@dataclass(frozen=True)
class Result:
    """What one benchmark found.

    Attributes:
        figures: one for each quantity.
        equal: what was compared before, the largest error, and the tolerance.
        size: image side it ran at.
    """

    figures: list[Figure]
    equal: list[Equality]
    size: int

    def as_json(self) -> dict[str, Any]:
        """The layout of the files."""
        return {
            "size": self.size,
            "equal": [asdict(equality) for equality in self.equal],
            "figures": [figure.as_json() for figure in self.figures],
        }


@dataclass(frozen=True)
class Equality:
    """That both sides agree.

    Attributes:
        what: was compared.
        error: the largest that was found.
        tolerance: the largest that would have passed.
    """

    what: str
    error: float
    tolerance: float


@dataclass(frozen=True)
class Setting:
    """How to run a benchmark.

    Attributes:
        size: image side; None for that of the target.
        patience: seconds that the repetitions of one pair may take, about.
        say: told what is measured now.
    """

    size: int | None = None
    patience: float = 40.0
    say: Callable[[str], None] = lambda _: None


def agree(what: str, error: float, tolerance: float) -> Equality:
    """Demand that an error is within its tolerance.

    Raises:
        UnequalError: it is not; there is nothing to compare the speed of.
    """
    if not error <= tolerance:
        raise UnequalError(f"{what}: off by {error:.3g}, more than {tolerance:.3g}")
    return Equality(what, float(error), tolerance)


def worst(errors: Iterable[float]) -> float:
    """The largest of some errors; not a number if one of them is none."""
    found = list(errors)
    return float("nan") if any(error != error for error in found) else max(found)
