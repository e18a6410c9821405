"""`bench report`: what it writes and where.

Everything comes from the store and nothing is computed again; two reports from one store are the
same, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from bench.base.files import tidied, write_text
from bench.base.words import split_variants, unknown
from bench.report.chosen_rows import beside_whole
from bench.report.claims import judge
from bench.report.claims_table import claims_tables
from bench.report.digest import digest
from bench.report.index import FIGURES, index
from bench.report.render_csv import csv_text
from bench.report.render_html import html_tables
from bench.report.render_latex import document, latex
from bench.report.render_markdown import markdown
from bench.report.reported import load_reported
from bench.report.selection import OVER_LEFT_OUT, Over, Selection, Shown, select
from bench.report.table import Table
from bench.report.tables import CHOOSING, LACKS, TABLE_FILES, TABLES
from bench.scores.columns import ORDER
from bench.scores.results import Results, load_results

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
        shown: columns and rows of the tables.
        crops: of trainings of several lengths, that which is shown.
    """

    tables: tuple[str, ...]
    figures: tuple[str, ...]
    formats: tuple[str, ...]
    whole: bool
    shown: Shown = field(default_factory=Shown)
    crops: int | None = None


def wanted(
    tables: str | None,
    figures: str | None,
    formats: str | None,
    columns: str | None = None,
    methods: str | None = None,
    losses: str | None = None,
    over: str | None = None,
) -> Wanted:
    """Read the words of the command line; who names tables or figures gets no others.

    A table may be called by the name of its file: ``table4``, ``table4_extended``. Methods and
    losses are those of a store, and looked for there.

    Raises:
        UserError: a table, figure, format or column is not known.
    """
    shown = Shown(
        columns=_columns(columns),
        methods=tuple(split_variants(methods or "")),
        losses=tuple(split_variants(losses or "")),
        over=Over.parse(over) if over else None,
    )
    whole = tables is None and figures is None
    return Wanted(
        _chosen("table", tables, tuple(TABLES), whole, TABLE_FILES),
        _chosen("figure", figures, _figures() if whole or figures else (), whole),
        _chosen("format", formats, FORMATS, everything=True),
        whole,
        shown,
    )


def _columns(words: str | None) -> tuple[str, ...]:
    valid = [*ORDER, OVER_LEFT_OUT]
    chosen = tuple(dict.fromkeys(split_variants(words or "")))
    for word in chosen:
        if word not in valid:
            unknown("column", word, valid)
    return chosen


def _figures() -> tuple[str, ...]:
    from bench.report.figures import FIGURES, STUDIES

    return (*FIGURES, *STUDIES)


def _chosen(
    what: str,
    words: str | None,
    valid: tuple[str, ...],
    everything: bool,
    files: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    if words is None:
        return valid if everything else ()
    chosen = [files.get(word, word) for word in split_variants(words)]
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
    results = load_results(out, data, tell, crops=wishes.crops)
    selection = select(results, datasets, preset, load_reported(), out / "profile", wishes.shown)
    if datasets:
        chosen = [entry for entry in results.entries if entry.cell.dataset in datasets]
        every = [entry for entry in results.every if entry.cell.dataset in datasets]
        results = replace(results, entries=chosen, every=every)
    folder = out / "report"
    with tidied(folder):
        return _write(results, selection, wishes, folder, tell)


def _write(
    results: Results, selection: Selection, wishes: Wanted, folder: Path, tell: Tell
) -> list[Path]:
    tables = make_tables(selection, wishes)
    written, pictures, left_out = write_tables(tables, wishes.formats, folder), [], list[str]()
    if wishes.figures:
        from bench.report.figures import draw_figures

        with tidied(folder / FIGURES):
            drawn = draw_figures(
                results, wishes.figures, folder / FIGURES, left_out.append, wishes.shown
            )
        written, pictures = [*written, *drawn.files], drawn.pictures
    counted = _counted(tables, left_out)
    for sentence in counted if wishes.whole else (*_said(tables, wishes), *left_out):
        tell(sentence)
    if wishes.whole:
        shown = digest(tables)
        written.append(folder / "report.md")
        found = selection.answers
        write_text(written[-1], index(selection.results, shown, pictures, found))
        if "html" in wishes.formats:
            from bench.report.page import write_page

            written.append(folder / "index.html")
            write_page(results, html_tables(shown), pictures, written[-1], tell, found)
    return written


def _counted(tables: Sequence[Table], figures: Sequence[str]) -> Iterator[str]:
    """How much of everything is left out, in a line: a store of one's own lacks most of it."""
    empty = sum(table.empty for table in tables)
    parts = []
    if empty:
        parts.append(f"tables without a number, {empty} (the end of report.md names them)")
    if figures:
        parts.append(f"figures, {len(figures)} ({FIGURES}/figures.md says why)")
    if parts:
        yield f"Left out: {'; '.join(parts)}."


def make_tables(selection: Selection, wishes: Wanted) -> list[Table]:
    """The tables that are asked for; of everything, the claims too if any was measured."""
    tables = _rows_chosen(selection, wishes.tables)
    if wishes.whole:
        judgements = judge(selection)
        if any(each.measured for each in judgements):
            tables += claims_tables(selection, judgements)
    return tables


def _rows_chosen(selection: Selection, names: Sequence[str]) -> list[Table]:
    """The tables; those of some rows alone say which others there are."""
    tables = [table for name in names for table in TABLES[name](selection)]
    if not selection.shown.some_rows:
        return tables
    every = replace(selection, shown=selection.shown.of_every_row())
    whole = {table.name: table for name in names for table in TABLES[name](every)}
    return [beside_whole(table, whole[table.name]) for table in tables]


def _said(tables: Sequence[Table], wishes: Wanted) -> Iterator[str]:
    """Which tables are not written, and why; which do not take the columns asked for."""
    keep = [name for name in wishes.tables if name not in CHOOSING]
    if wishes.shown.columns and keep:
        choosing = ", ".join(CHOOSING)
        yield f"These tables keep their columns: {', '.join(keep)}; --columns is of {choosing}."
    if wishes.formats == ("html",):
        yield "The page is of everything, and stays as it is; make it without --tables, --figures."
    made = {table.name for table in tables}
    for name in wishes.tables:
        if name in LACKS and name not in made:
            yield f"There is no table `{name}`: {LACKS[name]}."
    empty = [table.stem for table in tables if not table.printable]
    if empty and "latex" in wishes.formats:
        there = "markdown" in wishes.formats
        where = "Their `.md` files say" if there else "`bench report --format markdown` says"
        yield (
            f"Not written as LaTeX, because nothing in them was measured: {', '.join(empty)}. "
            f"{where} which command fills them."
        )


def write_tables(tables: Sequence[Table], formats: Sequence[str], folder: Path) -> list[Path]:
    """Write every table in every format that has a file for each.

    A table in which nothing was measured has no LaTeX: a paper has no use for it.
    """
    texts: dict[Path, str] = {}
    for name in formats:
        if name in _SUFFIXES:
            suffix, render = _SUFFIXES[name]
            own = [table for table in tables if table.printable or name != "latex"]
            texts |= {folder / f"{table.stem}{suffix}": render(table) for table in own}
    if "latex" in formats and tables:
        texts[folder / "tables.tex"] = document(tables)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)
