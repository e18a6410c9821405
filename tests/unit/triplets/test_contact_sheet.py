"""The contact sheet names slices as the terminal and the user's files do."""

from __future__ import annotations

import pandas as pd

from bench.triplets.contact_sheet import caption


def test_slices_have_the_numbers_of_their_source() -> None:
    scores = ("ncc_before", "ncc_after", "continuity", "duplicate", "blur", "defect")
    key = pd.Series(
        {"volume": "b", "z": 44, "y": 0, "x": 64, "split": "train", "reason": "blur"}
        | dict.fromkeys(scores, 0.5)
    )
    assert "REJECTED: BLUR (train)  b  z 144  y 0  x 64" in caption(key, {"a": 1, "b": 100})
