"""Which candidates are kept, which split each goes into, and what to do where none is left."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.base.errors import UserError
from bench.triplets.fitting_tile import Extents
from bench.triplets.options import BuildOptions
from bench.triplets.reject import judge
from bench.triplets.shape_check import advice, no_whole_triplet
from bench.triplets.split import BLOCKS, LEARNED_OR_SCORED, random_blocks, split_names

_REMEDIES = {
    "padding": "say what is tissue with --mask (0 where there is none), cut the volume to it, "
    "or take a smaller --tile",
    "defect": "leave blank or constant areas out with --mask, or cut the volume",
    "blend": "build from the slices that were imaged",
    "duplicate": "look for slices that show one section twice, or raise the limit "
    "(--rule duplicate=20)",
    "continuity": "look whether neighbouring slices show the same cells, or change the limits "
    "(--rule continuity=8 --rule floor=0)",
    "blur": "look for slices out of focus, or raise the limit (--rule blur=2)",
}


def judged(tables: Sequence[pd.DataFrame], volumes: Extents, options: BuildOptions) -> pd.DataFrame:
    """The candidates of all volumes, each with the reason for which it is rejected, or none.

    Args:
        tables: a row for each candidate of each volume.
        volumes: that they are from.
        options: of the build.

    Raises:
        UserError: there is no candidate.
    """
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        raise UserError(
            f"No tile of {options.tile} pixels stays within the slices (or split bands) once its "
            f"neighbours are shifted; {advice(volumes, options)}."
        )
    return judge(table, options.rules)


def sort_into_splits(
    table: pd.DataFrame, drift: str, volumes: Extents, options: BuildOptions
) -> pd.DataFrame:
    """The table with the column ``split``.

    Args:
        table: as ``judged`` gave it.
        drift: what to do about neighbours that lie further apart than was searched; empty where
            they do not.
        volumes: that the candidates are from.
        options: of the build.

    Raises:
        UserError: train, validation or test has no triplet that is kept.
    """
    rejected = table["reason"] != ""
    if options.split == "paper":
        blocks = random_blocks(rejected.to_numpy()[:: options.gap], options.seed)
        blocks = blocks.repeat(options.gap)  # the triplets of a gap stay together
    else:
        blocks = table["block"].to_numpy()
    table = table.assign(split=split_names(blocks, options.fold))
    for name in LEARNED_OR_SCORED:
        here = table[table["split"] == name]
        if (here["reason"] == "").any():
            continue
        if here.empty and options.split == "blocked":
            raise UserError(no_whole_triplet(name, volumes, options))
        raise UserError(_all_rejected(name, table, drift, volumes, options))
    return table


def _all_rejected(
    name: str, table: pd.DataFrame, drift: str, volumes: Extents, options: BuildOptions
) -> str:
    kept = int((table["reason"] == "").sum()) // options.gap
    if options.split == "paper":
        what = "triplets" if options.gap == 1 else "gaps"
        here, what = table, f"A split at random takes {BLOCKS} {what}, and {kept} are kept"
    else:
        here, what = table[table["split"] == name], f"Every {name} triplet is rejected"
    counts = here.loc[here["reason"] != "", "reason"].value_counts()
    if counts.empty:
        return f"{what}; {advice(volumes, options)}."
    broken = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    remedy = drift or _REMEDIES[str(counts.index[0])]
    if not drift and options.split == "blocked" and kept:
        remedy += ", or take another --fold"
    return f"{what} ({broken}); {remedy}."
