"""The table at the end of a run: means, intervals, skill, and the plain words under it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.base.parquet import read_table
from bench.cells.cell import NULL
from bench.run.job import Outcome
from bench.run.ranking import Place, rank
from bench.scores.calibration import read_calibration
from bench.scores.cautions import label_remarks
from bench.scores.ceiling import CEILING, RECORD, SegmenterRecord, segmenter_caution
from bench.scores.departures import departures
from bench.scores.membranes import MEMBRANE_METRICS, labelled
from bench.scores.metrics import METRICS
from bench.scores.statistics import PLACE, Interval, mean_interval, paired_gain
from bench.scores.triplet_table import kept
from bench.stages.score import SCORES
from bench.stages.segment import MEMBRANES
from bench.store.records import WEIGHTS, load_document

SKILLS = ("psnr", "frc_10")


@dataclass(frozen=True)
class Membranes:
    """What a segmenter makes of a cell's frames, beside what it makes of the real slices.

    Attributes:
        reference: what both are compared with: ``labels``, or ``agreement`` with the
            segmentation of the real slice.
        segmenter: digest of its weights.
        threshold: probability above which a pixel is membrane.
        n: triplets that count: kept and with a truth.
        means: mean and 95 % interval of each score.
        ceiling: the same of the real middle slices.
        gap: paired difference to the ceiling.
        caution: what has to be said of the segmenter; empty for nothing.
    """

    reference: str
    segmenter: str
    threshold: float
    n: int
    means: dict[str, Interval]
    ceiling: dict[str, Interval]
    gap: dict[str, Interval]
    caution: str

    def as_json(self) -> dict[str, Any]:
        """As it stands in a row of ``bench run --json``."""
        return {
            "reference": self.reference, "segmenter": self.segmenter,
            "threshold": self.threshold, "n": self.n,
            "metrics": {name: _as_json(interval) for name, interval in self.means.items()},
            "ceiling": {name: _as_json(interval) for name, interval in self.ceiling.items()},
            "gap": {name: _as_json(interval) for name, interval in self.gap.items()},
            "caution": self.caution or None,
        }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        outcome: the cell.
        means: mean and 95 % interval of each metric over the kept test triplets.
        unfiltered: mean of each metric with the rejected triplets.
        skill: paired gain over the null, for PSNR and FRC.
        place: where it is the best, and where it cannot be told apart from the best, of both.
        scale: what the calibration frames reach, in a sentence; of the null alone.
        warnings: what has to be said under the table.
        membranes: what its frames are worth to a segmenter; None where that is not known.
    """

    outcome: Outcome
    means: dict[str, Interval]
    unfiltered: dict[str, float]
    skill: dict[str, Interval]
    warnings: list[str]
    place: Place
    scale: str = ""
    membranes: Membranes | None = None

    def as_json(self) -> dict[str, Any]:
        """The row as ``bench run --json`` prints it."""
        record = self.outcome.record
        return record.cell | {
            "status": record.status,
            "n": record.triplets,
            "metrics": {name: _as_json(interval) for name, interval in self.means.items()},
            "unfiltered": {name: _number(value) for name, value in self.unfiltered.items()},
            "skill": {name: _as_json(interval) for name, interval in self.skill.items()},
            "best": list(self.place.best),
            "tied": list(self.place.tied),
            "membranes": self.membranes.as_json() if self.membranes else None,
            "warnings": self.warnings,
            "label_remarks": label_remarks(record.dataset),
            "departures": departures(record.config),
            "failure": record.failure.reason if record.failure else None,
            "folder": str(self.outcome.folder),
        }


def summarise(outcomes: list[Outcome]) -> list[Row]:
    """One row a cell; the skill is paired with the null on the same dataset and fold."""
    tables = [_scores(outcome) for outcome in outcomes]
    nulls = {
        outcome.cell.dataset: kept(table)
        for outcome, table in zip(outcomes, tables, strict=True)
        if outcome.cell.is_null and table is not None
    }
    places = rank(outcomes, tables, SKILLS)
    return [
        _row(outcome, table, nulls.get(outcome.cell.dataset), place)
        for outcome, table, place in zip(outcomes, tables, places, strict=True)
    ]


def _scores(outcome: Outcome) -> pd.DataFrame | None:
    done = outcome.record.stages.get("score")
    if done is None or outcome.record.status == "failed":
        return None
    return read_table(outcome.folder / SCORES, done.digest)


def _row(
    outcome: Outcome, table: pd.DataFrame | None, null: pd.DataFrame | None, place: Place
) -> Row:
    warnings = list(outcome.record.warnings)
    if table is None:
        return Row(outcome, {}, {}, {}, warnings, place)
    counted = kept(table)
    places = counted[PLACE]
    means = {name: mean_interval(counted[name], places) for name in METRICS}
    unfiltered = {name: float(table[name].mean()) for name in METRICS}
    skill: dict[str, Interval] = {}
    if null is not None and not outcome.cell.is_null:
        reference = null.set_index("triplet").loc[counted["triplet"]]
        for name in SKILLS:
            skill[name] = paired_gain(counted[name], reference[name], places)
        warnings += _verdict(skill)
    scale = _scale(outcome) if outcome.cell.is_null else ""
    return Row(outcome, means, unfiltered, skill, warnings, place, scale, _membranes(outcome))


def _scale(outcome: Outcome) -> str:
    """What blur alone reaches, and noise that errs as much (on training triplets)."""
    score = outcome.record.stages["score"]
    found = read_calibration(outcome.folder, score)
    if not found:
        return ""
    reached = {}
    for kind in ("average_blurred", "truth_noisy"):
        psnr, frc, sharpness = (
            f"{found[kind][name].mean():.{METRICS[name].digits}f}"
            for name in (*SKILLS, "sharpness")
        )
        reached[kind] = f"{psnr} dB (FRC < 0.1: {frc}, sharpness: {sharpness})"
    return (
        f"For scale, not methods: the average blurred by sigma {score.facts['average_blur']:g} px "
        f"reaches {reached['average_blurred']}; the real slice with noise of sigma "
        f"{score.facts['noise']:g} grey levels, {reached['truth_noisy']}."
    )


def _membranes(outcome: Outcome) -> Membranes | None:
    done = outcome.record.stages.get("segment")
    if done is None or outcome.remark:
        return None
    facts = done.facts
    folder = outcome.folder.parent / facts["ceiling"]
    real = _ceiling(folder, facts["segmenter"])
    if real is None:
        return None
    table = labelled(read_table(outcome.folder / MEMBRANES, done.digest))
    real = real.set_index("triplet").loc[table["triplet"]].reset_index()
    if table.empty:
        return None
    means, ceiling, gap = {}, {}, {}
    for name, metric in MEMBRANE_METRICS.items():
        values, best = metric.values(table), metric.values(real)
        known = np.isfinite(values) & np.isfinite(best)
        if not known.any():
            continue
        values, best, places = values[known], best[known], table.loc[known, PLACE]
        means[name] = mean_interval(values, places)
        ceiling[name] = mean_interval(best, places)
        gap[name] = paired_gain(values, best, places)
    return Membranes(
        facts["reference"], facts["segmenter"], facts["threshold"], len(table), means, ceiling, gap,
        segmenter_caution(folder),
    )  # fmt: skip


def _ceiling(folder: Path, segmenter: str) -> pd.DataFrame | None:
    """Scores of the real middle slices; None where that segmenter is no longer there."""
    if not (folder / RECORD).exists():
        return None
    record = load_document(folder / RECORD, SegmenterRecord)
    if record.files[WEIGHTS] != segmenter:
        return None
    return read_table(folder / CEILING, record.files[CEILING])


def _verdict(skill: dict[str, Interval]) -> list[str]:
    words = verdict_words({METRICS[name].title: gain for name, gain in skill.items()})
    return [words] if words else []


def verdict_words(skill: Mapping[str, Interval]) -> str:
    """A plain word where a method is worse than the null, or not shown to beat it.

    Args:
        skill: paired gain over the null, by the title of the metric.
    """
    worse = [title for title, gain in skill.items() if gain.high < 0]
    open_ = [title for title, gain in skill.items() if not beats(gain) and title not in worse]
    words = [f"is worse than `{NULL}` in {' and '.join(worse)}"] if worse else []
    words += [f"is not shown to beat `{NULL}` in {' and '.join(open_)}"] if open_ else []
    return ", and ".join(words)


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
