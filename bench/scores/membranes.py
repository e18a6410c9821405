"""From the membrane scores of triplets to those of a test split: means, pooled ratios, gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.scores.triplet_table import kept
from bench.triplets.file import TripletFile
from bench.volumes.formats.voxel_size import ASSUMED_PIXEL
from segmentation.carried import Neurites, neurites
from segmentation.membranes import Membranes, membranes
from segmentation.scores import Truth, truth_from_labels

Values = NDArray[np.float64]


@dataclass(frozen=True)
class MembraneMetric:
    """A membrane score of a test split and how to read it.

    Attributes:
        reads: columns of a table of membrane scores.
        values: a number for each row of such a table; their mean is the score.
        title: what tables print above it.
        better: the direction in which a method improves.
        digits: decimals worth printing.
        hint: what it is, in a few words; pages show the scores that have one.
    """

    reads: tuple[str, ...]
    values: Callable[[pd.DataFrame], Values]
    title: str
    better: Literal["higher", "lower"]
    digits: int = 3
    hint: str = ""


def boundary_f1(table: pd.DataFrame) -> Values:
    """Boundary F1 from pooled counts, 2 P R / (P + R), linearised for each triplet.

    P is the share of the predicted centre lines that lie near a true one, R that of the true
    ones near a predicted one, both over all triplets together. The mean of the values is
    F1; their differences are each triplet's influence on it (delta method), so that intervals
    hold for the pooled ratio too. F1 is 1 where there are no lines at all and
    0 where there are no hits.
    """
    hits_predicted, predicted, hits_true, true = (
        table[name].to_numpy(np.float64) for name in _BOUNDARY
    )
    if predicted.sum() + true.sum() == 0:
        return np.ones(len(table))
    if hits_predicted.sum() == 0 or hits_true.sum() == 0:
        return np.zeros(len(table))
    precision = hits_predicted.sum() / predicted.sum()
    recall = hits_true.sum() / true.sum()
    both = precision + recall
    to_precision = (hits_predicted - precision * predicted) / predicted.mean()
    to_recall = (hits_true - recall * true) / true.mean()
    influence = 2 * (recall**2 * to_precision + precision**2 * to_recall) / both**2
    return np.asarray(2 * precision * recall / both + influence, np.float64)


def pixel_dice(table: pd.DataFrame) -> Values:
    """Dice of all pixels of all triplets together, linearised like ``boundary_f1``."""
    hits = 2 * table["true_positive"].to_numpy(np.float64)
    size = hits + table["false_positive"].to_numpy() + table["false_negative"].to_numpy()
    return np.ones(len(table)) if size.sum() == 0 else pooled_ratio(hits, size)


def pooled_ratio(part: Values, whole: Values) -> Values:
    """The sum of the parts over that of the wholes, linearised for each triplet (delta method).

    NaN where there is no whole.
    """
    if whole.sum() == 0:
        return np.full(len(whole), np.nan)
    pooled = part.sum() / whole.sum()
    return np.asarray(pooled + (part - pooled * whole) / whole.mean(), np.float64)


def _share(
    part: str, whole: str, title: str, better: Literal["higher", "lower"], hint: str = ""
) -> MembraneMetric:
    """What of all triplets together is a part of the whole."""

    def values(table: pd.DataFrame) -> Values:
        return pooled_ratio(table[part].to_numpy(np.float64), table[whole].to_numpy(np.float64))

    return MembraneMetric((part, whole), values, title, better, hint=hint)


def _sum(
    names: tuple[str, ...], title: str, better: Literal["higher", "lower"], hint: str = ""
) -> MembraneMetric:
    """A score that each triplet has, or the sum of several."""

    def values(table: pd.DataFrame) -> Values:
        columns = [table[name].to_numpy(np.float64) for name in names]
        return np.asarray(np.sum(columns, axis=0), np.float64)

    return MembraneMetric(names, values, title, better, hint=hint)


def _again(metric: MembraneMetric, prefix: str, whose: str, hint: str) -> MembraneMetric:
    """The same score from columns of other names, which hold the same of other membranes."""
    reads = tuple(prefix.format(name) for name in metric.reads)

    def values(table: pd.DataFrame) -> Values:
        return metric.values(table[[*reads]].set_axis([*metric.reads], axis=1))

    title = f"{metric.title}, {whose}"
    return replace(metric, reads=reads, values=values, title=title, hint=hint)


def _retuned(metric: MembraneMetric) -> MembraneMetric:
    """The same score with retuned thresholds: chosen for the method."""
    hint = "with thresholds chosen on the method's own validation frames" if metric.hint else ""
    return _again(metric, OWN, "retuned", hint)


OWN = "own_{}"  # names of columns and scores with thresholds of the method's own
SECOND = "second_{}"  # the same under the second judge
_BOUNDARY = ("boundary_hits_predicted", "boundary_predicted", "boundary_hits_true", "boundary_true")
_PIXELS = ("true_positive", "false_positive", "false_negative")
_METRICS: Mapping[str, MembraneMetric] = {
    "carried": _share("neurites_carried", "neurites", "Carried", "higher",
                      "neurites that reach their own id across the gap"),
    "carried_area": _share("neurite_pixels_carried", "neurite_pixels", "Carried area", "higher"),
    "wrong_neurite": _share("neurites_wrong", "neurites", "Wrong neurite", "lower"),
    "lost": _share("neurites_lost", "neurites", "Lost", "lower"),
    "dice": _sum(("dice",), "Dice", "higher", "membranes, mean over triplets"),
    "boundary_f1": MembraneMetric(_BOUNDARY, boundary_f1, "Boundary F1", "higher",
                                  hint="membrane boundaries, pooled over triplets"),
    "pixel_dice": MembraneMetric(_PIXELS, pixel_dice, "Pixel Dice", "higher"),
    "voi_split": _sum(("voi_split",), "VOI split", "lower"),
    "voi_merge": _sum(("voi_merge",), "VOI merge", "lower"),
    "voi": _sum(("voi_split", "voi_merge"), "VOI", "lower",
                "variation of information in bits, split + merge"),
    "adapted_rand_error": _sum(("adapted_rand_error",), "Rand error", "lower",
                               "adapted Rand error of the segments, mean over triplets"),
}  # fmt: skip
RETUNED = ("carried", "adapted_rand_error", "voi_split", "voi_merge", "dice")
JUDGED = ("carried", "adapted_rand_error", "voi", "dice")  # by the second judge too
MEMBRANE_METRICS: Mapping[str, MembraneMetric] = {
    **_METRICS,
    **{OWN.format(name): _retuned(_METRICS[name]) for name in RETUNED},
    # Without a hint: a page has no column for them, the table of the judges has.
    **{SECOND.format(name): _again(_METRICS[name], SECOND, "second", "") for name in JUDGED},
}


def scored_again(
    scores: Mapping[str, float], names: Iterable[str], prefix: str
) -> dict[str, float]:
    """What is kept of scores that are not the first ones of a frame.

    Args:
        scores: all that were formed.
        names: of the metrics that are kept: the columns that they read are.
        prefix: of the columns' names: ``OWN`` or ``SECOND``.
    """
    columns = {column for name in names for column in MEMBRANE_METRICS[name].reads}
    return {prefix.format(name): score for name, score in scores.items() if name in columns}


def with_second_judge(table: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """A table of membrane scores with those that the second judge gave the same triplets.

    Args:
        table: a row for each triplet.
        second: one of the second judge's own.
    """
    columns = [column for name in JUDGED for column in MEMBRANE_METRICS[name].reads]
    found = second.set_index("triplet")[[name for name in columns if name in second]]
    return table.join(found.rename(columns=SECOND.format), on="triplet")


def without_second_judge(table: pd.DataFrame) -> pd.DataFrame:
    """A table of membrane scores without those of the second judge."""
    return table.loc[:, ~table.columns.str.startswith(SECOND.format(""))]


def with_membrane_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column for each metric that it has the columns of.

    A pooled ratio is one of all rows of the table: of fewer rows it is another.
    """
    return table.assign(**{name: metric.values(table) for name, metric in _metrics_of(table)})


def _metrics_of(table: pd.DataFrame) -> Iterator[tuple[str, MembraneMetric]]:
    """The metrics that a table has the columns of."""
    for name, metric in MEMBRANE_METRICS.items():
        if set(table.columns).issuperset(metric.reads):
            yield name, metric


def pixel_size(file: TripletFile) -> float:
    """Side of a pixel in nm; 5 where nothing is known."""
    return file.voxel_size[2] if file.voxel_size else ASSUMED_PIXEL


def true_membranes(file: TripletFile, index: int) -> Membranes | None:
    """The membranes of a triplet's middle slice as its labels have them; None without labels."""
    labels = file.labels(index)
    if labels is None:
        return None
    return membranes(labels, pixel_size(file), **_meaning(file))


def label_truth(file: TripletFile, index: int) -> Truth | None:
    """Membranes and segments of a triplet's middle slice, likewise."""
    labels = file.labels(index)
    if labels is None:
        return None
    return truth_from_labels(labels, pixel_size(file), **_meaning(file))


def label_neurites(file: TripletFile, index: int) -> Neurites | None:
    """The neurites on both sides of a triplet's middle slice; None without labels of them."""
    labels = file.neighbour_labels(index)
    return None if labels is None else neurites(labels[0], labels[1], pixel_size(file))


def _meaning(file: TripletFile) -> dict[str, Any]:
    """What a dataset's card says its labels are."""
    return {"kind": file.card.label_kind, "zero": file.card.label_zero}


def labelled(table: pd.DataFrame, *, rejected: bool = False) -> pd.DataFrame:
    """The rows that count: kept triplets with a truth to be compared with.

    None does where the truth of all of them has no membrane: whatever finds none is then right.

    Args:
        table: a row for each triplet.
        rejected: whether those of rejected triplets count too.
    """
    counted = table if rejected else kept(table)
    counted = counted[counted["dice"].notna()]
    true = counted["true_positive"].sum() + counted["false_negative"].sum()
    return counted if true > 0 else counted[:0]


def membrane_means(table: pd.DataFrame) -> dict[str, float | None]:
    """Every membrane score that was measured over the rows that count; None where none does."""
    counted = labelled(table)
    means = {}
    for name, metric in _metrics_of(table):
        values = metric.values(counted) if len(counted) else np.empty(0)
        known = values[np.isfinite(values)]
        means[name] = float(known.mean()) if len(known) else None
    return means
