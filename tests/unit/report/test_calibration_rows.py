"""The calibration rows of the extended table 4: shown apart, compared with nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_store import add, calibration, scores

from bench.report.render_csv import csv_text
from bench.report.render_html import html
from bench.report.render_latex import latex
from bench.report.render_markdown import markdown
from bench.report.reported import load_reported
from bench.report.selection import select
from bench.report.table import Table, TableRow
from bench.report.tables import TABLES
from bench.scores.columns import SHOWN
from bench.scores.results import load_results
from bench.scores.statistics import paired_gain
from bench.store.records import CALIBRATION

# Better than every method in everything that is compared.
REACHED = {"average_blurred": 19.4, "truth_blurred": 30.0, "truth_noisy": 19.5}
LABELS = ["Average, blurred", "Real slice, blurred", "Real slice with noise"]


def fill(out: Path, *, calibrated: bool) -> Path:
    table = calibration(**REACHED) if calibrated else None
    for dataset in ("mouse_triplet", "fly"):
        add(out, "linear", table=scores("linear", 19.0), dataset=dataset, calibrated=table)
        add(out, "flow", table=scores("flow", 18.8), dataset=dataset)
    return out


def extended(out: Path) -> Table:
    results = load_results(out, out / "data", print)
    _, table = TABLES["4"](select(results, (), None, load_reported(), out / "profile"))
    return table


def rows_below(table: Table, heading: str) -> list[TableRow]:
    first = [row.label for row in table.rows].index(heading)
    following = table.rows[first + 1 :]
    count = next((i for i, row in enumerate(following) if not row.cells), len(following))
    return list(following[:count])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return extended(fill(tmp_path_factory.mktemp("results"), calibrated=True))


def test_each_dataset_ends_with_them_below_a_rule(table: Table) -> None:
    for dataset in ("mouse_triplet", "fly"):
        heading = f"{dataset}, for calibration: not methods"
        (row,) = [row for row in table.rows if row.label == heading]
        assert row.rule
        assert [below.label for below in rows_below(table, heading)] == LABELS


def test_they_show_their_means_and_gains_and_compete_for_nothing(table: Table) -> None:
    rows = rows_below(table, "fly, for calibration: not methods")
    for row, (kind, mean) in zip(rows, REACHED.items(), strict=True):
        assert row.cells[SHOWN.index("psnr")].value == pytest.approx(mean)
        assert not any(cell.emphasis or cell.tie for cell in row.cells)
        own, null = scores(kind, mean), scores("linear", 19.0)
        gain = paired_gain(own["psnr"], null["psnr"], own)
        assert (row.cells[-1].value, row.cells[-1].low) == pytest.approx((gain.mean, gain.low))


def test_the_methods_places_are_as_without_them(table: Table, tmp_path: Path) -> None:
    def places(of: Table) -> list[tuple[str, str, bool]]:
        rows = [row for row in of.rows if row.label not in LABELS]
        return [(cell.text, cell.emphasis, cell.tie) for row in rows for cell in row.cells]

    assert places(table) == places(extended(fill(tmp_path, calibrated=False)))
    assert "best" in {emphasis for _, emphasis, _ in places(table)}


def test_footnotes_say_what_they_are_and_how_much_blur(table: Table) -> None:
    said = dict(table.notes)
    rows = rows_below(table, "fly, for calibration: not methods")
    blurred, truth, noisy = (" ".join(said[mark] for mark in row.marks) for row in rows)
    assert "sigma 2 px" in blurred
    assert "sigma 1 px" in truth
    assert "sigma 28.6 grey levels" in noisy
    (heading,) = [row for row in table.rows if row.label.startswith("fly, for")]
    assert "take no part in best, second" in said[heading.marks[0]]


def test_all_formats_set_them_apart(table: Table) -> None:
    assert "| *fly, for calibration: not methods<sup>" in markdown(table)
    assert '<tr class="rule"><th scope="rowgroup" colspan="9">fly, for calib' in html(table)
    assert "\\midrule\n\\multicolumn{9}{@{}l}{\\emph{fly, for calibration" in latex(
        table
    ).replace(",\\allowbreak{}", ",")  # fmt: skip
    assert '"fly, for calibration: not methods",Real slice with noise,,PSNR (dB),19.5' in csv_text(
        table
    )


def test_a_store_without_them_says_how_to_get_them(tmp_path: Path) -> None:
    fill(tmp_path, calibrated=True)
    for folder in tmp_path.glob("runs/fly/linear-*"):
        (folder / CALIBRATION).write_bytes(b"damaged")
    table = extended(tmp_path)
    assert rows_below(table, "fly, for calibration: not methods") == []
    assert len(rows_below(table, "mouse_triplet, for calibration: not methods")) == 3
    (heading,) = [row for row in table.rows if row.label.startswith("fly, for")]
    assert "repeat the run" in dict(table.notes)[heading.marks[0]]
    (linear,) = [row for row in rows_below(table, "fly") if row.label.startswith("Linear")]
    assert linear.cells[0].text != "–"


def test_a_null_that_was_not_run_leaves_no_heading(tmp_path: Path) -> None:
    add(tmp_path, "flow", table=scores("flow", 18.8))
    assert not any("calibration" in row.label for row in extended(tmp_path).rows)
