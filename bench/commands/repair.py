"""``bench repair``: say what of a volume is missing or damaged, and what would be filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import (
    KINDS,
    MISSING,
    REGION,
    Axes,
    Channel,
    GreyRange,
    Json,
    Level,
    takes,
)


@dataclass(frozen=True)
class RepairWords:
    """What ``bench repair`` is told."""

    source: Annotated[
        str,
        typer.Argument(help=KINDS),
    ]
    missing: Annotated[str | None, typer.Option(help=MISSING)] = None
    defects: Annotated[
        str | None,
        typer.Option(help="Places of your own: masks, or a CSV headed z,y0,y1,x0,x1[,reason]."),
    ] = None
    plan: Annotated[Path | None, typer.Option(help="A plan that was written, and edited.")] = None
    plan_out: Annotated[
        Path | None, typer.Option(help="Write the plan: TOML, with masks beside it.")
    ] = None
    sheet: Annotated[
        Path | None, typer.Option(help="Draw each finding between its neighbours: PNG.")
    ] = None
    longest: Annotated[
        int | None, typer.Option(help="Slices in a row that are filled at most; 3 if not given.")
    ] = None
    search: Annotated[int, typer.Option(help="Search radius of the alignment in pixels.")] = 16
    grey_range: GreyRange = None
    region: Annotated[str | None, typer.Option(help=REGION)] = None
    level: Level = None
    axes: Axes = None
    channel: Channel = None
    as_json: Json = False


@takes(RepairWords)
def repair(words: RepairWords) -> None:
    """Say what of a volume is missing or damaged, and what would be filled."""
    from bench.commands.repairing import repair_as_told

    repair_as_told(words)
