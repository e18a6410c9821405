"""The pictures that a run ends with."""

from __future__ import annotations

from pathlib import Path

import typer

from bench.base.errors import UserError
from bench.report.run_picture import draw_comparison
from bench.scores.summary import Row
from bench.triplets.dataset import Dataset


def draw_pictures(rows: list[Row], datasets: dict[str, Dataset], out: Path) -> list[Path]:
    """Draw a picture of each dataset; the table is worth more, so a failure is only told.

    Args:
        rows: of the table.
        datasets: by name.
        out: folder of the results.

    Returns:
        The files of the pictures.
    """
    pictures = []
    for dataset in datasets.values():
        try:
            picture = draw_comparison(rows, dataset, out)
        except (OSError, UserError) as error:
            typer.echo(f"the picture of '{dataset.name}' could not be drawn: {error}", err=True)
            continue
        if picture is not None:
            pictures.append(picture)
    return pictures
