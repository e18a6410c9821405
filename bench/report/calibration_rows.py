"""The rows of table 4 that are no methods, but tell how to read those of the methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.cells.cell import NULL
from bench.report.score_cells import gain_cells, mean_cells
from bench.report.selection import Selection
from bench.report.table import Notes, TableRow
from bench.scores.entry import Entry
from bench.scores.skill import gained
from bench.scores.standings import Standing
from bench.store.records import NONE

_LABELS = {
    "average_blurred": "Average, blurred",
    "truth_blurred": "Real slice, blurred",
    "truth_noisy": "Real slice with noise",
}
_WHAT = {
    "average_blurred": (
        "the average blurred by a Gaussian of sigma {average_blur} px, which errs least on "
        "training triplets: what blur alone is worth."
    ),
    "truth_blurred": (
        "the real slice blurred by a Gaussian of sigma {truth_blur} px: every structure in its "
        "place, the detail gone."
    ),
    "truth_noisy": (
        "the real slice with Gaussian noise of sigma {noise} grey levels, as much as the blurred "
        "average errs on training triplets: everything is there, and the PSNR no better."
    ),
}
_APART = "no methods, but frames to read the columns by; they take no part in best, second and `=`."


def calibration_rows(
    selection: Selection, dataset: str, metrics: Sequence[str], notes: Notes
) -> Iterator[TableRow]:
    """A heading and a row for each kind; nothing where the null has no cell, or rows are chosen."""
    entries = selection.cells((NULL,), NONE, dataset)
    if not entries or selection.shown.methods:
        return
    heading = f"{dataset}, for calibration: not methods"
    measured = {kind: selection.calibration(kind, dataset) for kind in _LABELS}
    null = selection.scores((NULL,), NONE, dataset)
    if any(each.scores is None or each.count < null.count for each in measured.values()):
        why = f"not stored beside all scores of `{NULL}`; repeat the run: it takes seconds."
        yield TableRow(heading, marks=notes.mark(why), rule=True)
        return
    yield TableRow(heading, marks=notes.mark(_APART), rule=True)
    sigmas = {name: _sigma(entries, name) for name in ("average_blur", "truth_blur", "noise")}
    for kind, label in _LABELS.items():
        marks = notes.mark(_WHAT[kind].format(**sigmas))
        standing = [Standing()] * len(metrics)
        cells = mean_cells(measured[kind], metrics, standing, notes, (), spread=True)
        cells += gain_cells(measured[kind], null, gained(metrics), dataset, notes)
        yield TableRow(label, tuple(cells), marks)


def _sigma(entries: Sequence[Entry], name: str) -> str:
    """As it is in the records; a fold may have chosen another than the others."""
    found: set[float | None] = {getattr(entry.facts.score, name, None) for entry in entries}
    return ", ".join(f"{value:g}" for value in sorted(v for v in found if v is not None))
