"""The table that leads: neurites, then pixels, with its references around the methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from report_store import COUNT, add, followed, judged, membranes, scores
from test_tables import read

from bench.report.digest import digest, without_bare
from bench.report.neurite_table import neurites
from bench.report.page.leaderboard import leaderboard
from bench.report.page.printing import print_board
from bench.report.render_latex import latex
from bench.report.render_markdown import markdown
from bench.report.selection import Shown
from bench.report.table import Table, TableCell, TableRow
from bench.report.write import Wanted, make_tables
from bench.scores.answer import answers
from bench.store.records import NONE, Failure

LABELLED = {"about": {"labels": True}, "reference": "labels"}


def store(out: Path, **left_out: float) -> Table:
    for name, share, psnr in (("linear", 0.4, 18.0), ("flow", 0.7, 18.5)):
        add(out, name, table=scores(name, psnr), segmented=followed(name, share), **LABELLED)
    add(out, "ssan", "lm", table=scores("ssan", 19.5), segmented=followed("ssan", 0.55),
        title="SSAN", **LABELLED)  # fmt: skip
    judged(out, **left_out)
    (table,) = neurites(read(out))
    return table


def row(table: Table, label: str) -> dict[str, TableCell]:
    (found,) = [each for each in table.rows if each.label == label]
    return {column.title: cell for column, cell in zip(table.columns, found.cells, strict=True)}


def test_what_a_slice_is_worth_stands_before_its_pixels(tmp_path: Path) -> None:
    table = store(tmp_path)
    assert [column.title for column in table.columns] == [
        "Carried", "Over left out", "Rand error", "VOI", "Dice", "Carried, retuned",
        "FRC < 0.1", "PSNR (dB)",
    ]  # fmt: skip
    assert [each.label for each in table.rows] == [
        "mouse_triplet", "Left out", "Left out, with flow", "Linear (the null)", "Flow", "SSAN-L_m",
        "Real slice", "True segments",
    ]  # fmt: skip


def test_figures_are_those_of_the_answer_and_pairs_are_of_one_triplet(tmp_path: Path) -> None:
    table = store(tmp_path, left_out=0.6)
    (answer,) = answers(read(tmp_path).entries)
    assert answer.neurites is not None
    best, left = row(table, "Flow"), answer.left_out["left_out"]
    assert (best["Carried"].value, best["Carried"].emphasis) == (answer.neurites.mean.mean, "best")
    over = best["Over left out"]
    assert (over.value, over.low, over.high) == left.gain[:3]
    assert over.value == pytest.approx(0.1)
    assert row(table, "Real slice")["Over left out"].value == pytest.approx(0.3)
    assert row(table, "Left out")["Over left out"].value is None
    assert row(table, "SSAN-L_m")["PSNR (dB)"].emphasis == "best"


@pytest.mark.parametrize("left_out", [0.701, 0.8])
def test_a_table_whose_best_is_below_leaving_out_says_so_first(
    tmp_path: Path, left_out: float
) -> None:
    said = " ".join(store(tmp_path, left_out=left_out).caption)
    assert f"neurites than {'any' if left_out > 0.7 + 0.05 else 'leaving'}" in said
    assert f"{left_out:.3f} against 0.700 of `flow`" in said
    assert said.index("against 0.700") < said.index("Carried: the share")


def test_a_manuscript_has_trainings_and_findings_below_the_table(tmp_path: Path) -> None:
    table = store(tmp_path, left_out=0.8)
    caption, _, below = latex(table).partition(r"\begin{tabular}")
    assert "mouse" in caption
    assert "Test triplets" in caption
    assert "Carried: the share" in caption
    assert "Best bold" in caption
    for words in ("Networks: preset", "against 0.700 of"):
        assert words not in caption
        assert words in below
        assert words in markdown(table).partition("| Method")[0]


def test_a_table_whose_best_is_ahead_has_no_such_line(tmp_path: Path) -> None:
    assert "against" not in " ".join(store(tmp_path).caption)


def test_the_page_says_of_each_reference_what_it_is(tmp_path: Path) -> None:
    store(tmp_path)
    beside = print_board(leaderboard(read(tmp_path).results))["beside"]
    said = {each["title"]: each["detail"] for each in beside}
    assert said["Left out"] == said["Left out, with flow"] == "carried without a synthesised slice"
    assert said["True segments"] == "the true neurites of the real slice in place of segments"
    assert said["Real slices"] == "the segmenter's ceiling"


def test_masks_have_the_columns_that_they_can_fill(tmp_path: Path) -> None:
    for name, quality in (("linear", 0.5), ("flow", 0.6)):
        add(tmp_path, name, table=scores(name, 19.0), segmented=membranes(quality))
    (shown,) = digest(neurites(read(tmp_path))).tables
    titles = [column.title for column in shown.columns]
    assert titles == ["Rand error", "VOI", "Dice", "FRC < 0.1", "PSNR (dB)"]


def test_without_membranes_there_is_no_table(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    assert neurites(read(tmp_path)) == []


def test_columns_stand_as_they_are_asked_for(tmp_path: Path) -> None:
    usual = store(tmp_path)
    shown = Shown(columns=("psnr", "boundary_f1", "over_left_out"))
    (table,) = neurites(replace(read(tmp_path), shown=shown))
    assert [column.title for column in table.columns] == [
        "PSNR (dB)",
        "Boundary F1",
        "Over left out",
    ]
    for label in ("Flow", "SSAN-L_m", "Real slice"):
        for name in ("PSNR (dB)", "Over left out"):
            assert row(table, label)[name] == row(usual, label)[name]
    assert row(table, "Real slice")["Boundary F1"].value is not None
    said = " ".join(table.caption)
    assert "Carried: the share" in said  # what is left out is less of it
    assert "retuned" not in said
    (table,) = neurites(replace(read(tmp_path), shown=Shown(columns=("psnr",))))
    assert "Carried: the share" not in " ".join(table.caption)
    assert "±" not in " ".join(table.caption)


def test_rows_that_are_asked_for_stand_between_the_references(tmp_path: Path) -> None:
    store(tmp_path)
    (table,) = neurites(replace(read(tmp_path), shown=Shown(methods=("flow", "ssan"))))
    assert [each.label for each in table.rows] == [
        "mouse_triplet", "Left out", "Left out, with flow", "Flow", "SSAN-L_m", "Real slice",
        "True segments",
    ]  # fmt: skip
    (table,) = neurites(replace(read(tmp_path), shown=Shown(losses=("l1",))))
    assert "SSAN-L_m" not in [each.label for each in table.rows]


def test_lines_part_the_methods_from_what_they_are_compared_with(tmp_path: Path) -> None:
    table = store(tmp_path)
    assert [each.label for each in table.rows if each.rule] == [
        "Linear (the null)", "SSAN-L_m", "Real slice",
    ]  # fmt: skip
    assert latex(table).count("\\midrule") == 1 + 3
    bare = TableRow("Linear", (TableCell("–"),) * len(table.columns), rule=True)
    without_null = replace(table, rows=tuple(
        bare if each.label.startswith("Linear") else each for each in table.rows
    ))  # fmt: skip
    kept = [each.label for each in without_bare(without_null).rows if each.rule]
    assert kept == ["Flow", "SSAN-L_m", "Real slice"]


def test_a_table_of_some_rows_says_that_the_best_is_among_them(tmp_path: Path) -> None:
    store(tmp_path)
    wishes = Wanted(("neurites",), (), ("latex",), whole=False)
    (whole,) = make_tables(read(tmp_path), wishes)
    assert "Best bold, second underlined, by unrounded values." in whole.caption
    assert whole.remarks == ()
    (some,) = make_tables(replace(read(tmp_path), shown=Shown(methods=("linear", "ssan"))), wishes)
    assert row(some, "SSAN-L_m")["Carried"].emphasis == "best"  # Flow is better
    above, _, caption = latex(some).partition(r"\caption")
    assert "among the rows shown" in caption
    assert "% Left out by --methods or --losses: Flow." in above
    assert "Left out by `--methods` or `--losses`: Flow." in markdown(some)
    (every,) = make_tables(replace(read(tmp_path), shown=Shown(losses=("lm",))), wishes)
    assert every == whole  # nothing is left out


def said(table: Table, label: str) -> str:
    (found,) = [each for each in table.rows if each.label == label]
    return " ".join(dict(table.notes)[mark] for mark in found.marks)


def failed_in_segment(out: Path, method: str, loss: str = NONE, **more: Any) -> None:
    failure = Failure(stage="segment", reason="no memory", traceback="")
    add(out, method, loss, status="failed", failure=failure, **LABELLED, **more)


def test_trainings_without_membranes_are_named_beside_those_with_pixels(tmp_path: Path) -> None:
    """The seeds of the caption are those of the pixels; what is carried is of fewer."""
    add(tmp_path, "linear", table=scores("linear", 18.0), segmented=followed("linear", 0.4),
        **LABELLED)  # fmt: skip
    tables = {seed: followed(f"ssan{seed}", 0.5 + seed / 10) for seed in (0, 2)}
    for seed, segmented in tables.items():
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 19.0, seed),
            segmented=segmented, title="SSAN", **LABELLED)  # fmt: skip
    failed_in_segment(tmp_path, "ssan", "l1", seed=1, table=scores("ssan", 19.0, 1), title="SSAN")
    judged(tmp_path)
    (table,) = neurites(read(tmp_path))
    both = pd.concat(tables.values())
    share = both["neurites_carried"].sum() / both["neurites"].sum()
    assert row(table, "SSAN-L_1")["Carried"].value == pytest.approx(share)
    words = said(table, "SSAN-L_1")
    assert "seed 1 are not counted: failed in segment: no memory." in words
    assert "Membranes: seeds 0, 2 only." in words
    assert "Membranes" not in said(table, "Linear (the null)")


def test_membranes_of_fewer_triplets_than_pixels_are_said(tmp_path: Path) -> None:
    for fold in (0, 1):
        add(tmp_path, "linear", fold=fold, table=scores("linear", 18.0),
            segmented=followed("linear", 0.4), **LABELLED)  # fmt: skip
    add(tmp_path, "flow", table=scores("flow", 18.5), segmented=followed("flow", 0.7), **LABELLED)
    failed_in_segment(tmp_path, "flow", fold=1, table=scores("flow", 18.5))
    judged(tmp_path)
    (table,) = neurites(read(tmp_path))
    assert row(table, "Flow")["PSNR (dB)"].emphasis == "best"
    assert row(table, "Flow")["Carried"].emphasis == ""
    words = said(table, "Flow")
    assert "Membranes of Flow on mouse_triplet, fold 1 are not counted: failed in" in words
    assert f"Membranes: over {COUNT} of {2 * COUNT} test triplets." in words
    assert "membranes over fewer test triplets than the caption says, so without best" in words
    assert said(table, "Linear (the null)") == ""
    (table,) = neurites(replace(read(tmp_path), shown=Shown(columns=("psnr",))))
    assert said(table, "Flow") == ""


def test_labels_of_some_slices_are_counted_in_the_caption(tmp_path: Path) -> None:
    for name, share in (("linear", 0.4), ("flow", 0.7)):
        table = followed(name, share)
        table["dice"] = table["dice"].where(table["z"] < 4)
        add(tmp_path, name, table=scores(name, 18.0), segmented=table, **LABELLED)
    judged(tmp_path)
    (table,) = neurites(read(tmp_path))
    own, left = (each[each["z"] < 4] for each in (followed("flow", 0.7), followed("left_out", 0.3)))
    share, without = (each["neurites_carried"].sum() / each["neurites"].sum()
                      for each in (own, left))  # fmt: skip
    assert row(table, "Flow")["Carried"].value == pytest.approx(share)
    assert row(table, "Flow")["Over left out"].value == pytest.approx(share - without)
    assert row(table, "Left out")["Carried"].value == pytest.approx(without)
    words = " ".join(table.caption)
    assert f"Test triplets: mouse_triplet {COUNT}. With membrane scores: mouse_triplet 12." in words


def test_rows_of_different_folds_are_not_ranked(tmp_path: Path) -> None:
    """Both have as many triplets, but not one in common."""
    for fold, (name, psnr) in enumerate((("flow", 18.0), ("dis", 25.0))):
        add(tmp_path, name, fold=fold, table=scores(name, psnr), segmented=followed(name, 0.5),
            **LABELLED)  # fmt: skip
    (table,) = neurites(read(tmp_path))
    cells = [cell for name in ("Flow", "Dis") for cell in row(table, name).values()]
    assert {(cell.emphasis, cell.tie) for cell in cells} == {("", False)}
    assert "as many test triplets as others, but not the same" in said(table, "Dis")
