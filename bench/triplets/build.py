"""From volumes to ``triplets.h5``: align, lay the grid, reject, split, specify, write.

Two passes over each volume, three slices in memory at a time: the first measures (see
``survey``), the second writes the windows that were found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.base.errors import UserError
from bench.base.files import atomic_path, file_digest, is_full, remove_leftovers, write_text
from bench.triplets.candidates import judged, sort_into_splits
from bench.triplets.contact_sheet import draw_contact_sheet
from bench.triplets.drift import drift_words
from bench.triplets.file import TripletFile, digest_path
from bench.triplets.label_kind_check import doubt, refuse_image
from bench.triplets.label_placement_check import misplacement
from bench.triplets.labelled_slices import label_rows
from bench.triplets.options import BuildOptions
from bench.triplets.reject import REASONS, upsampled
from bench.triplets.shape_check import check_shapes, with_tile
from bench.triplets.split import (
    measured_leakage,
    split_words,
)
from bench.triplets.survey import Survey, survey
from bench.triplets.tile_coverage import poor_coverage
from bench.triplets.write import (
    Source,
    check_room,
    record_doubts,
    volume_facts,
    write_triplets,
)
from bench.volumes.cards import Card, is_public
from bench.volumes.formats.voxel_size import check_sizes
from bench.volumes.remarks import told
from bench.volumes.tissue import padding_words
from bench.volumes.volume import Volume, present_slices

Progress = Callable[[str, int, int], None]

SHEET_NAME = "contact_sheet.png"
_KEYS = (
    "volume", "z", "y", "x", "shift_before_y", "shift_before_x", "shift_after_y",
    "shift_after_x", "peak_before", "peak_after", "ncc_before", "ncc_after", "padding", "uneven",
    "defect", "blend", "duplicate", "continuity", "blur", "column", "region", "reason", "split",
)  # fmt: skip


@dataclass(frozen=True)
class BuildSummary:
    """What a build made.

    Attributes:
        path: of the triplet file.
        candidates: triplets in it, rejected ones included.
        kept: those that no rule rejected.
        no_room: grid places without a triplet, because tile and shifts did not fit.
        coverage: how much of a slice lies in tiles, where much of it does not.
        told: what else its user has to know of the volumes, by name.
        no_tissue: what of the volumes shows none.
        caution: that a volume is hardly what the microscope saw; empty for others.
        reasons: rejected triplets by rule.
        split: how they were split, in words.
        splits: kept triplets by split.
        labels: how much of each split is labelled, and what is doubted, as rows of a table.
        leakage: share of test triplets that share a pixel with training or validation.
        fingerprint: of the file.
        seconds: the build took.
    """

    path: Path
    candidates: int
    kept: int
    no_room: int
    coverage: list[str]
    told: list[tuple[str, str]]
    no_tissue: list[str]
    caution: str
    reasons: dict[str, int]
    split: str
    splits: dict[str, int]
    labels: list[tuple[str, str]]
    leakage: float
    fingerprint: str
    seconds: float

    def describe(self) -> list[tuple[str, str]]:
        """The summary as rows of a table."""
        return [
            ("file", str(self.path)),
            ("contact sheet", str(self.path.with_name(SHEET_NAME))),
            *self.told,
            *(("coverage", line) for line in self.coverage),
            *(("no tissue", line) for line in self.no_tissue),
            *([("caution", self.caution)] if self.caution else []),
            ("candidates", f"{self.candidates}, of which {self.kept} are kept"),
            *self._without_room(),
            *((f"rejected: {name}", str(count)) for name, count in self.reasons.items()),
            ("split", self.split),
            *((name, str(count)) for name, count in self.splits.items()),
            *(row for row in self.labels if row[0] != "caution"),  # told already
            ("leakage", f"{100 * self.leakage:.1f} % of test triplets"),
            ("fingerprint", self.fingerprint),
            ("seconds", f"{self.seconds:.1f}"),
        ]

    def _without_room(self) -> list[tuple[str, str]]:
        if not self.no_room:
            return []
        return [("no room for", f"{self.no_room} grid places: tile and shifts")]


def build(
    name: str,
    volumes: Sequence[Volume],
    card: Card,
    options: BuildOptions,
    target: Path,
    *,
    progress: Progress | None = None,
    replace: bool = False,
) -> BuildSummary:
    """Make the triplets of a dataset; nothing takes its place before it is whole.

    Beside ``target`` stand its SHA-256 and a contact sheet.

    Args:
        name: of the dataset.
        volumes: source stacks, each with a name of its own.
        card: what is known of the dataset; what the options say of the volume is filled in.
        options: of the build.
        target: path of ``triplets.h5``.
        progress: called with the pass (``measure``, ``write``), steps done, and steps in all.
        replace: whether a file that is there may be replaced.

    Raises:
        UserError: the volumes do not suit the options or hold no usable triplet, the file is
            there already, or the folder cannot be written to.
    """
    started = time.monotonic()
    card = card.model_copy(update=options.said)
    _check(volumes, target, replace=replace)
    if options.voxel_size is None:
        check_sizes({volume.name: volume.voxel_size for volume in volumes})
    asked, options = options, with_tile(volumes, options)
    check_shapes(volumes, options)
    for volume in volumes:
        if volume.has_labels:
            refuse_image(volume, card.label_kind)
    surveys = _measure(volumes, options, progress or _silent)
    table = judged([seen.table for seen in surveys], volumes, options)
    drift = drift_words(volumes, table, options)
    table = sort_into_splits(table, drift, volumes, options)[list(_KEYS)]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        check_room(target.parent, len(table), options.tile)
        found, labels = _write(
            name, volumes, surveys, table, card, options, target, progress or _silent
        )
    except OSError as error:
        why = "the disk is full" if is_full(error) else error.strerror or error
        raise UserError(
            f"{target} cannot be written ({why}); make room, or choose another folder with --data."
        ) from error
    kept = table["reason"] == ""
    facts = [volume_facts(volume, seen) for volume, seen in zip(volumes, surveys, strict=True)]
    return BuildSummary(
        path=target,
        candidates=len(table),
        kept=int(kept.sum()),
        no_room=sum(seen.no_room for seen in surveys),
        coverage=poor_coverage([volume.shape for volume in volumes], options.model_dump()),
        told=[*_tile_taken(asked, options), *told(facts), *([("drift", drift)] if drift else [])],
        no_tissue=[
            line
            for volume, seen in zip(volumes, surveys, strict=True)
            for line in padding_words(seen.padding, len(present_slices(volume)))
        ],
        caution=upsampled(table["reason"]),
        reasons={reason: int((table["reason"] == reason).sum()) for reason in REASONS},
        split=split_words(options.split, options.split_axis, options.fold),
        splits={s: int((kept & (table["split"] == s)).sum()) for s in ("train", *_HELD, "gap")},
        labels=labels,
        leakage=measured_leakage(table, options.tile),
        fingerprint=found,
        seconds=time.monotonic() - started,
    )


_HELD = ("validation", "test")


def _silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""


def _check(volumes: Sequence[Volume], target: Path, *, replace: bool) -> None:
    if not volumes:
        raise UserError("There is no volume to build from; give one with --source PATH.")
    names = [volume.name for volume in volumes]
    if len(set(names)) < len(names):
        raise UserError(f"Two volumes have one name ({', '.join(names)}); rename a file.")
    if len({volume.has_labels for volume in volumes}) > 1:
        raise UserError("Some volumes have labels and some have none; give labels for all.")
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; --replace builds it anew.")


def _measure(volumes: Sequence[Volume], options: BuildOptions, progress: Progress) -> list[Survey]:
    total, done = sum(len(present_slices(volume)) for volume in volumes), 0
    surveys, column = list[Survey](), 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress("measure", done, total)

    for volume in volumes:
        surveys.append(survey(volume, options, column, tick))
        column += surveys[-1].columns
    return surveys


def _tile_taken(asked: BuildOptions, options: BuildOptions) -> list[tuple[str, str]]:
    if options.tile == asked.tile:
        return []
    return [
        ("tile", f"{options.tile}, the largest of 512, 256 and 128 that fits with --search "
                 f"{options.search}; another one with --tile")
    ]  # fmt: skip


def _write(
    name: str,
    volumes: Sequence[Volume],
    surveys: list[Survey],
    table: pd.DataFrame,
    card: Card,
    options: BuildOptions,
    target: Path,
    progress: Progress,
) -> tuple[str, list[tuple[str, str]]]:
    """Write file, contact sheet and digest, in an order that never vouches for a wrong file."""
    sources = [Source(v, seen) for v, seen in zip(volumes, surveys, strict=True)]
    digest = digest_path(target)
    with atomic_path(target) as temporary:
        write_triplets(
            temporary, name, sources, table, card, options,
            lambda done: progress("write", done, len(table)),
        )  # fmt: skip
        record_doubts(temporary, _doubts(name, volumes, card, temporary))
        with TripletFile(temporary) as file:
            found, labels = file.fingerprint, list(label_rows(file))
            with atomic_path(target.with_name(SHEET_NAME)) as sheet:
                draw_contact_sheet(file, sheet)
        whole = file_digest(temporary)
        digest.unlink(missing_ok=True)
    write_text(digest, f"{whole}  {target.name}\n")
    return found, labels


def _doubts(name: str, volumes: Sequence[Volume], card: Card, path: Path) -> list[str]:
    """What is doubted of the labels; what those of a public volume are, its card knows."""
    doubts = [misplacement(name, v, card.label_kind) for v in volumes if v.has_labels]
    if not is_public(name):
        with TripletFile(path) as file:
            doubts.append(doubt(file))
    return [sentence for sentence in doubts if sentence]
