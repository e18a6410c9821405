"""`report.md`: everything on one page, under what is in the store and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bench.report.absence import unfinished
from bench.report.digest import Digest
from bench.report.picture import Picture, captioned
from bench.report.render_markdown import footnotes, inert, markdown
from bench.scores.answer import Answer
from bench.scores.answer_words import paragraphs
from bench.scores.entry import Entry
from bench.scores.results import Results

FIGURES = "figures"  # the folder beside the page


def index(
    results: Results, shown: Digest, pictures: Sequence[Picture], answers: Sequence[Answer]
) -> str:
    """The page: what to take, the store's state, tables, figures, and what was not measured."""
    parts = ["# Report"]
    for answer in answers:
        parts += [f"## What to take on {inert(answer.dataset)}", *map(inert, paragraphs(answer))]
    parts += ["## The store", _state(results), *(markdown(each).strip() for each in shown.tables)]
    if shown.notes:
        parts += ["## Footnotes of several tables", footnotes(shown.notes)]
    if pictures:
        parts += ["## Figures", _about_figures(), *map(inert, captioned(pictures, f"{FIGURES}/"))]
    if shown.empty:
        parts += [
            "## Nothing measured",
            "The files of these tables say which command fills them.",
            "\n".join(f"- {table.title}: `{table.stem}.md`" for table in shown.empty),
        ]
    return "\n\n".join(parts) + "\n"


def _about_figures() -> str:
    return f"[{FIGURES}/figures.md]({FIGURES}/figures.md) says which figures are left out, and why."


def _state(results: Results) -> str:
    counts = Counter(entry.record.status for entry in results.entries)
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    lines = [f"{len(results.entries)} cells: {words}."]
    for entry in results.entries:
        if entry.record.status not in ("done", "partial"):
            where = f"{entry.title} on {entry.cell.dataset}, seed {entry.cell.seed}"
            lines.append(f"- {where}: {_why(entry)}")
    return inert("\n".join([*lines, *(f"- {problem}" for problem in results.problems)]))


def _why(entry: Entry) -> str:
    record = entry.record
    if record.failure is None:
        return unfinished(record.status)
    return f"failed in {record.failure.stage}: {record.failure.reason.strip().splitlines()[0]}"
