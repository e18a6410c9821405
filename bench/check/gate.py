"""The gate: are the newest figures as good as those that were accepted?

What is compared are the scores of the same triplets, pair by pair, so that even a small
change stands out from the differences between triplets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from bench.base.errors import UserError
from bench.base.files import content_digest, write_text
from bench.base.provenance import provenance
from bench.cells.registry import code_changed
from bench.scores.columns import ordered
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.membranes import with_membrane_metrics
from bench.scores.metrics import METRICS
from bench.scores.record_facts import DatasetFacts
from bench.scores.standings import cost
from bench.scores.statistics import PLACE, Interval
from bench.scores.which_record import CUTS
from bench.store.records import now

SCHEMA = 1
TRAINED = 10.0  # times the limits of a cell that is trained anew, on whatever machine
Outcome = Literal["same", "better", "worse", "missing", "failed", "stale", "incomparable"]


@dataclass(frozen=True)
class Limit:
    """How much worse a metric may become.

    Attributes:
        change: of the mean over the triplets, in the unit of the metric.
        better: the direction in which the metric improves; ``one``: nearer to 1.
        relative: whether ``change`` is a share of the accepted mean.
    """

    change: float
    better: Literal["higher", "lower", "one"]
    relative: bool = False


# Blur and noise trade PSNR, SSIM and IE for sharpness and FRC: all of them are watched, because
# each is blind to something (a slight blur of `average` improves the first three).
LIMITS: Mapping[str, Limit] = {
    "psnr": Limit(0.05, "higher"),
    "ssim": Limit(0.001, "higher"),
    "ie": Limit(0.1, "lower"),
    "frc_10": Limit(0.005, "higher"),
    "frc_25": Limit(0.005, "higher"),
    "sharpness": Limit(0.03, "one", relative=True),
    "dice": Limit(0.005, "higher"),
    "carried": Limit(0.01, "higher"),  # some hundred neurites: one is a quarter of this
    "second_dice": Limit(0.005, "higher"),  # where a second judge scores
    "second_carried": Limit(0.01, "higher"),
}
_ANEW = "raise its info.revision if its outputs changed, or run it with --rerun"
_SEGMENTED = (
    "dice",
    "carried",
    "second_dice",
    "second_carried",
)  # what a triplet without labels has not


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


@dataclass(frozen=True)
class Baseline:
    """Accepted figures.

    Attributes:
        cells: for each cell its words, the fingerprint of its dataset, what cut it short
            (``--samples``, ``--max-triplets``), its scores by triplet and the factor by which its
            limits are widened (a training's are).
        reason: why they were accepted.
        origin: commit, machine, versions and time.
        config: the configuration whose figures they are, as a path from the file of accepted
            figures; None where they were taken from a store.
    """

    cells: list[dict[str, Any]]
    reason: str
    origin: dict[str, Any]
    config: str | None = None


def accept(entries: Iterable[Entry], reason: str, config: str | None = None) -> Baseline:
    """A baseline of these cells.

    Args:
        entries: the cells; each must have scores.
        reason: why these figures are right.
        config: see ``Baseline``.

    Raises:
        UserError: a cell has no scores or one that is not finite, its code has changed since, or
            no reason is given.
    """
    check_reason(reason)
    cells = []
    for entry in entries:
        table = _scores(entry)
        if is_stale(entry):
            raise UserError(
                f"{entry.title} on {entry.cell.dataset} was computed by other code than is "
                f"installed; {_ANEW} before its figures are accepted."
            )
        if table is None:
            raise UserError(
                f"{entry.title} on {entry.cell.dataset} is {entry.record.status} and has no "
                "scores; figures that are not there cannot be accepted."
            )
        cells.append(
            {
                "cell": entry.record.cell,
                "title": entry.title,
                "fingerprint": entry.dataset.fingerprint,
                "cut": _cut(entry),
                "widen": TRAINED if entry.trained else 1.0,
                "scores": {
                    name: _figures(entry, table, name) for name in table.columns.drop(PLACE)
                },
            }
        )
    return Baseline(cells, reason, provenance() | {"accepted": now()}, config)


def _cut(entry: Entry) -> dict[str, int]:
    """What made a run compute less than there is; only a training counts crops."""
    config = entry.record.config
    names = [name for name in CUTS if name != "samples" or entry.trained]
    return {name: config[name] for name in names if config.get(name) is not None}


def _figures(entry: Entry, table: pd.DataFrame, name: str) -> list[Any]:
    """A column as JSON has it; what a triplet without labels has not is None."""
    values = table[name].tolist()
    if name in _SEGMENTED:
        values = [None if math.isnan(value) else value for value in values]
    for triplet, value in zip(table["triplet"], values, strict=True):
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"{METRICS[name].title} of {entry.title} on {entry.cell.dataset} is {value} at "
                f"triplet {triplet}, which cannot be accepted; a prediction that equals the real "
                "slice, or a slice of one grey level, should be no test triplet."
            )
    return values


def check_reason(reason: str) -> None:
    """Refuse to accept figures for no reason.

    Raises:
        UserError: none is given.
    """
    if not reason.strip():
        raise UserError("New figures are accepted only with --reason TEXT that says why.")


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
        return [Finding(name, "", "stale", words=f"its code has changed since; {_ANEW}")]
    if not _same_dataset(entry.dataset, accepted["fingerprint"]):
        words = "its dataset is not the one the accepted figures were measured on"
        return [Finding(name, "", "incomparable", words=words)]
    cut = _cut(entry)
    if cut != accepted.get("cut", cut):  # figures of before that was written do not know
        words = (
            f"its newest run was{_options(cut)}, the accepted one was{_options(accepted['cut'])}; "
            "run it like that one, with --rerun"
        )
        return [Finding(name, "", "incomparable", words=words)]
    table = _scores(entry)
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


def is_stale(entry: Entry) -> bool:
    """Whether a cell is of another package's method whose code is not what it was then."""
    return code_changed(entry.cell.method.partition("[")[0], entry.record.method)


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
    if metric in _SEGMENTED and not pair.covers(metric):
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


def _scores(entry: Entry) -> pd.DataFrame | None:
    """The watched metrics of a cell's triplets, in their order, and where each lies."""
    table = entry.scores
    if table is None or entry.record.status == "failed":
        return None
    if entry.membranes is not None:
        found = with_membrane_metrics(entry.membranes)
        names = [name for name in _SEGMENTED if name in found and found[name].notna().any()]
        table = table.merge(found[["triplet", *names]], on="triplet", how="left")
    columns = ["triplet", *PLACE, *(name for name in LIMITS if name in table)]
    return table[columns].sort_values("triplet", ignore_index=True)


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write accepted figures, with a digest over them."""
    content: dict[str, Any] = {
        "schema": SCHEMA, "reason": baseline.reason, "origin": baseline.origin,
        "config": baseline.config, "cells": baseline.cells,
    }  # fmt: skip
    content["digest"] = content_digest(content)
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def load_baseline(path: Path) -> Baseline:
    """Read accepted figures.

    Raises:
        UserError: there are none, they are damaged, or a newer version wrote them.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema, digest = content["schema"], content.pop("digest")
    except FileNotFoundError as error:
        raise UserError(
            f'There are no accepted figures in {path}; `bench check --accept --reason "..."` '
            "writes them."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of accepted figures ({error}).") from error
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"{path} was written by a newer version of interslice; upgrade to read it.")
    if digest != content_digest(content):
        raise UserError(
            f"{path} is damaged (its digest does not fit); take it from the repository again."
        )
    return Baseline(content["cells"], content["reason"], content["origin"], content.get("config"))
