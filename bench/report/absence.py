"""What has to be said of one number: what is odd about it, or why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from bench.scores.entry import Entry
from bench.scores.measurement import Measurement


def cell_notes(measurement: Measurement, wanted: int, seeds: Sequence[int]) -> list[str]:
    """What has to be known of a number: warnings, seeds without a number, few triplets.

    Args:
        measurement: behind the number.
        wanted: how many test triplets it should be a mean over.
        seeds: those that the caption names.
    """
    notes = []
    for entry, table in zip(measurement.entries, measurement.tables, strict=True):
        if table is None:
            notes.append(f"{_which(entry)} is not counted: {why_not(entry)}.")
            continue
        notes += [_sentence(warning) for warning in entry.record.warnings]
        limit = entry.record.config.get("max_triplets")
        if limit is not None:
            notes.append(f"Not all test triplets were looked at; `--max-triplets {limit}` said so.")
    if 0 < measurement.count < wanted:
        notes.append(f"Mean over {measurement.count} of {wanted} test triplets.")
    own = measurement.seeds
    if own and own != tuple(seeds):
        if len(own) == 1:
            notes.append(f"Seed {own[0]} only: its intervals are of this training.")
        else:
            notes.append(f"Seeds {', '.join(map(str, own))} only.")
    return list(dict.fromkeys(notes))


def why_not(entry: Entry) -> str:
    """Why a cell that is in the store has no number, in a few words."""
    record = entry.record
    if entry.damage:
        return "its files are damaged; repeat the run"
    if entry.other_build:
        return "it was computed on another build of the dataset; repeat the run"
    if record.failure is not None and record.status == "failed":
        reason = (record.failure.reason.strip() or "no reason given").splitlines()[0]
        return f"failed in {record.failure.stage}: {reason.rstrip('.')}"
    if record.status in ("interrupted", "running"):
        return unfinished(record.status)
    if entry.scores is not None and entry.dataset.no_membranes:  # they are asked for
        lack = entry.dataset.no_membranes
        return lack[:1].lower() + lack[1:].rstrip(".")
    if entry.outlier and entry.scores is not None:  # then it is the membranes that are asked for
        return (
            "another segmenter found its membranes than those of most cells; repeat its run with "
            "their `--segmenter`, `--segmenter-encoder`, `--segmenter-weights` and "
            "`--segmenter-steps`"
        )
    return "not computed yet: the run stopped before this stage"


def unfinished(status: str) -> str:
    """What is said of a cell that has not ended: a killed one still says ``running``."""
    said = "interrupted" if status == "interrupted" else "still running, or interrupted"
    return f"{said}; the same `bench run` goes on from there"


def absence(measurement: Measurement, dataset: str, config: str) -> list[str]:
    """Why there is no number where there should be one."""
    if not measurement.entries:
        command = f"bench run --config configs/{config}.toml --dataset {shlex.quote(dataset)}"
        return [
            f"not run; `{command}` computes the whole table (long; its `ls` needs VGG16 weights)."
        ]
    return list(
        dict.fromkeys(f"{_which(entry)}: {why_not(entry)}." for entry in measurement.entries)
    )


def _which(entry: Entry) -> str:
    if not entry.trained:
        return f"{entry.title} on {entry.cell.dataset}"
    return f"{entry.title} on {entry.cell.dataset}, seed {entry.cell.seed}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
