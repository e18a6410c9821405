"""What runs left, as tables of pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Results:
    """What cells reached.

    Attributes:
        cells: a row for each cell: ``method``, ``loss``, ``dataset``, ``fold``, ``seed``,
            ``preset``, ``status``, why it failed (``failure``), how many ``triplets`` count, and
            the ``folder`` of its files. Then, for each metric of ``docs/reference/metrics.md`` that
            was measured, its mean under its name, for instance ``psnr``, and the ends of its 95 %
            interval, ``psnr_low`` and ``psnr_high``. ``psnr_skill`` is the paired gain over the
            null, and ``dice_ceiling`` what the real slices reach, each with its ends likewise. NaN
            is what was not measured.
        triplets: a row for each cell and triplet that counts: the first six columns of ``cells``,
            then those of the cell's files: where the triplet lies (``volume``, ``z``, ``y``, ``x``,
            ``column``), its image scores, and what membranes are scored by. Ratios such as
            ``carried`` are of all triplets together (``neurites_carried`` over ``neurites``).
        answers: what to take on each dataset, and what that rests on, in sentences.
    """

    cells: pd.DataFrame
    triplets: pd.DataFrame
    answers: Mapping[str, str]


def results(
    out: str | Path = "results",
    data: str | Path = "data",
    *,
    tell: Callable[[str], None] | None = None,
) -> Results:
    """Read what runs left, as ``bench report`` does; nothing is computed again.

    A cell that was computed several times counts once: as it was computed on the build of its
    dataset that is at hand, finished, and last. Answers are of the preset that most cells have.

    Args:
        out: folder of the results.
        data: folder of the datasets.
        tell: called with a line for each file that cannot be read, and for what is left out.

    Raises:
        UserError: there are no results.

    Examples:
        >>> from bench.api import results
        >>> cells = results("results").cells
        >>> bool((cells["psnr_low"] <= cells["psnr"]).all())
        True
    """
    from bench.api.tables import answers_as_text, cell_table, triplet_table
    from bench.report.reported import load_reported
    from bench.report.selection import select
    from bench.scores.cell_figures import CellFigures
    from bench.scores.results import load_results
    from bench.scores.skill import null_of

    found = load_results(Path(out), Path(data), tell or (lambda _: None))
    figures = [CellFigures(entry, null_of(entry, found.entries)) for entry in found.entries]
    answers = select(found, (), None, load_reported(), Path(out) / "profile").answers
    return Results(
        cell_table([(each, each.membranes) for each in figures]),
        triplet_table(found.entries),
        answers_as_text(answers),
    )
