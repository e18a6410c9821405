"""What the end of a run prints of each cell: its figures, its marks, the plain words under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.cells.outcome import Outcome
from bench.scores.answer import Answer, answers
from bench.scores.cautions import label_remarks
from bench.scores.cell_figures import CellFigures, Means, MembraneFigures
from bench.scores.columns import RANKED
from bench.scores.departures import departures
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.notation import finite, interval_json
from bench.scores.skill import null_of
from bench.scores.standings import Marks, marks_of


@dataclass(frozen=True)
class Row:
    """One cell of the table.

    Attributes:
        outcome: the cell.
        figures: what was measured; nothing where the run failed.
        marks: where it is the best, and where it cannot be told apart from the best, of
            ``RANKED``.
    """

    outcome: Outcome
    figures: CellFigures
    marks: Marks

    @property
    def membranes(self) -> MembraneFigures | None:
        """What its frames are worth to a segmenter, where this run says so."""
        found = None if self.outcome.remark else self.figures.membranes
        return found if found and found.ceiling else None

    @property
    def warnings(self) -> list[str]:
        """What has to be said under the table; of a cell that failed there are no figures."""
        if self.outcome.record.status == "failed":
            return []
        return [
            *self.outcome.record.warnings,
            *filter(None, [self.figures.verdict, self.figures.entry.ceiling_damage]),
        ]

    @property
    def scale(self) -> str:
        """What blur alone reaches, and noise that errs as much; empty but for the null."""
        facts, reached = self.figures.entry.facts.score, self.figures.calibration
        if facts is None or not reached:
            return ""
        words = {kind: _reached(means) for kind, means in reached.items()}
        return (
            f"For scale, not methods: the average blurred by sigma {facts.average_blur:g} px "
            f"reaches {words['average_blurred']}; the real slice with noise of sigma "
            f"{facts.noise:g} grey levels, {words['truth_noisy']}."
        )

    def as_json(self) -> dict[str, Any]:
        """The row as ``bench run --json`` prints it."""
        record, figures = self.outcome.record, self.figures
        unfiltered = {name: finite(mean.mean) for name, mean in figures.unfiltered.items()}
        return record.cell | {
            "status": record.status,
            "n": figures.count,
            "metrics": _as_json(figures.means),
            "unfiltered": unfiltered,
            "skill": _as_json(figures.skill),
            "best": list(self.marks.best),
            "tied": list(self.marks.tied),
            "membranes": _membranes_json(figures.entry, self.membranes),
            "warnings": self.warnings,
            "label_remarks": label_remarks(self.figures.entry.dataset),
            "departures": departures(record.config),
            "failure": record.failure.reason if record.failure else None,
            "folder": str(self.outcome.folder),
        }


def summarise(outcomes: list[Outcome]) -> list[Row]:
    """One row a cell; the skill is paired with the null of this run."""
    entries = [_entry(outcome) for outcome in outcomes]
    marks = marks_of(entries, RANKED)
    return [
        Row(outcome, CellFigures(entry, null_of(entry, entries)), mark)
        for outcome, entry, mark in zip(outcomes, entries, marks, strict=True)
    ]


def answers_of(rows: list[Row]) -> list[Answer]:
    """What to take, one answer a dataset."""
    return answers(row.figures.entry for row in rows)


def _entry(outcome: Outcome) -> Entry:
    """The cell with its figures. Those of a failed one are left out: the files are older."""
    record = outcome.record
    if record.status == "failed":
        record = record.model_copy(update={"stages": {}})
    return Entry(outcome.folder, record)


def _as_json(means: Means) -> dict[str, dict[str, float | None]]:
    return {name: interval_json(interval) for name, interval in means.items()}


def _membranes_json(entry: Entry, found: MembraneFigures | None) -> dict[str, Any] | None:
    facts = entry.facts.segment
    if found is None or facts is None:
        return None
    return {
        "reference": facts.reference,
        "segmenter": facts.segmenter,
        "threshold": facts.threshold,
        "n": found.n,
        "metrics": _as_json(found.means),
        "ceiling": _as_json(found.ceiling),
        "gap": _as_json(found.gap),
        "references": {kind: _as_json(means) for kind, means in found.references.items()},
        "over_left_out": _as_json(found.over_left_out),
        "caution": entry.segmenter_caution or None,
    }


def _reached(means: Means) -> str:
    psnr, frc, sharpness = (
        f"{means[name].mean:.{METRICS[name].digits}f}" for name in ("psnr", "frc_10", "sharpness")
    )
    return f"{psnr} dB (FRC < 0.1: {frc}, sharpness: {sharpness})"
