"""The gate: are the newest figures as good as those that were accepted?

What is compared are the scores of the same triplets, pair by pair, so that even a small
change stands out from the differences between triplets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from bench.base.files import content_digest
from bench.check.baseline import Baseline
from bench.check.watched import (
    COMPUTE_ANEW,
    LIMITS,
    SEGMENTED,
    Limit,
    cut_of,
    is_stale,
    watched_scores,
)
from bench.scores.columns import ordered
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.record_facts import DatasetFacts
from bench.scores.standings import cost
from bench.scores.statistics import PLACE, Interval

Outcome = Literal["same", "better", "worse", "missing", "failed", "stale", "incomparable"]


@dataclass(frozen=True)
class Finding:
    """One metric of one cell, or a cell that is not there.

    Attributes:
        cell: what was compared, in words.
        metric: its name; empty where the whole cell is meant.
        accepted: the accepted mean.
        measured: the mean now.
        change: measured - accepted, paired, with its 95 % interval.
        limit: the change that is still let through, as a positive number in the metric's unit.
        outcome: what that amounts to.
        words: the reason, where the whole cell is meant.
    """

    cell: str
    metric: str
    outcome: Outcome
    accepted: float = float("nan")
    measured: float = float("nan")
    change: Interval | None = None
    limit: float = float("nan")
    words: str = ""

    @property
    def trips(self) -> bool:
        """Whether the gate closes on it."""
        return self.outcome not in ("same", "better")

    @property
    def beyond_noise(self) -> bool:
        """Whether the change's interval leaves out zero."""
        gain = self.change
        return gain is not None and (gain.low > 0 or gain.high < 0)


def compare(baseline: Baseline, entries: Iterable[Entry]) -> list[Finding]:
    """Every metric of every accepted cell against what is measured now."""
    measured = {content_digest(entry.record.cell): entry for entry in entries}
    findings = []
    for accepted in baseline.cells:
        findings += _compare_cell(accepted, measured.get(content_digest(accepted["cell"])))
    return findings


def not_accepted(baseline: Baseline, entries: Iterable[Entry]) -> list[str]:
    """The cells, in words, that a baseline has no figures of: nothing watches over them."""
    known = {content_digest(accepted["cell"]) for accepted in baseline.cells}
    others = (entry for entry in entries if content_digest(entry.record.cell) not in known)
    return list(dict.fromkeys(f"{entry.title} on {entry.cell.dataset}" for entry in others))


def _compare_cell(accepted: dict[str, Any], entry: Entry | None) -> list[Finding]:
    name = f"{accepted['title']} on {accepted['cell']['dataset']}"
    if entry is None:
        return [Finding(name, "", "missing", words="there is no record of it")]
    if entry.record.failure is not None:
        return [Finding(name, "", "failed", words=entry.record.failure.reason.splitlines()[0])]
    if is_stale(entry):
        return [Finding(name, "", "stale", words=f"its code has changed since; {COMPUTE_ANEW}")]
    if not _same_dataset(entry.dataset, accepted["fingerprint"]):
        words = "its dataset is not the one the accepted figures were measured on"
        return [Finding(name, "", "incomparable", words=words)]
    cut = cut_of(entry)
    if cut != accepted.get("cut", cut):  # figures of before that was written do not know
        words = (
            f"its newest run was{_options(cut)}, the accepted one was{_options(accepted['cut'])}; "
            "run it like that one, with --rerun"
        )
        return [Finding(name, "", "incomparable", words=words)]
    table = watched_scores(entry)
    if table is None:
        words = f"it is {entry.record.status} and has no scores"
        return [Finding(name, "", "missing", words=words)]
    before = pd.DataFrame(accepted["scores"])
    before = before.astype({name: float for name in LIMITS if name in before})
    if before["triplet"].tolist() != table["triplet"].tolist():
        return [Finding(name, "", "incomparable", words="it was scored on other triplets")]
    pair = _Pair(entry, before, table)
    return [
        _compare_metric(name, metric, pair, accepted["widen"])
        for metric in ordered(LIMITS)
        if metric in before
    ]


def _options(cut: Mapping[str, int]) -> str:
    """As they stand on the command line; in words where there are none."""
    given = (f" --{name.replace('_', '-')} {value}" for name, value in cut.items())
    return f" with{''.join(given)}" if cut else " not cut short"


def _same_dataset(facts: DatasetFacts, accepted: str) -> bool:
    """Whether a dataset is the accepted one, as far as a digest can tell.

    A generated volume's last bits are the machine's; the scores of `average` hold it instead.
    """
    return facts.generated or facts.fingerprint == accepted


@dataclass(frozen=True)
class _Pair:
    """The accepted scores of a cell and those of now, in the same order of triplets."""

    entry: Entry
    before: pd.DataFrame
    table: pd.DataFrame

    def covers(self, metric: str) -> bool:
        """Whether both have a number at the same triplets: one without labels has no Dice."""
        return self.before[metric].notna().equals(self.table[metric].notna())

    def accepted(self, metric: str) -> Measurement:
        """What was accepted; a triplet without a number counts neither then nor now."""
        return self._measurement(self.before.join(self.table[PLACE]), metric)

    def measured(self, metric: str) -> Measurement:
        """What is measured now, over the same triplets."""
        return self._measurement(self.table, metric)

    def _measurement(self, table: pd.DataFrame, metric: str) -> Measurement:
        return Measurement((self.entry,), (table[self.before[metric].notna()],))


def _compare_metric(name: str, metric: str, pair: _Pair, widen: float) -> Finding:
    rule, before = LIMITS[metric], pair.accepted(metric)
    mean = before.mean(metric)
    accepted = float("nan") if mean is None else mean.mean
    limit = rule.change * widen * (abs(accepted) if rule.relative else 1.0)
    if metric not in pair.table:
        return Finding(name, metric, "missing", accepted, limit=limit, words="it is not measured")
    if metric in SEGMENTED and not pair.covers(metric):
        words = "its labels cover other triplets"
        return Finding(name, metric, "incomparable", accepted, limit=limit, words=words)
    now = pair.measured(metric)
    change, measured = now.gain(before, metric), now.mean(metric)
    if change is None or measured is None:
        raise ValueError(f"{name} has no triplet to compare {metric} on.")
    outcome = _judge(change.mean, accepted, limit, rule)
    return Finding(name, metric, outcome, accepted, measured.mean, change, limit)


def _judge(change: float, accepted: float, limit: float, rule: Limit) -> Outcome:
    if not np.isfinite(change):
        return "worse"  # an infinity or NaN is nothing to let through
    if abs(change) <= limit:
        return "same"
    improved = cost(accepted + change, rule.better) < cost(accepted, rule.better)
    return "better" if improved else "worse"
