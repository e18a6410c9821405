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
NEURONS = REFERENCE / "neurons"
SHORTER, LONGEST = (NEURONS / name / "neurites.md" for name in ("report-overnight", "report-64000"))
SHORT = ", 16,000 crops"
# What the front page calls a row, and what the tables call it.
ROWS = {
    "copy of the slice before": "Before",
    "`dis` (optical flow)": "DIS flow",
    "RIFE as published for video": "RIFE[weights=rife40]",
    f"`dain`, `l1`{SHORT}": "DAIN-style-L1",
    "`sepconv`, `lm`": "SepConv-Lm",
    "`dain`, `lm`": "DAIN-style-Lm",
    "`ssan`, `lm`": "SSAN-Lm",
    "`rife`, `lm`": "RIFE-Lm",
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
        if "_triplet" in cells[0]:
            dataset = cells[0]
        found[dataset, cells[0]] = cells
    return found


def test_the_table_of_the_front_page_is_that_of_the_records() -> None:
    shorter, longest, seen = measured(SHORTER), measured(LONGEST), 0
    for name, *cells in rows(README.read_text(encoding="utf-8")):
        if name not in ROWS:
            continue
        table = shorter if name.endswith(SHORT) else longest
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


def cells_below(heading: str) -> Iterator[list[str]]:
    """The rows of the table of the results that begins with a heading, without its first two."""
    text = (ROOT / "docs/explanation/results.md").read_text(encoding="utf-8")
    table = text.partition(f"| {heading} |")[2].partition("\n\n")[0]
    yield from rows(table.partition("|\n")[2].partition("|\n")[2])


def test_the_rand_errors_of_the_nerve_cord_are_those_of_the_records() -> None:
    tables = [
        (measured(NEURONS / report / "neurites.md"), loss)
        for report, loss in (
            ("report", "Lm"),
            ("report-overnight", "Lm"),
            ("report-64000", "Lm"),
            ("report-overnight", "L1"),
        )
    ]
    names = {"ssan": "SSAN", "rife": "RIFE", "sepconv": "SepConv", "dain": "DAIN-style"}
    seen = 0
    for name, *cells in cells_below("Rand error"):
        row = names[name.strip("`")]
        found = [table.get(("vnc_triplet", f"{row}-{loss}"), [""] * 4) for table, loss in tables]
        assert cells == [cells[3] for cells in found], name
        seen += 1
    assert seen == len(names)


def test_what_wider_gaps_carry_is_that_of_the_records() -> None:
    names = ("Left out", "Before", "DIS flow", "SSAN-Lm", "RIFE-Lm", "DAIN-style-Lm", "Real slice")
    single, longer = (
        measured(NEURONS / report / "neurites.md") for report in ("report", "report-overnight")
    )
    gaps, longer_gaps = (
        measured(REFERENCE / "gaps" / report / "gaps.md")
        for report in ("report", "report-overnight")
    )
    seen = 0
    for missing, *cells in cells_below("missing in a row"):
        dataset = "mouse_triplet" if missing == "1" else f"mouse_triplet[gap={missing}]"
        short, long = (single, longer) if missing == "1" else (gaps, longer_gaps)
        found = [short[dataset, name][1] for name in names]
        found.insert(6, long[dataset, "DAIN-style-Lm"][1])
        assert [cell.split(" ± ") for cell in cells] == [
            text.split(" ± ")[: cell.count("±") + 1]
            for cell, text in zip(cells, found, strict=True)
        ]
        seen += 1
    assert seen == 3


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
