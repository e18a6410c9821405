"""What wider gaps cost: pixels by the position of a slice, neurites by the width of the gap."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report_store import add, followed, judged, scores
from test_tables import read

from bench.report.gap_table import gaps
from bench.report.table import DASH, TableCell
from bench.scores.statistics import mean_interval
from bench.store.records import NONE

NAMES = {"mouse_triplet": 1, "mouse_triplet[gap=3]": 3, "mouse_triplet[gap=2]": 2}


def positioned(table: pd.DataFrame, gap: int) -> pd.DataFrame:
    """The table with positions, the later ones half a dB worse each."""
    if gap == 1:
        return table
    position = table["triplet"] % gap + 1
    worse = table["psnr"] - position / 2 if "psnr" in table else 0
    return table.assign(position=position, psnr=worse)


def counted_once(table: pd.DataFrame, gap: int) -> pd.DataFrame:
    """Neurites on the last slice of each gap alone."""
    counts = [name for name in table if name.startswith("neurite")]
    table = table.assign(position=table["triplet"] % gap + 1)
    table.loc[table["position"] < gap, counts] = 0
    return table if gap > 1 else table.drop(columns="position")


def store(out: Path) -> None:
    for name, gap in NAMES.items():
        for method, loss in (("linear", NONE), ("ssan", "l1")):
            add(
                out, method, loss, dataset=name, title=method, reference="labels",
                table=positioned(scores(method, 20.0 - gap), gap),
                segmented=counted_once(followed(method, 0.9 - gap / 10), gap),
            )  # fmt: skip
        judged(out, name)


def test_a_block_for_each_width_and_a_column_for_each_position(tmp_path: Path) -> None:
    store(tmp_path)
    (table,) = gaps(read(tmp_path))
    headings = [row.label for row in table.rows if not row.cells]
    assert headings == ["mouse_triplet", "mouse_triplet[gap=2]", "mouse_triplet[gap=3]"]
    assert [(column.group, column.title) for column in table.columns] == [
        ("", "Carried"),
        *[("FRC < 0.1", nth) for nth in ("1st", "2nd", "3rd")],
        *[("PSNR (dB)", nth) for nth in ("1st", "2nd", "3rd")],
    ]
    rows = blocks(table.rows)
    for name, gap in NAMES.items():
        own = positioned(scores("ssan", 20.0 - gap), gap)
        labels = ["Left out", "linear (the null)", "ssan-L_1", "Real slice"]
        assert list(rows[name]) == labels
        shown = rows[name]["ssan-L_1"]
        for position in range(1, 4):
            found = shown[3 + position]
            if position > gap:
                assert found.text == DASH
                continue
            there = own[own["position"] == position] if gap > 1 else own
            expected = mean_interval(there["psnr"], there)
            assert (found.value, found.low) == pytest.approx(expected[:2])
        counts = counted_once(followed("ssan", 0.9 - gap / 10), gap)
        share = counts["neurites_carried"].sum() / counts["neurites"].sum()
        assert shown[0].value == pytest.approx(share)
        assert rows[name]["Left out"][0].value == pytest.approx(0.3)
        assert rows[name]["Real slice"][0].value == pytest.approx(0.9)


def blocks(rows: object) -> dict[str, dict[str, tuple[TableCell, ...]]]:
    """The cells of each row, by the heading above it."""
    found: dict[str, dict[str, tuple[TableCell, ...]]] = {}
    for row in rows:  # type: ignore[attr-defined]
        if row.cells:
            found[list(found)[-1]][row.label] = row.cells
        else:
            found[row.label] = {}
    return found


def test_gaps_of_one_slice_make_no_table(tmp_path: Path) -> None:
    add(tmp_path, "linear", table=scores("linear", 19.0))
    add(tmp_path, "linear", table=scores("linear", 18.0), dataset="phantom[noise=20]")
    assert gaps(read(tmp_path)) == []


def test_what_differs_in_more_than_the_gap_is_no_part_of_it(tmp_path: Path) -> None:
    for name, gap in (("mine", 1), ("mine[align=no]", 1), ("mine[align=no,gap=2]", 2)):
        add(tmp_path, "linear", table=positioned(scores("linear", 19.0), gap), dataset=name)
    (table,) = gaps(read(tmp_path))
    headings = [row.label for row in table.rows if not row.cells]
    assert headings == ["mine[align=no]", "mine[align=no,gap=2]"]
