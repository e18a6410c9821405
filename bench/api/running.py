"""Cells are computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.api.given_options import check_known, missing_of
from bench.api.reading import Results
from bench.base.progress import told_to
from bench.cells.config import RunConfig, load_config
from bench.cells.names import check_names


def run(
    methods: str | Sequence[str] | None = None,
    dataset: str | Sequence[str] | None = None,
    *,
    config: str | Path | None = None,
    tell: Callable[[str], None] | None = None,
    **options: Any,
) -> Results:
    """Train, predict, score and segment, as ``bench run`` does; no picture is drawn.

    A cell that was computed before is not computed again, one that was interrupted goes on, and
    one that fails does not stop the others.

    Args:
        methods: for instance ``"flow"`` or ``["ssan", "sepconv[taps=25]"]``; the null joins them.
        dataset: one that was built, or ``phantom``.
        config: TOML file with these options; what is said here wins.
        tell: called with each line of progress.
        options: every other option of ``bench run``, with ``_`` for ``-``: the fields of
            ``bench.cells.config.RunConfig``, for instance ``losses="l1"``, ``seeds=[0, 1]``,
            ``preset="quick"``, ``source="stack.tif"``, ``out="results"``, ``stages``, ``jobs``. A
            script that gives ``jobs`` calls this below ``if __name__ == "__main__":``, as the
            workers import it.

    Returns:
        The cells of this run. Of one that failed, ``status`` is ``failed``, and ``failure`` says
        why.

    Raises:
        UserError: an option is not valid, something that it names is not there, or the disk is
            full.

    Examples:
        >>> from bench.api import run
        >>> found = run("average", "mine", stages="train,predict,score")
        >>> found.cells[["method", "status", "triplets"]]
            method status  triplets
        0   linear   done        12
        1  average   done        12
    """
    check_known("run", options, RunConfig.model_fields)
    said = {"methods": methods, "dataset": dataset, **options}
    if options.get("missing") is not None:
        said["missing"] = missing_of(options["missing"])
    settings = load_config(None if config is None else Path(config), said)
    check_names(settings)

    from bench.api.tables import answers_as_text, cell_table, triplet_table
    from bench.run.compute import compute
    from bench.scores.summary import answers_of, summarise

    with told_to(tell or (lambda _: None)):
        outcomes, _ = compute(settings)
    rows = summarise(outcomes)
    return Results(
        cell_table([(row.figures, row.membranes) for row in rows]),
        triplet_table(row.figures.entry for row in rows),
        answers_as_text(answers_of(rows)),
    )
