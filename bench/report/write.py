"""`bench report`: what it writes and where.

Everything comes from the store and nothing is computed again; two reports from one store are the
same, byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.files import tidied, write_text
from bench.registry import unknown
from bench.report.claims import judge
from bench.report.claims_table import claims_tables
from bench.report.render_csv import csv_text
from bench.report.render_html import html
from bench.report.render_latex import document, latex
from bench.report.render_markdown import inert, markdown
from bench.report.reported import load_reported
from bench.report.results import Entry, Results, load_results
from bench.report.selection import Selection, select, unfinished
from bench.report.table import Table
from bench.report.tables import TABLES
from bench.variants import split_variants

Tell = Callable[[str], None]
FORMATS = ("latex", "markdown", "html", "csv")
_SUFFIXES: Mapping[str, tuple[str, Callable[[Table], str]]] = {
    "latex": (".tex", latex),
    "markdown": (".md", markdown),
    "csv": (".csv", csv_text),
}


@dataclass(frozen=True)
class Wanted:
    """What is asked for, in words that are known.

    Attributes:
        tables: by the paper's numbers.
        figures: by the paper's numbers and names.
        formats: of the tables; ``html`` is the page.
        whole: whether everything is: claims, index and page are of everything.
    """

    tables: tuple[str, ...]
    figures: tuple[str, ...]
    formats: tuple[str, ...]
    whole: bool


def wanted(tables: str | None, figures: str | None, formats: str | None) -> Wanted:
    """Read the words of the command line; who names tables or figures gets no others.

    Raises:
        UserError: a table, figure or format is not known.
    """
    whole = tables is None and figures is None
    return Wanted(
        _chosen("table", tables, tuple(TABLES), whole),
        _chosen("figure", figures, _figures() if whole or figures else (), whole),
        _chosen("format", formats, FORMATS, everything=True),
        whole,
    )


def _figures() -> tuple[str, ...]:
    from bench.report.figures import FIGURES, STUDIES

    return (*FIGURES, *STUDIES)


def _chosen(
    what: str, words: str | None, valid: tuple[str, ...], everything: bool
) -> tuple[str, ...]:
    if words is None:
        return valid if everything else ()
    chosen = split_variants(words)
    for word in chosen:
        if word not in valid:
            unknown(what, word, list(valid))
    return tuple(word for word in valid if word in chosen)


def write_report(
    out: Path, data: Path, wishes: Wanted, datasets: tuple[str, ...], preset: str | None, tell: Tell
) -> list[Path]:
    """Make the report of a store below ``<out>/report``.

    Args:
        out: folder of the results.
        data: folder of the datasets, for pictures.
        wishes: what to make.
        datasets: all of the store's if empty.
        preset: of the trained cells; the one most cells have, if None.
        tell: told what is left out.

    Returns:
        The files written.

    Raises:
        UserError: the store is empty, or lacks what was asked for.
    """
    results = load_results(out, data, tell)
    selection = select(results, datasets, preset, load_reported(), out / "profile")
    if datasets:
        chosen = [entry for entry in results.entries if entry.words["dataset"] in datasets]
        results = replace(results, entries=chosen)
    folder = out / "report"
    with tidied(folder):
        return _write(results, selection, wishes, folder, tell)


def _write(
    results: Results, selection: Selection, wishes: Wanted, folder: Path, tell: Tell
) -> list[Path]:
    tables = make_tables(selection, wishes)
    written = _write_files(tables, selection, wishes, folder)
    if wishes.figures:
        from bench.report.figures import draw_figures

        with tidied(folder / "figures"):
            written += draw_figures(results, wishes.figures, folder / "figures", tell)
    if wishes.whole and "html" in wishes.formats:
        from bench.report.page import write_page

        page = folder / "index.html"
        shown = (html(table) for table in tables if not table.empty)
        write_page(results, "\n".join(shown), page, tell)
        written.append(page)
    return written


def make_tables(selection: Selection, wishes: Wanted) -> list[Table]:
    """The tables that are asked for; of everything, the claims too."""
    tables = [table for name in wishes.tables for table in TABLES[name](selection)]
    if wishes.whole:
        tables += claims_tables(selection, judge(selection))
    return tables


def write_tables(selection: Selection, wishes: Wanted, folder: Path) -> list[Path]:
    """Write every table in every format that has files, and the index."""
    return _write_files(make_tables(selection, wishes), selection, wishes, folder)


def _write_files(
    tables: Sequence[Table], selection: Selection, wishes: Wanted, folder: Path
) -> list[Path]:
    texts: dict[Path, str] = {}
    for name in wishes.formats:
        if name in _SUFFIXES:
            suffix, render = _SUFFIXES[name]
            texts |= {folder / f"{stem(table)}{suffix}": render(table) for table in tables}
    if "latex" in wishes.formats and tables:
        texts[folder / "tables.tex"] = document((stem(t), t) for t in tables)
    if wishes.whole:
        texts[folder / "report.md"] = _index(selection, tables)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def stem(table: Table) -> str:
    """The name of a table's files."""
    return f"table{table.name}" if table.name[0].isdigit() else table.name


def _index(selection: Selection, tables: Sequence[Table]) -> str:
    """All tables with figures on one page, under what is in the store and wrong with it."""
    shown = [markdown(table).strip() for table in tables if not table.empty]
    empty = [f"- {table.title}: `{stem(table)}.md`" for table in tables if table.empty]
    parts = ["# Report", _state(selection.results), *shown]
    if empty:
        parts.append(
            "## Nothing measured\n\nThe files of these tables say which command fills them.\n\n"
            + "\n".join(empty)
        )
    return "\n\n".join(parts) + "\n"


def _state(results: Results) -> str:
    counts = Counter(entry.record.status for entry in results.entries)
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    lines = [f"{len(results.entries)} cells: {words}."]
    for entry in results.entries:
        if entry.record.status not in ("done", "partial"):
            where = f"{entry.title} on {entry.words['dataset']}, seed {entry.words['seed']}"
            lines.append(f"- {where}: {_why(entry)}")
    return inert("\n".join([*lines, *(f"- {problem}" for problem in results.problems)]))


def _why(entry: Entry) -> str:
    record = entry.record
    if record.failure is None:
        return unfinished(record.status)
    return f"failed in {record.failure.stage}: {record.failure.reason.strip().splitlines()[0]}"
