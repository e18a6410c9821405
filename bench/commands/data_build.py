"""``bench data build``: build a dataset's triplets from its volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.grouping import of_data, of_output, of_triplets
from bench.commands.options import (
    KINDS,
    MISSING_OF_EACH,
    REGION_OF_EACH,
    Axes,
    Channel,
    Data,
    GreyRange,
    Json,
    LabelKind,
    LabelZero,
    Level,
    VoxelSize,
    takes,
)
from bench.commands.printing import print_pairs

BUILD_EXAMPLES = """\
bench data build phantom
bench data build my_volume --source stack.tif --labels ids.tif
bench data build my_volume --source stack.tif --voxel-size 40,4,4 --gap 2"""


@dataclass(frozen=True)
class BuildWords:
    """What ``bench data build`` is told; None leaves it to the card."""

    name: Annotated[str, typer.Argument(help="A card's name, or a new one for your own volume.")]
    source: Annotated[
        list[str] | None,
        of_data(help=KINDS),
    ] = None
    labels: Annotated[list[str] | None, of_data(help="Labels, one for each source.")] = None
    mask: Annotated[
        list[str] | None, of_data(help="0 where there is no tissue, one for each source.")
    ] = None
    download: Annotated[bool, of_data("--download", help="Fetch the card's files.")] = False
    data: Data = Path("data")
    every: Annotated[
        int | None, of_triplets(help="Take every n-th slice: thin slices become sections.")
    ] = None
    gap: Annotated[
        int | None, of_triplets(help="Slices missing in a row, 1 to 3; each becomes a triplet.")
    ] = None
    tile: Annotated[int | None, of_triplets(help="Side of a triplet in pixels.")] = None
    stride: Annotated[int | None, of_triplets(help="Step of the grid in pixels.")] = None
    tiles: Annotated[
        int | None, of_triplets(help="Draw about so many tiles, evenly: for huge volumes.")
    ] = None
    search: Annotated[int | None, of_triplets(help="Search radius of the alignment.")] = None
    align: Annotated[bool | None, of_triplets(help="Align neighbours to the middle.")] = None
    histogram: Annotated[str | None, of_triplets(help="dataset, before, middle, none.")] = None
    split: Annotated[str | None, of_triplets(help="blocked or paper.")] = None
    split_axis: Annotated[str | None, of_triplets(help="z, y or x.")] = None
    fold: Annotated[int | None, of_triplets(help="Which block is the test split.")] = None
    grey_range: GreyRange = None
    missing: Annotated[list[str] | None, of_data(help=MISSING_OF_EACH)] = None
    region: Annotated[list[str] | None, of_data(help=REGION_OF_EACH)] = None
    level: Level = None
    axes: Axes = None
    channel: Channel = None
    label_kind: LabelKind = None
    label_zero: LabelZero = None
    voxel_size: VoxelSize = None
    rule: Annotated[
        list[str] | None, of_triplets(help="Rejection threshold, for instance blur=2.")
    ] = None
    replace: Annotated[bool, of_output("--replace", help="Build anew what is there.")] = False
    as_json: Json = False


@takes(BuildWords)
def build(words: BuildWords) -> None:
    """Build a dataset's triplets from its volume."""
    from bench.commands.building import build_as_told

    print_pairs(build_as_told(words).describe(), as_json=words.as_json)
