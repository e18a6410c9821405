"""The table at the end of a run: means, intervals, skill, and the plain words under it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.job import Outcome
from bench.metrics import METRICS
from bench.plan import NULL
from bench.stages.score import SCORES, kept, read_scores
from bench.statistics import Interval, cluster_ids, cluster_interval, paired_gain

SKILLS = ("psnr", "frc_10")


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        outcome: the cell.
        means: mean and 95 % interval of each metric over the kept test triplets.
        unfiltered: mean of each metric with the rejected triplets.
        skill: paired gain over the null, for PSNR and FRC.
        warnings: what has to be said under the table.
    """

    outcome: Outcome
    means: dict[str, Interval]
    unfiltered: dict[str, float]
    skill: dict[str, Interval]
    warnings: list[str]

    def as_json(self) -> dict[str, Any]:
        """The row as ``bench run --json`` prints it."""
        record = self.outcome.record
        return record.cell | {
            "status": record.status,
            "n": record.triplets,
            "metrics": {name: _as_json(interval) for name, interval in self.means.items()},
            "unfiltered": {name: _number(value) for name, value in self.unfiltered.items()},
            "skill": {name: _as_json(interval) for name, interval in self.skill.items()},
            "warnings": self.warnings,
            "failure": record.failure.reason if record.failure else None,
            "folder": str(self.outcome.folder),
        }


def summarise(outcomes: list[Outcome]) -> list[Row]:
    """One row a cell; the skill is paired with the null on the same dataset and fold."""
    tables = [_scores(outcome) for outcome in outcomes]
    nulls = {
        outcome.cell.dataset: kept(table)
        for outcome, table in zip(outcomes, tables, strict=True)
        if outcome.cell.variant.text == NULL and table is not None
    }
    return [
        _row(outcome, table, nulls.get(outcome.cell.dataset))
        for outcome, table in zip(outcomes, tables, strict=True)
    ]


def _scores(outcome: Outcome) -> pd.DataFrame | None:
    done = outcome.record.stages.get("score")
    if done is None or outcome.record.status == "failed":
        return None
    return read_scores(outcome.folder / SCORES, done.digest)


def _row(outcome: Outcome, table: pd.DataFrame | None, null: pd.DataFrame | None) -> Row:
    warnings = list(outcome.record.warnings)
    if table is None:
        return Row(outcome, {}, {}, {}, warnings)
    counted = kept(table)
    clusters = cluster_ids(counted)
    means = {name: cluster_interval(counted[name].to_numpy(), clusters) for name in METRICS}
    unfiltered = {name: float(table[name].mean()) for name in METRICS}
    skill: dict[str, Interval] = {}
    if null is not None and outcome.cell.variant.text != NULL:
        reference = null.set_index("triplet").loc[counted["triplet"]]
        for name in SKILLS:
            skill[name] = paired_gain(counted[name], reference[name], clusters)
        warnings += _verdict(skill)
    return Row(outcome, means, unfiltered, skill, warnings)


def _verdict(skill: dict[str, Interval]) -> list[str]:
    """A plain word where a method is not shown to beat the null."""
    short = [METRICS[name].title for name, gain in skill.items() if not beats(gain)]
    if not short:
        return []
    return [f"does not beat `{NULL}` in {' and '.join(short)}"]


def beats(gain: Interval) -> bool:
    """Whether a gain is above zero with its whole interval."""
    return not math.isnan(gain.low) and gain.low > 0


def _as_json(interval: Interval) -> dict[str, float | None]:
    return {
        "mean": _number(interval.mean),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
