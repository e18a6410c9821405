"""Results in, one HTML file out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from bench.base.files import write_text
from bench.base.html_page import html_page
from bench.report.index import FIGURES
from bench.report.page.command import command
from bench.report.page.gallery import gallery
from bench.report.page.leaderboard import leaderboard
from bench.report.page.origins import (
    dataset_facts,
    departures_of_presets,
    origins,
    preset_facts,
)
from bench.report.page.pictures import CROP
from bench.report.page.printing import kind, print_board, print_notes, status
from bench.report.picture import Picture
from bench.report.render_html import prose
from bench.scores.answer import Answer
from bench.scores.answer_words import paragraphs
from bench.scores.entry import Entry
from bench.scores.results import Results
from bench.store.records import NONE


def write_page(
    results: Results,
    tables_html: str,
    pictures: Sequence[Picture],
    path: Path,
    tell: Callable[[str], None],
    answers: Sequence[Answer] = (),
) -> None:
    """Write the page: what to take, leaderboard, viewer, tables, figures, cells, provenance.

    It holds no time of its own, so that two pages from one store are the same byte for byte.

    Args:
        results: what the store holds.
        tables_html: the paper's tables, a piece of HTML that is taken as it is; may be empty.
        pictures: the figures, which lie in their folder beside the page.
        path: of the HTML file.
        tell: told of frames that cannot be read; the page says so too.
        answers: what to take, a dataset each.
    """
    board = leaderboard(results)
    shown = gallery(results, board)
    for problem in shown.problems:
        tell(problem)
    page = html_page(
        "bench.report",
        datasets=results.datasets,
        summary=_summary(results),
        answers=[(answer.dataset, paragraphs(answer)) for answer in answers],
        filters=_filters(results),
        board=print_board(board),
        notes=print_notes(board),
        departures=departures_of_presets(results),
        data=shown.data(results),
        crop=CROP,
        without_pictures=[name for name in results.datasets if name not in results.files],
        tables=Markup(tables_html),  # noqa: S704 (made and escaped by the report)
        pictures=pictures,
        figures=FIGURES,
        prose=lambda text: Markup(prose(text)),  # noqa: S704 (it escapes)
        cells=[_cell(entry) for entry in results.entries],
        problems=[*results.problems, *shown.problems],
        origins=origins(results),
        dataset_facts=dataset_facts(results),
        preset_facts=preset_facts(results),
    )
    write_text(path, page)


def _summary(results: Results) -> str:
    """How many cells are in which state, in one line."""
    counts = Counter(status(entry) for entry in results.entries)
    total = counts.total()
    parts = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{total} {'cell' if total == 1 else 'cells'}: {parts}"


def _filters(results: Results) -> dict[str, list[str]]:
    """What the leaderboard can be narrowed to, by the word that is looked at."""
    words = ("dataset", "loss", "preset")
    names = [entry.cell for entry in results.entries]
    options = {word: {str(getattr(name, word)) for name in names} for word in words}
    options["kind"] = {kind(entry) for entry in results.entries}
    return {word: sorted(found - {NONE}) for word, found in options.items()}


def _cell(entry: Entry) -> dict[str, Any]:
    record, failure = entry.record, entry.record.failure
    stages = (f"{name} {done.seconds:.1f} s" for name, done in record.stages.items())
    return {
        "status": status(entry),
        "reason": f"{failure.stage}: {failure.reason}" if failure else entry.damage,
        "title": entry.title,
        "words": entry.cell,
        "triplets": record.triplets,
        "stages": ", ".join(stages),
        "finished": record.finished or "",
        "command": command(entry),
    }
