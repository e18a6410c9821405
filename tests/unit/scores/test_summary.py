"""The marks of a run's table: the best, and what cannot be told apart from it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from report_store import add, add_ceiling, calibration, membranes, scores
from rich.console import Console

from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.outcome import Outcome
from bench.commands.run_table import print_rows
from bench.report.reported import load_reported
from bench.report.selection import select
from bench.report.table import Table
from bench.report.tables import TABLES
from bench.scores.results import load_results
from bench.scores.summary import Row, summarise
from bench.store.records import Failure, Store

CLOSE = {"linear": 19.0, "average": 18.5, "flow": 19.0005}


def run(
    out: Path,
    methods: str,
    tables: list[pd.DataFrame | None],
    seeds: str = "0",
    *,
    segmented: pd.DataFrame | None = None,
) -> list[Row]:
    """The rows of a run whose cells, the null first, have these scores, and all these membranes."""
    config = RunConfig.model_validate(
        {"methods": methods, "dataset": "mouse_triplet", "losses": "l1", "seeds": seeds}
    )
    store, outcomes = Store(out), []
    for cell, table in zip(plan(config), tables, strict=True):
        failure = None if table is not None else Failure(stage="train", reason="no", traceback="")
        calibrated = None
        if cell.is_null:
            calibrated = calibration(average_blurred=18.9, truth_blurred=30, truth_noisy=18.91)
        folder = add(
            out, cell.variant.text, cell.loss, table=table, seed=cell.seed, failure=failure,
            status="done" if failure is None else "failed", calibrated=calibrated,
            segmented=segmented,
        )  # fmt: skip
        record = store.load(folder)
        assert record is not None
        outcomes.append(Outcome(cell, folder, record))
    return summarise(outcomes)


def printed(rows: list[Row], *, colours: bool = False, width: int = 200) -> str:
    stream = io.StringIO()
    print_rows(rows, Console(file=stream, width=width, force_terminal=colours))
    return stream.getvalue()


def line(text: str, method: str) -> str:
    return next(found for found in text.splitlines() if found.startswith(f"{method} "))


@pytest.fixture
def close(tmp_path: Path) -> list[Row]:
    """`flow` is the best, `linear` next to it, `average` far behind."""
    return run(tmp_path, "average,flow", [scores(name, mean) for name, mean in CLOSE.items()])


def test_what_cannot_be_told_apart_is_marked_and_explained(close: list[Row]) -> None:
    text = printed(close)
    assert "  = 19.00  " in line(text, "linear")
    assert "  * 19.00  " in line(text, "flow")  # nothing is bold here
    assert "    18.50  " in line(text, "average")
    assert "= cannot be told apart from the best: paired over the test triplets" in text
    assert "The intervals of gains are not, so that one may leave out zero beside a =." in text
    bold = line(printed(close, colours=True), "flow")
    assert re.search(r"\x1b\[1m *19\.00", bold)
    assert not re.search(r"\x1b\[1m *18\.50", printed(close, colours=True))


@pytest.mark.parametrize("width", [80, 180])
def test_no_table_is_wider_than_80_columns_and_no_number_is_broken(
    tmp_path: Path, width: int
) -> None:
    methods = "ssan,ssan[aggregation=kel]"
    tables = [scores(str(i), 19 + i / 10, i) for i in range(1 + 2 * 2)]
    rows = run(tmp_path, methods, tables, seeds="0,1", segmented=membranes(0.7))
    add_ceiling(tmp_path)
    text = printed(rows, width=width)
    lines = [line for line in text.splitlines() if line.startswith(("ssan", "real", "linear"))]
    numbers = [line for line in lines if ":" not in line and "95 %" not in line]  # no title
    assert len(numbers) == 5 + 4 + 5 + (1 + 5)
    assert all(re.search(r"\d(\]|\d)$", line.rstrip()) for line in numbers)
    names = [part for line in numbers for part in re.findall(r"ssan\[\S*", line)]
    assert names
    if width == 80:
        assert max(len(line) for line in numbers) <= 80
    else:
        assert set(names) == {"ssan[aggregation=kel]"}


def test_what_is_said_of_several_cells_is_said_once_and_above_the_tables(tmp_path: Path) -> None:
    tables: list[pd.DataFrame | None] = [scores("linear", 19.0), *([scores("same", 18.0)] * 2)]
    lines = printed(run(tmp_path, "average,flow", tables), width=80).splitlines()
    (said,) = [i for i, line in enumerate(lines) if "is worse than `linear`" in line]
    assert lines[said].startswith("average, flow: is worse than `linear` in ")
    heads = [i for i, line in enumerate(lines) if line.startswith("method ")]
    answer = lines.index("mouse_triplet: what to take")
    assert said < heads[0] < heads[-1] < answer
    last = max(i for i, line in enumerate(lines[:answer]) if line.startswith("flow "))
    assert answer - last < 6  # blank lines, the legend and the scale


def test_a_failed_cell_has_its_failure_alone(tmp_path: Path) -> None:
    rows = run(tmp_path, "ssan", [scores("linear", 19.0), None])
    rows[1].outcome.record.warnings = ["trained on 6 crops only"]
    assert rows[1].warnings == []
    text = printed(rows)
    assert "ssan l1: failed in train: no" in text
    assert "6 crops" not in text


def test_the_json_rows_say_the_same(close: list[Row]) -> None:
    found = {row.outcome.cell.title: row.as_json() for row in close}
    assert {name: (row["best"], row["tied"]) for name, row in found.items()} == {
        "linear": ([], ["frc_10", "psnr"]), "average": ([], []), "flow": (["frc_10", "psnr"], []),
    }  # fmt: skip


def test_the_report_marks_the_same(close: list[Row], tmp_path: Path) -> None:
    results = load_results(tmp_path, tmp_path / "data", print)
    _, table = TABLES["4"](select(results, (), None, load_reported(), tmp_path / "profile"))
    titles = {"linear": "Linear (the null)", "average": "Average", "flow": "Flow"}
    for row in close:
        marks = report_marks(table, titles[row.outcome.cell.title])
        assert row.marks.best == tuple(n for n, (e, _) in marks if e == "best")
        assert row.marks.tied == tuple(n for n, (_, tie) in marks if tie)


def report_marks(table: Table, label: str) -> list[tuple[str, tuple[str, bool]]]:
    titles = [column.title for column in table.columns]
    (row,) = [row for row in table.rows if row.label == label]
    shown = {"frc_10": "FRC < 0.1", "psnr": "PSNR (dB)"}
    found = {name: row.cells[titles.index(title)] for name, title in shown.items()}
    return [(name, (cell.emphasis, cell.tie)) for name, cell in found.items()]


def test_nothing_is_said_of_marks_where_there_is_none(tmp_path: Path) -> None:
    rows = run(
        tmp_path, "average,flow", [scores(n, m) for n, m in (("a", 18), ("b", 19), ("c", 20))]
    )
    assert [row.marks.tied for row in rows] == [()] * 3
    assert "=" not in printed(rows)


def test_seeds_of_a_method_stand_and_fall_together(tmp_path: Path) -> None:
    lone = scores("ssan", 19.5, 2)
    tables = [scores("linear", 19.0), scores("ssan", 18.0), None, lone]
    rows = run(tmp_path, "ssan", tables, seeds="0,1,2")
    # Over the seeds that were scored 18.75: below the null, though one seed is far above.
    null, first, failed, last = (row.marks for row in rows)
    assert null.best == ("frc_10", "psnr")
    assert first == last
    assert first.best == ()
    assert (failed.best, failed.tied) == ((), ())


def test_a_cell_over_fewer_triplets_is_not_ranked(tmp_path: Path) -> None:
    tables = [scores("linear", 18.0), scores("average", 19.0), scores("flow", 25.0)[:8]]
    rows = run(tmp_path, "average,flow", [*tables])
    assert [row.marks.best for row in rows] == [(), ("frc_10", "psnr"), ()]
    assert rows[2].marks.tied == ()


def test_equal_scores_of_two_methods_tie_in_every_metric(tmp_path: Path) -> None:
    tables: list[pd.DataFrame | None] = [scores("linear", 18.0), *([scores("same", 19.0)] * 2)]
    rows = run(tmp_path, "average,flow", tables)
    assert [row.marks.best for row in rows] == [(), ("frc_10", "psnr"), ("frc_10", "psnr")]


def test_scale_is_said_under_the_table_and_makes_no_row(close: list[Row]) -> None:
    text = printed(close)
    said = next(found for found in text.splitlines() if found.startswith("For scale, not methods"))
    assert "the average blurred by sigma 2 px reaches 18.90 dB (FRC < 0.1: 0.6300, sharp" in said
    assert "noise of sigma 28.6 grey levels, 18.91 dB" in said
    assert len(close) == 3


@pytest.mark.parametrize("width", [40, 60])
@pytest.mark.parametrize("seeds", ["0", "0,1"])
def test_a_narrow_terminal_gets_more_tables_with_every_name_and_number(
    tmp_path: Path, width: int, seeds: str
) -> None:
    count = 1 + 2 * len(seeds.split(","))
    rows = run(
        tmp_path, "sepconv,ssan[aggregation=kel]",
        [scores(str(i), 19 + i / 10, i) for i in range(count)], seeds=seeds,
        segmented=membranes(0.7),
    )  # fmt: skip
    add_ceiling(tmp_path)
    narrow, wide = printed(rows, width=width), printed(rows, width=200)
    number = r"[-+]?\d+\.\d+"
    assert sorted(re.findall(number, narrow)) == sorted(re.findall(number, wide))
    lines = [line for line in narrow.splitlines() if not line[:1].isspace() and ":" not in line]
    table_lines = [line for line in lines if re.match(r"(linear|sepconv|real|ssan\[)", line)]
    assert any(line.startswith("sepconv ") for line in table_lines)
    assert any(re.match(r"real( slice)? ", line) for line in table_lines)
    assert not any("…" in line for line in lines)
    assert max(map(len, table_lines)) <= width
