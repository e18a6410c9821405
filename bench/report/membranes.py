"""Boundary F1 of pooled counts, spread over triplets so that it has an interval like a mean."""

from __future__ import annotations

import numpy as np
import pandas as pd


def with_boundary_f1(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``f1``: its mean is the F1 of the pooled counts.

    F1 is a function of two ratios of sums, so no triplet has one of its own. Each gets the
    pooled F1 plus its linear influence on it (the delta method; Deville, Survey Methodology
    1999): the influences add up to nothing, and their spread over clusters is the spread
    of F1. Where nothing is predicted or nothing is there, F1 is 0.

    Args:
        table: one row a triplet, with ``boundary_hits_predicted``, ``boundary_predicted``,
            ``boundary_hits_true`` and ``boundary_true`` in pixels.
    """
    hits, predicted, found, true = (
        table[name].to_numpy(np.float64)
        for name in ("boundary_hits_predicted", "boundary_predicted", "boundary_hits_true",
                     "boundary_true")
    )  # fmt: skip
    if not predicted.sum() or not true.sum() or not hits.sum() or not found.sum():
        return table.assign(f1=0.0)
    precision, recall = hits.sum() / predicted.sum(), found.sum() / true.sum()
    f1 = 2 * precision * recall / (precision + recall)
    by_precision = (hits - precision * predicted) / predicted.mean()
    by_recall = (found - recall * true) / true.mean()
    slope = 2 / (precision + recall) ** 2
    return table.assign(f1=f1 + slope * (recall**2 * by_precision + precision**2 * by_recall))
