"""``bench repair``: what of a volume is missing or damaged, and the volume with it filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.grouping import of_data, of_machine, of_output, of_places, of_training
from bench.commands.options import (
    KINDS,
    MISSING,
    REGION,
    Axes,
    Channel,
    GreyRange,
    Jobs,
    Json,
    Level,
    OtherData,
    Preset,
    Scheduler,
    SchedulerFile,
    Threads,
    VoxelSize,
    takes,
)

REPAIR_EXAMPLES = """\
bench repair stack.tif --plan-out plan.toml --sheet sheet.png
bench repair stack.tif --missing 105,111-112 --out whole.ome.zarr
bench repair stack.tif --plan plan.toml --out whole.ome.zarr"""


@dataclass(frozen=True)
class RepairWords:
    """What ``bench repair`` is told."""

    source: Annotated[
        str,
        typer.Argument(help=KINDS),
    ]
    missing: Annotated[str | None, of_places(help=MISSING)] = None
    defects: Annotated[
        str | None,
        of_places(help="Places of your own: masks, or a CSV headed z,y0,y1,x0,x1[,reason]."),
    ] = None
    plan: Annotated[Path | None, of_places(help="A plan that was written, and edited.")] = None
    plan_out: Annotated[
        Path | None, of_output(help="Write the plan: TOML, with masks beside it.")
    ] = None
    sheet: Annotated[
        Path | None,
        of_output(help="Draw each finding between its neighbours: .png, .jpg or .pdf."),
    ] = None
    out: Annotated[
        str | None,
        of_output(help="Write the repaired volume: .ome.zarr, .tif, .h5, a folder/ and others."),
    ] = None
    mask_out: Annotated[
        str | None, of_output(help="Write what of it is synthetic: 255 there, 0 elsewhere.")
    ] = None
    method: Annotated[
        str | None,
        of_training(help="That fills; if not given, the best here (auto), measured if need be."),
    ] = None
    loss: Annotated[
        str | None,
        of_training(help="That a network is trained under; lm with --labels, else l1."),
    ] = None
    preset: Preset = None
    dataset: Annotated[
        str | None,
        of_data(help="Triplets of this volume; called as the volume is, if not given."),
    ] = None
    labels: Annotated[
        str | None, of_data(help="Of the volume, where its triplets are to be built.")
    ] = None
    data: OtherData = None
    results: Annotated[
        Path | None, of_training(help="Folder of the results of runs; results if not given.")
    ] = None
    force: Annotated[
        bool, of_places("--force", help="Fill what cannot be trusted too, and mark it.")
    ] = False
    device: Annotated[str | None, of_machine(help="cuda, cpu or auto.")] = None
    threads: Threads = None
    jobs: Jobs = None
    scheduler: Scheduler = None
    scheduler_file: SchedulerFile = None
    longest: Annotated[
        int | None, of_places(help="Slices in a row that are filled at most; 3 if not given.")
    ] = None
    search: Annotated[int, of_places(help="Search radius of the alignment in pixels.")] = 16
    grey_range: GreyRange = None
    region: Annotated[str | None, of_data(help=REGION)] = None
    level: Level = None
    axes: Axes = None
    channel: Channel = None
    voxel_size: VoxelSize = None
    as_json: Json = False


@takes(RepairWords)
def repair(words: RepairWords) -> None:
    """Say what of a volume is missing or damaged; with --out, fill it and write the volume anew."""
    from bench.commands.repairing import repair_as_told

    repair_as_told(words)
