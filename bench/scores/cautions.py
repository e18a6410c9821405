"""What has to be said beside figures before anybody believes them."""

from __future__ import annotations

from collections.abc import Iterable

from bench.scores.record_facts import DatasetFacts
from bench.scores.statistics import FEWEST, Interval
from bench.volumes.formats.voxel_size import ASSUMED_PIXEL

_SATURATED = 0.01  # of the pixels; a camera clips fewer


def leakage_caution(leakage: float) -> str:
    """That test triplets are shared with the training; empty if none is.

    Args:
        leakage: share of the test triplets that share a pixel with training or validation.
    """
    if leakage <= 0:
        return ""
    return (
        f"{100 * leakage:.0f} % of the test triplets share pixels with training or validation "
        "triplets (leakage); scores are too good."
    )


def saturation_caution(saturated: float) -> str:
    """That greys were clipped before anybody could compare them; empty if few were.

    Args:
        saturated: share of black and white pixels in the real middle slices.
    """
    if saturated <= _SATURATED:
        return ""
    return (
        f"{100 * saturated:.0f} % of the pixels of the real slices are black or white "
        "(saturated): errors are cut off there, and scores are too good."
    )


def interval_caution(intervals: Iterable[Interval]) -> str:
    """Why there is no interval; empty if there is one everywhere."""
    lacking = [interval for interval in intervals if interval.low != interval.low]
    if not lacking:
        return ""
    few = next((interval for interval in lacking if interval.lacks), None)
    if few is None:
        return "No interval: a score is not finite."
    there = f"there {'is' if few.clusters == 1 else 'are'} {few.clusters}"
    if few.lacks == "columns":
        return (
            f"No interval: it takes at least {FEWEST} columns of tiles side by side, and {there} "
            "(tiles that overlap by more than a tenth count together); a smaller --tile without "
            "--stride makes more, or a larger --tiles where they are drawn."
        )
    return (
        f"No interval: it takes test triplets at {FEWEST} slices at least, and {there}; more "
        "slices make more, or --split-axis x, which has some of every slice in each split."
    )


def seeds_caution(seeds: Iterable[int]) -> str:
    """That one training says nothing of another; empty if there were several, or none."""
    if len(set(seeds)) != 1:
        return ""
    return (
        "Each network was trained once (one seed): no interval says how much another training "
        "would differ; `--seeds 0,1,2` trains three times."
    )


def pixel_size_caution(dataset: str, facts: DatasetFacts) -> str:
    """That nobody said how wide a pixel is; empty where somebody did.

    Args:
        dataset: its name.
        facts: what a record keeps of it.
    """
    if facts.voxel_size:
        return ""
    return (
        f"{dataset}: no file says how wide a pixel is, and {ASSUMED_PIXEL:g} nm a pixel are "
        "assumed where membranes are drawn and compared; `bench data build` with --voxel-size says "
        "it."
    )


def label_remarks(facts: DatasetFacts) -> list[str]:
    """Why there are no membrane scores, and what is doubted of the labels, in sentences.

    Args:
        facts: what a record keeps of its dataset.
    """
    return [*filter(None, [facts.no_membranes]), *facts.doubts]
