"""The skill: what a method gains over the null, and what may be said of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from bench.base.sentences import joined
from bench.cells.cell import NULL
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.statistics import Interval

SKILLS = ("frc_10", "psnr")


def gained(metrics: Collection[str]) -> tuple[str, ...]:
    """Those of some metrics whose gain over the null is told."""
    return tuple(name for name in SKILLS if name in metrics)


def skill(measured: Measurement, null: Measurement, metric: str) -> Interval | None:
    """The paired gain over the null.

    None where the null lacks a triplet: the gain would be one of other triplets than the mean
    that stands beside it.
    """
    return measured.gain(null, metric) if null.covers(measured) else None


def null_of(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """The null's cell on the same dataset and fold, if it looked at all the entry's triplets."""
    if entry.is_null or entry.scores is None:
        return None
    own = set(entry.scores["triplet"])
    for null in entries:
        same = (null.cell.dataset, null.cell.fold) == (entry.cell.dataset, entry.cell.fold)
        if null.is_null and same and null.scores is not None and own <= set(null.scores["triplet"]):
            return null
    return None


def triplet_gains(entry: Entry, null: Entry, metric: str) -> pd.Series[float]:
    """What each triplet of a cell gains over the null, in the order of the cell's scores."""
    if entry.scores is None or null.scores is None:
        raise ValueError("A gain needs scores on both sides.")
    reference = null.scores.set_index("triplet")[metric].loc[entry.scores["triplet"]]
    gains: pd.Series[float] = entry.scores[metric] - reference.to_numpy()
    return gains


def beats(gain: Interval) -> bool:
    """Whether a gain is above zero with its whole interval."""
    return gain.known and gain.low > 0


def verdict_words(gains: Mapping[str, Interval]) -> str:
    """A plain word where a method is worse than the null, or not shown to beat it.

    Args:
        gains: paired, over the null, by the title of the metric.
    """
    worse = [title for title, gain in gains.items() if gain.high < 0]
    open_ = [title for title, gain in gains.items() if not beats(gain) and title not in worse]
    words = [f"is worse than `{NULL}` in {joined(worse)}"] if worse else []
    words += [f"is not shown to beat `{NULL}` in {joined(open_)}"] if open_ else []
    return ", and ".join(words)
