"""The tables by which the slices of a build are mapped to its reference (see ``histogram``)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.triplets.gap import first_missing
from bench.triplets.histogram import (
    Reference,
    Table,
    identity_table,
    lookup_table,
    mean_reference,
    reference_of,
)
from bench.triplets.options import BuildOptions
from bench.triplets.split import middle_slices
from bench.triplets.survey import Source


def dataset_reference(sources: list[Source], table: pd.DataFrame, gap: int) -> Reference:
    """The mean quantile function of the slices, within their regions, of kept training triplets.

    Args:
        sources: the volumes.
        table: a row for each triplet, with split and reason.
        gap: how many slices are missing in a row.
    """
    train = table[(table["split"] == "train") & (table["reason"] == "")]
    counts: list[NDArray[np.int64]] = []
    for number, (_, seen) in enumerate(sources):
        here = train[train["source"] == number]
        first = first_missing(here).astype(int)
        gaps = set(zip(first, here["region"].astype(int), strict=True))
        used = {(z + step, region) for z, region in gaps for step in range(-1, gap + 1)}
        counts.extend(seen.counts[z, region] for z, region in sorted(used))
    return mean_reference(counts)


def lookup_tables(
    source: Source, options: BuildOptions, reference: Reference | None
) -> NDArray[np.uint8]:
    """The tables of the slices around each gap, by its first slice and region: Z x R x N x 256.

    N is 3 where gaps are of one slice: before, middle and after.

    Args:
        source: the volume.
        options: of the build.
        reference: that every slice is mapped to; None where it depends on the triplet, or where
            slices stay as they are.
    """
    counts = source.seen.counts
    depth, regions = counts.shape[:2]
    tables = np.zeros((depth, regions, options.slices, 256), dtype=np.uint8)
    for z in middle_slices(depth, source.volume.missing, options.gap):
        for region in range(regions):
            around = counts[z - 1 : z + options.gap + 1, region]
            tables[z, region] = _tables(around, options, reference)
    return tables


def _tables(
    counts: NDArray[np.int64], options: BuildOptions, reference: Reference | None
) -> list[Table]:
    if reference is not None:
        return [lookup_table(each, reference) for each in counts]
    if options.histogram == "none":
        return [identity_table()] * len(counts)
    chosen = 0 if options.histogram == "before" else options.reference
    target = reference_of(counts[chosen])
    return [
        identity_table() if i == chosen else lookup_table(each, target)
        for i, each in enumerate(counts)
    ]
