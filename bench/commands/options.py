"""The options that several commands share, and how a command takes its options."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from bench.commands.grouping import of_data, of_machine, of_output, of_training

Words = TypeVar("Words")

Json = Annotated[bool, of_output("--json", help="One JSON document on standard output.")]
Data = Annotated[Path, of_data(help="Folder of the datasets.")]
OtherData = Annotated[Path | None, of_data(help="Folder of the datasets.")]
Results = Annotated[Path, typer.Option(help="Folder of the results.")]
Built = Annotated[str | None, typer.Argument(help="A dataset that has been built.")]
Fold = Annotated[int | None, typer.Option(help="The card's, or 0, if not given.")]
LabelKind = Annotated[str | None, of_data(help="ids or membrane_mask; ids if not given.")]
LabelZero = Annotated[str | None, of_data(help="Id 0 is membrane, or ignore.")]
GreyRange = Annotated[str | None, of_data(help="LOW,HIGH of a 16-bit volume, or auto.")]
VoxelSize = Annotated[str | None, of_data(help="Z,Y,X in nm.")]
Axes = Annotated[str | None, of_data(help="Of the array as stored, for instance xyz.")]
Channel = Annotated[int | None, of_data(help="Which one along C is read, from 0.")]
Level = Annotated[int | None, of_data(help="Which scale is read, from 0; 0 if not given.")]
Threads = Annotated[int | None, of_machine(help="Threads torch computes with.")]
Jobs = Annotated[int | None, of_machine(help="Workers side by side, a process each.")]
Scheduler = Annotated[str | None, of_machine(help="Of a Dask cluster, as tcp://HOST:8786.")]
SchedulerFile = Annotated[Path | None, of_machine(help="With its address.")]
Preset = Annotated[str | None, of_training(help="quick, overnight, medium or paper.")]

KINDS = "HDF5, TIFF, MRC, DM3, DM4, NRRD, NIfTI, NumPy, Zarr, N5, precomputed, pictures."
MISSING = "Slices that are not there: 105,111-112, by the numbers of files, else from 0."
REGION = "z0:z1,y0:y1,x0:x1 in voxels, or with a unit: 0:2um,:,1um:."
REGION_OF_EACH = f"{REGION} One for each source."
MISSING_OF_EACH = f"{MISSING} One for each source."


def takes(words: type[Words]) -> Callable[[Callable[[Words], None]], Callable[..., None]]:
    """Let a command take everything that it is told as one typed object.

    Args:
        words: a dataclass. Each of its fields is an option or an argument, declared as Typer has
            it; a field without a default has to be given.

    Returns:
        A decorator. Typer calls what it returns with one keyword argument a field.
    """

    def decorate(command: Callable[[Words], None]) -> Callable[..., None]:
        @wraps(command)
        def told(**given: Any) -> None:
            command(words(**given))

        told.__signature__ = signature(words, eval_str=True)  # type: ignore[attr-defined]
        return told

    return decorate
