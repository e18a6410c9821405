"""How a number and its interval are written: for JSON, and for people."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.scores.statistics import Interval


def finite(value: float) -> float | None:
    """The number for JSON, which knows neither infinity nor NaN: None in place of those."""
    return float(value) if math.isfinite(value) else None


def interval_json(interval: Interval) -> dict[str, float | None]:
    """A mean and both ends of its interval, for JSON."""
    return {
        "mean": finite(interval.mean),
        "low": finite(interval.low),
        "high": finite(interval.high),
    }


def interval_text(interval: Interval, write: Callable[[float], str], unit: str = "") -> str:
    """A mean and its interval, ``+0.48 [+0.35, +0.61]``; the mean alone where there is none.

    Args:
        interval: to be written.
        write: writes one number.
        unit: stands behind the mean.
    """
    mean = write(interval.mean) + unit
    if not interval.known:
        return mean
    return f"{mean} [{write(interval.low)}, {write(interval.high)}]"


def signed(digits: int) -> Callable[[float], str]:
    """What writes a number with its sign and that many decimals."""
    return lambda value: f"{value:+.{digits}f}"
