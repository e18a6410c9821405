"""Why there is no interval is said with what there is too little of, and what makes more."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from bench.scores.cautions import interval_caution
from bench.scores.skill import verdict_words
from bench.scores.statistics import Interval, mean_interval


def places(columns: int, depth: int) -> pd.DataFrame:
    grid = [("v", column, z) for column in range(columns) for z in range(depth)]
    return pd.DataFrame(grid, columns=["volume", "column", "z"])


@pytest.mark.parametrize(
    ("columns", "depth", "words"),
    [
        (2, 18, "3 columns of tiles side by side, and there are 2 "),
        (1, 18, "3 columns of tiles side by side, and there is 1 "),
        (4, 2, "test triplets at 3 slices at least, and there are 2; .* --split-axis x"),
    ],
)
def test_what_there_is_too_little_of(columns: int, depth: int, words: str) -> None:
    there = places(columns, depth)
    interval = mean_interval(np.arange(len(there), dtype=float), there)
    assert np.isnan(interval.low)
    assert re.search(f"No interval: .*{words}", interval_caution([interval]))


def test_where_nothing_is_lacking_or_a_score_is_not_finite() -> None:
    there = places(4, 9)
    values = np.random.default_rng(0).normal(size=len(there))
    assert interval_caution([mean_interval(values, there)]) == ""
    values[3] = np.inf
    assert interval_caution([mean_interval(values, there)]) == "No interval: a score is not finite."


def test_worse_than_the_null_is_not_called_unsettled() -> None:
    nan = float("nan")
    gains = {
        "PSNR": Interval(-0.7, -0.8, -0.6, 4), "FRC": Interval(0.1, -0.1, 0.3, 4),
        "SSIM": Interval(0.2, 0.1, 0.3, 4), "IE": Interval(0.1, nan, nan, 1),
    }  # fmt: skip
    words = "is worse than `linear` in PSNR, and is not shown to beat `linear` in FRC and IE"
    assert verdict_words(gains) == words
    assert verdict_words({"SSIM": gains["SSIM"]}) == ""
