"""What the gate watches: the metrics, how much worse each may become, and the scores of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from bench.cells.registry import code_changed
from bench.scores.entry import Entry
from bench.scores.membranes import with_membrane_metrics
from bench.scores.statistics import PLACE
from bench.scores.which_record import CUTS


@dataclass(frozen=True)
class Limit:
    """How much worse a metric may become.

    Attributes:
        change: of the mean over the triplets, in the unit of the metric.
        better: the direction in which the metric improves; ``one``: nearer to 1.
        relative: whether ``change`` is a share of the accepted mean.
    """

    change: float
    better: Literal["higher", "lower", "one"]
    relative: bool = False


# Blur and noise trade PSNR, SSIM and IE for sharpness and FRC: all of them are watched, because
# each is blind to something (a slight blur of `average` improves the first three).
LIMITS: Mapping[str, Limit] = {
    "psnr": Limit(0.05, "higher"),
    "ssim": Limit(0.001, "higher"),
    "ie": Limit(0.1, "lower"),
    "frc_10": Limit(0.005, "higher"),
    "frc_25": Limit(0.005, "higher"),
    "sharpness": Limit(0.03, "one", relative=True),
    "dice": Limit(0.005, "higher"),
    "carried": Limit(0.01, "higher"),  # some hundred neurites: one is a quarter of this
    "second_dice": Limit(0.005, "higher"),  # where a second judge scores
    "second_carried": Limit(0.01, "higher"),
}
COMPUTE_ANEW = "raise its info.revision if its outputs changed, or run it with --rerun"
SEGMENTED = (
    "dice",
    "carried",
    "second_dice",
    "second_carried",
)  # what a triplet without labels has not


def cut_of(entry: Entry) -> dict[str, int]:
    """What made a run compute less than there is; only a training counts crops."""
    config = entry.record.config
    names = [name for name in CUTS if name != "samples" or entry.trained]
    return {name: config[name] for name in names if config.get(name) is not None}


def is_stale(entry: Entry) -> bool:
    """Whether a cell is of another package's method whose code is not what it was then."""
    return code_changed(entry.cell.method.partition("[")[0], entry.record.method)


def watched_scores(entry: Entry) -> pd.DataFrame | None:
    """The watched metrics of a cell's triplets, in their order, and where each lies."""
    table = entry.scores
    if table is None or entry.record.status == "failed":
        return None
    if entry.membranes is not None:
        found = with_membrane_metrics(entry.membranes)
        names = [name for name in SEGMENTED if name in found and found[name].notna().any()]
        table = table.merge(found[["triplet", *names]], on="triplet", how="left")
    columns = ["triplet", *PLACE, *(name for name in LIMITS if name in table)]
    return table[columns].sort_values("triplet", ignore_index=True)
