"""The order of columns, once a surface: what a slice is worth first, then its pixels."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from report_store import add, membranes, scores
from rich.console import Console

from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.outcome import Outcome
from bench.check.baseline import accept
from bench.check.findings import markdown
from bench.check.gate import compare
from bench.commands.run_table import print_rows
from bench.report.page.leaderboard import Leaderboard, leaderboard
from bench.report.page.printing import print_board
from bench.report.reported import load_reported
from bench.report.selection import select
from bench.report.tables import TABLES
from bench.scores.columns import EVERY, LEADING, ORDER, RANKED, SHOWN, ordered
from bench.scores.results import Results, load_results
from bench.scores.summary import summarise
from bench.store.records import Store

CARRIED = {"linear": 0.4, "average": 0.8, "flow": 0.6}
PSNR = {"linear": 19.0, "average": 18.0, "flow": 20.0}


def segmented(name: str) -> pd.DataFrame:
    carried = 20 * CARRIED[name] + membranes(0.6)["z"] / 10
    return membranes(0.6).assign(
        neurites=20, neurites_carried=carried, neurites_wrong=20 - carried, neurites_lost=0,
        neurite_pixels=2000, neurite_pixels_carried=100 * carried,
        adapted_rand_error=1 - CARRIED[name],
    )  # fmt: skip


def fill(out: Path, *, labels: bool = True) -> Results:
    for name, mean in PSNR.items():
        add(out, name, table=scores(name, mean), segmented=segmented(name) if labels else None)
    if labels:
        folder = Store(out).root / "mouse_triplet" / "segmenter-1"
        folder.mkdir()
        segmented("average").to_parquet(folder / "ceiling.parquet", index=False)
        kinds = ("left_out", "left_out_flow", "true_segments")
        tables = [segmented("linear").assign(kind=kind) for kind in kinds]
        pd.concat(tables).to_parquet(folder / "references.parquet", index=False)
    return load_results(out, out / "data", print)


def test_every_score_has_a_place() -> None:
    assert sorted(ORDER) == sorted(EVERY)
    assert ordered(RANKED) == RANKED
    assert ordered(LEADING) == LEADING
    assert ordered(["psnr", "dice", "frc_10", "carried"]) == ("carried", "dice", "frc_10", "psnr")
    assert SHOWN == ("frc_10", "frc_25", "psnr", "ssim", "ie", "sharpness")


def titles(board: Leaderboard) -> list[str]:
    return [column.title for column in board.columns]


def test_the_page_leads_with_carried_and_is_sorted_by_it(tmp_path: Path) -> None:
    board = leaderboard(fill(tmp_path))
    assert titles(board)[:9] == [
        "Carried", "Rand error", "VOI", "Dice", "FRC < 0.1", "PSNR (dB)", "SSIM", "IE", "Sharpness",
    ]  # fmt: skip
    assert [row.entry.cell.method for row in board.rows] == ["average", "flow", "linear"]
    assert board.sorted_by == "carried"
    assert {"carried", "adapted_rand_error"} <= board.rows[0].best
    printed = print_board(board)
    assert [row["title"] for row in printed["beside"]] == [
        "Left out", "Left out, with flow", "Real slices", "True segments",
    ]  # fmt: skip
    assert printed["rows"][0]["numbers"][0]["best"]


def test_without_labels_the_page_leads_with_frc(tmp_path: Path) -> None:
    board = leaderboard(fill(tmp_path, labels=False))
    assert titles(board)[:3] == ["FRC < 0.1", "PSNR (dB)", "SSIM"]
    assert board.sorted_by == "frc_10"
    assert [row.entry.cell.method for row in board.rows] == ["flow", "linear", "average"]


def test_where_nothing_is_carried_the_adapted_rand_error_sorts_upwards(tmp_path: Path) -> None:
    for name, rand in (("linear", 0.1), ("flow", 0.3)):
        table = membranes(0.6).assign(adapted_rand_error=rand)
        add(tmp_path, name, table=scores(name, PSNR[name]), segmented=table)
    board = leaderboard(load_results(tmp_path, tmp_path / "data", print))
    assert [row.entry.cell.method for row in board.rows] == ["linear", "flow"]
    assert board.sorted_by == "adapted_rand_error"


def test_our_tables_follow_and_the_papers_keep_theirs(tmp_path: Path) -> None:
    results = fill(tmp_path)
    selection = select(results, (), None, load_reported(), tmp_path / "profile")
    paper, extended = TABLES["4"](selection)
    assert [column.title for column in paper.columns] == ["PSNR (dB)", "SSIM", "IE"]
    assert [column.title for column in extended.columns] == [
        "FRC < 0.1", "FRC < 0.25", "PSNR (dB)", "SSIM", "IE", "Sharpness", "FRC < 0.1", "PSNR (dB)",
    ]  # fmt: skip
    (preparation,) = TABLES["preparation"](selection)
    assert [column.title for column in preparation.columns] == ["FRC < 0.1", "PSNR (dB)"] * 4


def test_the_gate_lists_what_a_slice_is_worth_first(tmp_path: Path) -> None:
    entries = fill(tmp_path).select(method="flow")
    found = compare(accept(entries, "first"), entries)
    assert [finding.metric for finding in found] == [
        "carried", "dice", "frc_10", "frc_25", "psnr", "ssim", "ie", "sharpness",
    ]  # fmt: skip
    assert markdown(found).startswith("All 8 comparisons pass")


@pytest.mark.parametrize("labels", [True, False])
def test_a_run_of_80_columns_shows_the_worth_of_a_slice_above_its_pixels(
    tmp_path: Path, labels: bool
) -> None:
    fill(tmp_path, labels=labels)
    config = RunConfig.model_validate({"methods": "average,flow", "dataset": "mouse_triplet"})
    outcomes = []
    for folder, record in Store(tmp_path).records():
        (cell,) = [cell for cell in plan(config) if cell.words() == record.cell]
        outcomes.append(Outcome(cell, folder, record))
    stream = io.StringIO()
    print_rows(summarise(outcomes), Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    heads = [line.split() for line in lines if line.startswith("method ")]
    pixels = ["method", "loss", "<", "0.1", "<", "0.25", "(dB)", "SSIM", "IE", "Sharpness"]
    assert heads[3 if labels else 0] == pixels
    if labels:
        assert heads[0] == ["method", "loss", "Carried", "error", "split", "merge", "Dice", "F1"]
        above = next(i for i, line in enumerate(lines) if line.startswith("method ")) + 2
        first = [line.split("  ")[0] for line in lines[above : above + 4]]
        assert first == ["left out", "left out, with flow", "real slice", "true segments"]
    answer = lines.index("mouse_triplet: what to take")
    take = "`average`" if labels else "nothing was measured."
    assert lines[answer + 1].startswith(f"Neurites: {'take ' if labels else ''}{take}")
    assert answer > max(i for i, line in enumerate(lines) if line.startswith("method "))
    assert max(map(len, lines[answer:])) <= 80


def test_the_page_marks_ties_as_the_tables_do(tmp_path: Path) -> None:
    add(tmp_path, "flow", table=scores("flow", 19.0, noise=0.5), segmented=segmented("flow"))
    add(tmp_path, "linear", table=scores("linear", 18.99, noise=0.5), segmented=segmented("linear"))
    for seed in (0, 1):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 18.0, noise=0.01))
    rows = {row.entry.cell.method: row for row in leaderboard(load_results(
        tmp_path, tmp_path / "data", print)).rows}  # fmt: skip
    assert "psnr" in rows["flow"].best
    assert "psnr" in rows["linear"].tied
    assert "psnr" not in rows["ssan"].tied
    html = print_board(leaderboard(load_results(tmp_path, tmp_path / "data", print)))
    psnr = [column.name for column in html["columns"]].index("psnr")
    assert {row["title"]: row["numbers"][psnr]["tied"] for row in html["rows"]}["Linear"]
