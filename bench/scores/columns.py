"""In which order figures stand wherever it is ours: what a slice is worth, then its pixels.

The paper's tables keep the paper's columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.scores.membranes import (
    JUDGED,
    MEMBRANE_METRICS,
    OWN,
    RETUNED,
    SECOND,
    MembraneMetric,
)
from bench.scores.metrics import METRICS, Metric

EVERY: Mapping[str, Metric | MembraneMetric] = {**METRICS, **MEMBRANE_METRICS}
ORDER = (
    "carried", "adapted_rand_error", "voi", "voi_split", "voi_merge", "dice",
    "boundary_f1", "pixel_dice", "carried_area", "wrong_neurite", "lost",
    *(OWN.format(name) for name in RETUNED),
    *(SECOND.format(name) for name in JUDGED),
    "frc_10", "frc_25", "psnr", "ssim", "ie", "ie_rms", "sharpness",
)  # fmt: skip
LEADING = ("carried", "adapted_rand_error", "frc_10")  # the first that was measured ranks a list
RANKED = ("carried", "adapted_rand_error", "voi", "dice", "frc_10", "psnr")  # best and ties told


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Names of metrics in the order of their columns."""
    return tuple(sorted(names, key=ORDER.index))


SHOWN = ordered(name for name, metric in METRICS.items() if metric.hint)
