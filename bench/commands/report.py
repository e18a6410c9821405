"""``bench report``: make tables and figures from what runs left."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Data, Preset, Results, takes

REPORT_EXAMPLES = """\
bench report
bench report --tables differences --over rife:lm --format markdown
bench report --tables neurites --columns carried,dice --methods dis,rife"""


@dataclass(frozen=True)
class ReportWords:
    """What ``bench report`` is told."""

    tables: Annotated[
        str | None,
        typer.Option(
            help="neurites,1,...,5,preparation,gaps,judges,differences; all if not given."
        ),
    ] = None
    figures: Annotated[str | None, typer.Option(help="3,...,8,dials,...; all if not given.")] = None
    formats: Annotated[
        str | None, typer.Option("--format", help="latex,markdown,html,csv; all if not given.")
    ] = None
    dataset: Annotated[str | None, typer.Option(help="Only these datasets.")] = None
    preset: Preset = None
    samples: Annotated[
        int | None,
        typer.Option(help="Of networks that were trained for several lengths: this many crops."),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(help="Metrics, in this order, for tables neurites, 1, 3, 4, differences."),
    ] = None
    methods: Annotated[str | None, typer.Option(help="Only these, in tables and figures.")] = None
    losses: Annotated[str | None, typer.Option(help="Of networks, only those of these losses.")] = (
        None
    )
    over: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD:LOSS", help="Adds the table of differences: every row less this one."
        ),
    ] = None
    out: Results = Path("results")
    data: Data = Path("data")


@takes(ReportWords)
def report(words: ReportWords) -> None:
    """Make the paper's tables and figures from what runs left; compute nothing again."""
    from bench.base.words import split_variants
    from bench.report.write import wanted, write_report

    chosen = (words.columns, words.methods, words.losses, words.over)
    wishes = wanted(words.tables, words.figures, words.formats, *chosen)
    wishes = replace(wishes, crops=words.samples)
    datasets = tuple(split_variants(words.dataset or ""))
    written = write_report(words.out, words.data, wishes, datasets, words.preset, _tell)
    if not wishes.whole:
        for path in written:
            typer.echo(path)
        return
    # Of everything there are dozens of files: their number, and the pages that show them.
    page = written[-1]
    counts = Counter(path.suffix.removeprefix(".") for path in written)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    _tell(f"{len(written)} files in {page.parent}: {kinds}.")
    typer.echo(page)
    _tell(f"Begin with {page}.")


def _tell(line: str) -> None:
    typer.echo(line, err=True)
