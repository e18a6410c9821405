"""Terminal, JSON, CSV, page and gate print the same mean and the same interval of a cell."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from report_store import add, add_ceiling, membranes, scores
from rich.console import Console

from bench.cells.cell import plan
from bench.cells.config import RunConfig
from bench.cells.outcome import Outcome
from bench.check.baseline import accept
from bench.check.findings import as_json
from bench.check.gate import compare
from bench.commands.run_table import print_rows
from bench.report.page.leaderboard import leaderboard
from bench.report.page.printing import print_board
from bench.report.render_csv import csv_text
from bench.report.reported import load_reported
from bench.report.selection import select
from bench.report.tables import TABLES
from bench.scores.membranes import boundary_f1
from bench.scores.results import Results, load_results
from bench.scores.statistics import mean_interval, paired_gain
from bench.scores.summary import Row, summarise
from bench.store.records import Store

TITLES = {"linear": "Linear (the null)", "average": "Average", "flow": "Flow"}
QUALITY = {"linear": 0.6, "average": 0.7, "flow": 0.65}
MEANS = {"linear": 19.0, "average": 18.5, "flow": 19.1}


class Measured(NamedTuple):
    """A store that three methods were measured into, as each reader has it."""

    rows: dict[str, Row]
    results: Results
    out: Path


def table(name: str) -> pd.DataFrame:
    return scores(name, MEANS[name])


def segmented(name: str) -> pd.DataFrame:
    return membranes(QUALITY[name])


@pytest.fixture
def store(tmp_path: Path) -> Measured:
    config = RunConfig.model_validate({"methods": "average,flow", "dataset": "mouse_triplet"})
    outcomes = []
    for cell in plan(config):
        name = cell.variant.text
        folder = add(tmp_path, name, table=table(name), segmented=segmented(name))
        record = Store(tmp_path).load(folder)
        assert record is not None
        outcomes.append(Outcome(cell, folder, record))
    add_ceiling(tmp_path)
    rows = {row.outcome.cell.title: row for row in summarise(outcomes)}
    return Measured(rows, load_results(tmp_path, tmp_path / "data", print), tmp_path)


def in_csv(store: Measured, number: str, form: int, row: str) -> dict[str, dict[str, str]]:
    """The cells of a row by the titles of their columns; a gain's with the title over it."""
    selection = select(store.results, (), None, load_reported(), store.out / "profile")
    text = csv_text(TABLES[number](selection)[form])
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["row"] == row]
    return {
        ("gain " if line["group"].startswith("Gain over") else "") + line["column"]: line
        for line in lines
    }


def interval(cell: dict[str, Any], mean: str = "mean") -> tuple[float, float, float]:
    return float(cell[mean]), float(cell["low"]), float(cell["high"])


def on_page(store: Measured, title: str) -> dict[str, tuple[float, str]]:
    """The value of each column, which is not rounded, and half its interval, which is."""
    board = print_board(leaderboard(store.results))
    (row,) = [row for row in board["rows"] if row["title"] == title]
    return {
        column.name: (float(number["value"]), number["reach"])
        for column, number in zip(board["columns"], row["numbers"], strict=True)
        if number is not None
    }


@pytest.mark.parametrize("name", list(TITLES))
def test_image_scores(store: Measured, name: str) -> None:
    expected = {
        metric: mean_interval(table(name)[metric], table(name)) for metric in ("psnr", "frc_10")
    }
    said = store.rows[name].as_json()["metrics"]
    extended = in_csv(store, "4", 1, TITLES[name])
    page = on_page(store, name.capitalize())
    for metric, title in (("psnr", "PSNR (dB)"), ("frc_10", "FRC < 0.1")):
        mean = expected[metric]
        assert interval(said[metric]) == tuple(mean[:3])
        assert interval(extended[title], "value") == tuple(mean[:3])
        assert page[metric][0] == mean.mean
        assert float(page[metric][1]) == pytest.approx(mean.reach, abs=5e-3)


def test_gains_over_the_null(store: Measured) -> None:
    for name in ("average", "flow"):
        gain = paired_gain(table(name)["psnr"], table("linear")["psnr"], table(name))
        assert interval(store.rows[name].as_json()["skill"]["psnr"]) == tuple(gain[:3])
        cell = in_csv(store, "4", 1, TITLES[name])["gain PSNR (dB)"]
        assert interval(cell, "value") == tuple(gain[:3])
        assert on_page(store, name.capitalize())["gain_psnr"][0] == gain.mean
        terminal = f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"
        assert terminal in printed(store.rows)


@pytest.mark.parametrize("name", list(TITLES))
def test_membranes(store: Measured, name: str) -> None:
    own, real = segmented(name), membranes(0.9)
    dice = mean_interval(own["dice"], own)
    f1 = mean_interval(boundary_f1(own), own)
    said = store.rows[name].as_json()["membranes"]
    fifth = in_csv(store, "5", 0, TITLES[name])
    page = on_page(store, name.capitalize())
    for metric, title, mean in (("dice", "Dice", dice), ("boundary_f1", "F1", f1)):
        assert interval(said["metrics"][metric]) == tuple(mean[:3])
        assert interval(fifth[title], "value") == tuple(mean[:3])
    assert page["dice"] == (dice.mean, f"{dice.reach:.4f}")
    gap = paired_gain(own["dice"], real["dice"], own)
    assert interval(said["gap"]["dice"]) == tuple(gap[:3])
    # The table's gap is what is lacking to the real slice, the run's what a method is off by.
    assert interval(fifth["Gap in Dice"], "value") == (-gap.mean, -gap.high, -gap.low)


def test_the_gate_measures_the_same(store: Measured) -> None:
    entries = {entry.cell.method: entry for entry in store.results.entries}
    baseline = accept(entries.values(), "first")
    for finding in as_json(compare(baseline, entries.values()))["findings"]:
        name = finding["cell"].split()[0].lower()
        said = store.rows[name].as_json()
        metrics = said["metrics"] | said["membranes"]["metrics"]
        assert finding["measured"] == finding["accepted"] == metrics[finding["metric"]]["mean"]
        assert (finding["change"], finding["low"], finding["high"]) == (0, 0, 0)


def test_a_gain_stands_nowhere_beside_a_mean_over_other_triplets(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=table("linear")[:18])
    add(tmp_path, "flow", table=table("flow"))
    found = Measured({}, load_results(tmp_path, tmp_path / "data", print), tmp_path)
    assert in_csv(found, "4", 1, "Flow")["gain PSNR (dB)"]["value"] == ""
    assert "gain_psnr" not in on_page(found, "Flow")


def test_a_gain_that_is_no_number_is_not_shown_to_beat_the_null(tmp_path: Path) -> None:
    perfect = table("flow").assign(psnr=np.inf)
    add(tmp_path, "linear", table=perfect)
    add(tmp_path, "flow", table=perfect)
    board = leaderboard(load_results(tmp_path, tmp_path / "data", print))
    (flow,) = [row for row in board.rows if row.entry.cell.method == "flow"]
    assert "is not shown to beat `linear` in FRC < 0.1 and PSNR (dB)" in flow.figures.verdict


def printed(rows: dict[str, Row]) -> str:
    stream = io.StringIO()
    print_rows(list(rows.values()), Console(file=stream, width=200))
    return stream.getvalue()


def test_the_best_has_a_star_where_nothing_is_bold(store: Measured) -> None:
    stream = io.StringIO()
    rows = list(store.rows.values())
    print_rows(rows, Console(file=stream, width=200, force_terminal=True, no_color=True))
    assert "*" not in stream.getvalue()
    assert "\x1b[1m" in stream.getvalue()  # bold
    lines = printed(store.rows).splitlines()
    assert "* the best of its column" in lines
    (average,) = [line for line in lines if line.startswith("average") and "*" in line][:1]
    assert f"* {QUALITY['average']:.3f}" in average  # Dice
