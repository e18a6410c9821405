"""Gaps of several slices: which rows of a table are one gap, and how far into it each lies.

A gap is a run of slices that are taken to be missing. It has a triplet for each of them; the slices
before and after are the same for all. Rows of one gap stand next to each other, in order of z.
"""

from __future__ import annotations

import pandas as pd

POSITION = "position"  # of a missing slice in its gap, from 1; no column where all have one


def positions(table: pd.DataFrame) -> pd.Series[int]:
    """The position of each row's slice in its gap."""
    return table[POSITION] if POSITION in table else pd.Series(1, table.index)


def first_missing(table: pd.DataFrame) -> pd.Series[int]:
    """The z of the first missing slice of each row's gap, where z counts the slices taken."""
    first: pd.Series[int] = table["z"] - positions(table) + 1
    return first


def times_of(gap: int) -> tuple[float, ...]:
    """How far each missing slice lies from the slice before (0) towards that after (1)."""
    return tuple(position / (gap + 1) for position in range(1, gap + 1))


def gap_rows(gap: int) -> list[tuple[str, str]]:
    """That gaps have several slices, as a row of a table; none where they have one."""
    return [("missing in a row", f"{gap} slices")] if gap > 1 else []
