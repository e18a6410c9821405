"""The figures of the front page, the answer and the results are those of the committed tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "results" / "reference"
ANSWER, README = REFERENCE / "README.md", ROOT / "README.md"
PAGES = (
    "README.md",
    "docs/explanation/results.md",
    "docs/explanation/why-a-null.md",
    "results/reference/README.md",
    "results/reference/neurons/README.md",
)
SHORTER, LONGEST = (
    REFERENCE / "neurons" / name / "neurites.md" for name in ("report-overnight", "report-64000")
)
LONG = ", 64,000 crops"
# What the front page calls a row, and what the tables call it.
ROWS = {
    "copy of the slice before": "Before",
    "`dis` (optical flow)": "DIS flow",
    "RIFE as published for video": "RIFE[weights=rife40]",
    "`dain`, `l1`": "DAIN-style-L1",
    "`dain`, `lm`": "DAIN-style-Lm",
    "`rife`, `lm`": "RIFE-Lm",
    f"`ssan`, `lm`{LONG}": "SSAN-Lm",
    f"`rife`, `lm`{LONG}": "RIFE-Lm",
}
COLUMNS = (  # of the front page: dataset, and column of its rows in the table
    ("mouse_triplet", 1),
    ("mouse_triplet", 3),
    ("mouse_triplet", 8),
    ("vnc_triplet", 3),
    ("vnc_triplet", 8),
)
NUMBER = r"[−+-]?\d+\.\d+"
INTERVAL = re.compile(rf"({NUMBER}) (?:± ({NUMBER})|\[({NUMBER}), ({NUMBER})\])")
FIGURE = re.compile(r"[−+-]?\d+\.\d{2,}(?: ± \d+\.\d+)?")


def plain(cell: str) -> str:
    """A cell of a table without its marks."""
    return re.sub(r"<sup>.*?</sup>|</?u>|[*\\]", "", cell).strip()


def rows(text: str) -> list[list[str]]:
    """The rows of the Markdown tables of a text, without marks."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[plain(cell) for cell in line.strip("|").split("|")] for line in lines]


def measured(path: Path) -> dict[tuple[str, str], list[str]]:
    """The rows of a table, by dataset and name."""
    found, dataset = dict[tuple[str, str], list[str]](), ""
    for cells in rows(path.read_text(encoding="utf-8")):
        if cells[0].endswith("_triplet"):
            dataset = cells[0]
        found[dataset, cells[0]] = cells
    return found


def test_the_table_of_the_front_page_is_that_of_the_records() -> None:
    shorter, longest, seen = measured(SHORTER), measured(LONGEST), 0
    for name, *cells in rows(README.read_text(encoding="utf-8")):
        if name not in ROWS:
            continue
        table = longest if name.endswith(LONG) else shorter
        expected = [table[dataset, ROWS[name]][column] for dataset, column in COLUMNS]
        assert cells == expected, name
        seen += 1
    assert seen == len(ROWS)


@pytest.mark.parametrize("page", [README, ANSWER], ids=["front page", "answer"])
def test_every_figure_of_the_answer_stands_in_a_committed_table(page: Path) -> None:
    known = {
        cell
        for table in REFERENCE.glob("*/report*/*.md")
        for row in rows(table.read_text(encoding="utf-8"))
        for cell in row
    }
    known |= {part for cell in known for part in cell.split(" ± ")[:1]}
    text = page.read_text(encoding="utf-8")
    if page == README:
        text = text.partition("## Which method")[2].partition("| | mouse")[0]
    figures = FIGURE.findall(text)
    assert len(figures) >= 4
    assert [each for each in figures if each not in known] == []


def intervals(text: str) -> Iterator[tuple[float, ...]]:
    """Each mean of a text with half its interval, or with its two ends; a gain has no sign."""
    for mean, half, low, high in INTERVAL.findall(text.replace("\\", "").replace("−", "-")):
        if half:
            yield abs(float(mean)), float(half)
        else:
            sign = -1 if float(mean) < 0 else 1
            yield abs(float(mean)), *sorted((sign * float(low), sign * float(high)))


def curves() -> Iterator[tuple[float, ...]]:
    """Each mean and gain of the budget curves with the ends of its interval."""
    for file in REFERENCE.glob("neurons/budget-*.csv"):
        with file.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                yield tuple(float(row[name]) for name in ("mean", "low", "high"))
                if row["gain"]:
                    yield tuple(float(row[name]) for name in ("gain", "gain_low", "gain_high"))


def written(found: Iterator[tuple[float, ...]]) -> set[tuple[float, ...]]:
    """Intervals to three digits, as text has them."""
    text = "\n".join(
        f"{mean:.3f} [{low:.3f}, {high:.3f}] {mean:.3f} ± {(high - low) / 2:.3f}"
        for mean, low, high in found
    )
    return set(intervals(text))


@pytest.mark.parametrize("page", PAGES)
def test_every_interval_stands_in_a_committed_table(page: str) -> None:
    tables = REFERENCE.glob("*/report*/*.md")
    known = {each for table in tables for each in intervals(table.read_text(encoding="utf-8"))}
    known |= written(curves())
    found = set(intervals((ROOT / page).read_text(encoding="utf-8")))
    assert len(found) >= 4
    assert found - known == set()
