"""What has to be said of one number: what is odd about it, or why there is none."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

from bench.scores.contenders import Contender
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement, fullest

_SEGMENTED = "dice"  # every triplet with membrane scores has it


def cell_notes(measurement: Measurement, wanted: int, seeds: Sequence[int]) -> list[str]:
    """What has to be known of a number: warnings, seeds without a number, few triplets.

    Args:
        measurement: behind the number.
        wanted: how many test triplets it should be a mean over.
        seeds: those that the caption names.
    """
    notes, of_folds = list[str](), _of_folds(measurement)
    for entry, table in zip(measurement.entries, measurement.tables, strict=True):
        if table is None:
            notes.append(f"{_which(entry, fold=of_folds)} is not counted: {why_not(entry)}.")
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
    return list(dict.fromkeys([*notes, *_uneven(measurement)]))


def _of_folds(measurement: Measurement) -> bool:
    return len({entry.cell.fold for entry in measurement.entries}) > 1


def _uneven(measurement: Measurement) -> list[str]:
    """That some folds have fewer trainings than others."""
    seeds: dict[int, list[int]] = {}
    for entry, table in zip(measurement.entries, measurement.tables, strict=True):
        if table is not None and entry.trained:
            seeds.setdefault(entry.cell.fold, []).append(entry.cell.seed)
    if len({tuple(sorted(own)) for own in seeds.values()}) < 2:
        return []
    words = (f"fold {fold}: {', '.join(map(str, sorted(own)))}" for fold, own in seeds.items())
    return [
        f"Not every seed was trained on every fold ({'; '.join(words)}): how much trainings differ "
        "is in the interval only where a fold has several."
    ]


def segmented_notes(own: Contender, among: Iterable[Contender]) -> list[str]:
    """What has to be known of a row's membrane scores where they rest on less than its pixels.

    Args:
        own: the row.
        among: all rows of its dataset.
    """
    measured, most = own.measured(_SEGMENTED), _most_segmented(among)
    if not measured.count:
        return []
    pairs = zip(measured.entries, measured.tables, strict=True)
    notes = [
        f"Membranes of {_which(entry, fold=_of_folds(measured))} are not counted: {why_not(entry)}."
        for entry, table in pairs
        if table is None and entry.scores is not None
    ]
    if measured.seeds != own.measured("psnr").seeds:
        seeds = f"seed{'' if len(measured.seeds) == 1 else 's'} "
        notes.append(f"Membranes: {seeds}{', '.join(map(str, measured.seeds))} only.")
    if measured.count < most:
        notes.append(f"Membranes: over {measured.count} of {most} test triplets.")
    return notes


def segmented_counts(rivals: Mapping[str, Sequence[Contender]]) -> list[str]:
    """In a caption: of how many triplets there are membrane scores where that is not of all.

    Args:
        rivals: the rows of each dataset.
    """
    counts = {
        name: (_most_segmented(own), fullest(each.measured("psnr") for each in own).count)
        for name, own in rivals.items()
    }
    fewer = [f"{name} {own}" for name, (own, every) in counts.items() if 0 < own < every]
    return [f"With membrane scores: {', '.join(fewer)}."] if fewer else []


def _most_segmented(rivals: Iterable[Contender]) -> int:
    return fullest(each.measured(_SEGMENTED) for each in rivals).count


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


def _which(entry: Entry, *, fold: bool = False) -> str:
    parts = [f"{entry.title} on {entry.cell.dataset}"]
    if fold:
        parts.append(f"fold {entry.cell.fold}")
    if entry.trained:
        parts.append(f"seed {entry.cell.seed}")
    return ", ".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
