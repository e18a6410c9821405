"""By how much one method differs from another, and where that is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report_store import add, followed, scores
from scipy import stats
from test_tables import read

from bench.base.errors import UserError
from bench.report.difference_table import differences
from bench.report.reported import load_reported
from bench.report.selection import Over, Selection, Shown, select
from bench.report.table import Table, TableCell
from bench.report.write import wanted, write_report
from bench.scores.results import load_results

MEANS = {"dis": 18.5, "flow": 18.0, "ssan:l1": 19.5, "ssan:lm": 19.3, "rife:l1": 18.52}


def store(out: Path) -> None:
    for name, mean in MEANS.items():
        method, _, loss = name.partition(":")
        segmented = followed(name, mean / 30)
        more = {"loss": loss} if loss else {}
        add(out, method, table=scores(name, mean), segmented=segmented, **more)


def asked(out: Path, over: str, **shown: tuple[str, ...]) -> Selection:
    results = load_results(out, out / "data", print)
    wish = Shown(over=Over.parse(over), **shown)
    return select(results, (), None, load_reported(), out / "profile", wish)


def rows(table: Table) -> dict[str, dict[str, TableCell]]:
    titles = [column.title for column in table.columns]
    return {row.label: dict(zip(titles, row.cells, strict=True)) for row in table.rows if row.cells}


def test_differences_are_of_the_same_triplets(tmp_path: Path) -> None:
    store(tmp_path)
    (table,) = differences(asked(tmp_path, "ssan:l1"))
    found = rows(table)
    assert list(found) == ["Flow", "Dis", "Rife-L_1", "Ssan-L_m"]
    assert "less Ssan-L_1" in table.caption[0]
    for label, name in (("Flow", "flow"), ("Ssan-L_m", "ssan:lm")):
        one, other = scores(name, MEANS[name]), scores("ssan:l1", MEANS["ssan:l1"])
        expected = (one["psnr"] - other["psnr"]).mean()
        cell = found[label]["PSNR (dB)"]
        assert cell.value == pytest.approx(expected)
        assert cell.low is not None
        assert cell.high is not None
        assert cell.low < expected < cell.high
    carried = found["Ssan-L_m"]["Carried"].value
    assert carried == pytest.approx((MEANS["ssan:lm"] - MEANS["ssan:l1"]) / 30)
    assert found["Flow"]["PSNR (dB)"].text.startswith("−1.50 ± ")


def test_a_loss_sets_every_network_beside_itself(tmp_path: Path) -> None:
    store(tmp_path)
    (table,) = differences(asked(tmp_path, "l1"))
    assert list(rows(table)) == ["Ssan-L_m"]  # nothing else was trained twice
    assert rows(table)["Ssan-L_m"]["PSNR (dB)"].value == pytest.approx(-0.2)
    assert differences(asked(tmp_path, "l1", methods=("flow",))) == []


def test_bold_is_what_is_shown_after_all_rows_are_counted(tmp_path: Path) -> None:
    store(tmp_path)
    (table,) = differences(asked(tmp_path, "dis", columns=("psnr",)))
    cells = {label: row["PSNR (dB)"] for label, row in rows(table).items()}
    p_values = {}
    for label, cell in cells.items():
        reach, count = (cell.high - cell.low) / 2, 3  # type: ignore[operator]
        error = reach / stats.t.ppf(0.975, count - 1)
        p_values[label] = 2 * stats.t.sf(abs(cell.value / error), count - 1)  # type: ignore[operator]
    left, shown = len(p_values), dict[str, bool]()
    for label in sorted(p_values, key=p_values.__getitem__):  # Holm, step by step
        shown[label] = all(shown.values()) and p_values[label] * left < 0.05
        left -= 1
    assert {label: cell.emphasis == "best" for label, cell in cells.items()} == shown
    assert set(shown.values()) == {True, False}


def test_what_a_row_is_set_beside_has_to_be_one_row(tmp_path: Path) -> None:
    store(tmp_path)
    with pytest.raises(UserError, match="'ssan' was trained under 2 losses; say --over 'ssan:l1'"):
        asked(tmp_path, "ssan")
    assert differences(asked(tmp_path, "rife"))  # under one loss alone
    for word, advice in (
        ("phase", "choose from dis, flow, rife:l1, ssan:l1, ssan:lm"),
        ("rife:lm", "did you mean 'rife:l1'"),
    ):
        with pytest.raises(UserError, match=f"'{word}'.*{advice}"):
            asked(tmp_path, word)
    with pytest.raises(UserError, match="no row 'ls'"):
        asked(tmp_path, "ls")
    assert Over.parse("rife[weights=a:b]") == Over("rife[weights=a:b]", "")
    assert Over.parse("ssan:lm[membrane=0.5]") == Over("ssan", "lm[membrane=0.5]")


def test_without_it_there_is_no_such_table_and_the_report_says_how(tmp_path: Path) -> None:
    store(tmp_path)
    assert differences(replace(read(tmp_path), shown=Shown())) == []
    said = list[str]()
    wishes = wanted("differences", None, "csv")
    assert not write_report(tmp_path, tmp_path / "data", wishes, (), None, said.append)
    assert "`--over METHOD:LOSS`" in said[-1]
    wishes = wanted("differences", None, "csv", over="dis")
    (path,) = write_report(tmp_path, tmp_path / "data", wishes, (), None, said.append)
    assert path.name == "differences.csv"


def said(table: Table, label: str) -> str:
    (found,) = [each for each in table.rows if each.label == label and each.cells]
    return " ".join(dict(table.notes)[mark] for mark in found.marks)


def test_what_rows_are_set_beside_says_what_it_rests_on(tmp_path: Path) -> None:
    """One training over some of the triplets beside three over all of them."""
    add(tmp_path, "flow", table=scores("flow", 18.0), segmented=followed("flow", 0.4))
    for seed in (0, 1, 2):
        add(tmp_path, "ssan", "l1", seed=seed, table=scores("ssan", 19.0, seed),
            segmented=followed(f"ssan{seed}", 0.5))  # fmt: skip
    base = scores("dain", 18.7)[:25], followed("dain", 0.5)[:20]
    add(tmp_path, "dain", "l1", seed=1, table=base[0], segmented=base[1],
        warnings=["trained with random VGG features"])  # fmt: skip
    (table,) = differences(asked(tmp_path, "dain"))
    expected = (scores("flow", 18.0)[:25]["psnr"] - base[0]["psnr"]).mean()
    assert rows(table)["Flow"]["PSNR (dB)"].value == pytest.approx(expected)
    for label in ("Flow", "Ssan-L_1"):
        words = said(table, label)
        assert "Dain-L_1, which it is set beside: Seed 1 only: its intervals" in words
        assert "Dain-L_1, which it is set beside: Trained with random VGG features." in words
        assert "Over 25 of 30 test triplets, those that both have." in words
        assert "Membranes: over 20 of 30 test triplets, those that both have." in words
        assert "No interval: it takes at least 3 columns" in words  # membranes lie in two
    (table,) = differences(asked(tmp_path, "dain", methods=("flow",)))
    assert "Networks: preset `quick`" in " ".join(table.caption)  # one of both sides is trained
    assert ", seed 1." in " ".join(table.caption)


def test_rows_without_a_common_triplet_say_so(tmp_path: Path) -> None:
    for fold, name in enumerate(("flow", "dis")):
        add(tmp_path, name, fold=fold, table=scores(name, 19.0))
    add(tmp_path, "linear", table=scores("linear", 18.0))
    (table,) = differences(asked(tmp_path, "flow", columns=("psnr",)))
    assert rows(table)["Dis"]["PSNR (dB)"].value is None
    assert said(table, "Dis") == "Over none of 30 test triplets, those that both have."
    assert said(table, "Linear (the null)") == ""
