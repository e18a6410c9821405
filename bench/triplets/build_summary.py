"""What a build made, for whoever started it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.triplets.gap import gap_rows
from bench.triplets.layout import Header
from bench.triplets.leakage import measured_leakage
from bench.triplets.options import BuildOptions
from bench.triplets.reject import REASONS, upsampled
from bench.triplets.rejected_slices import rejected_rows
from bench.triplets.split import SPLITS, split_words
from bench.triplets.tile_coverage import drawn_words, poor_coverage
from bench.triplets.write import Content
from bench.volumes.facts_in_words import told
from bench.volumes.formats.voxel_size import ASSUMED_PIXEL
from segmentation.carried import LEAST_AREA
from segmentation.membranes import WIDTH

SHEET_NAME = "contact_sheet.png"
_UNSAID = (1.0, 1.0, 1.0)  # nm


class Written(NamedTuple):
    """What only the written file knows: its fingerprint, and rows on its labels."""

    fingerprint: str
    labels: list[tuple[str, str]]


@dataclass(frozen=True)
class BuildSummary:
    """What a build made.

    Attributes:
        path: of the triplet file.
        candidates: triplets in it, rejected ones included.
        kept: those that no rule rejected.
        no_room: grid places without a triplet, because tile and shifts did not fit.
        told: what its user has to know of the volumes, as rows of a table.
        coverage: how much of a slice lies in tiles, where much of it does not.
        cautions: that a volume is hardly what the microscope saw, that nobody says its voxel size.
        reasons: rejected triplets by rule.
        rejected: the same, and of some at which slices, as rows of a table.
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
    told: list[tuple[str, str]]
    coverage: list[str]
    cautions: list[str]
    reasons: dict[str, int]
    rejected: list[tuple[str, str]]
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
            *(("caution", words) for words in self.cautions),
            ("candidates", f"{self.candidates}, of which {self.kept} are kept"),
            *self._without_room(),
            *self.rejected,
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


def summarise(
    path: Path,
    content: Content,
    written: Written,
    asked: BuildOptions,
    drift: str,
    seconds: float,
) -> BuildSummary:
    """Count what was written.

    Args:
        path: of the triplet file.
        content: what went into it.
        written: what the file says of itself.
        asked: the options before a tile was chosen.
        drift: that neighbours lie further apart than was searched; empty where they do not.
        seconds: the build took.
    """
    table, options = content.table, content.header.options
    volumes = content.header.volumes
    kept, runs = table["reason"] == "", table["column"].nunique()
    return BuildSummary(
        path=path,
        candidates=len(table),
        kept=int(kept.sum()),
        no_room=sum(seen.no_room for _, seen in content.sources),
        told=[
            *_tile_taken(asked, options),
            *gap_rows(options.gap),
            *(("drawn", line) for line in drawn_words(len(table), runs, options)),
            *told(volumes),
            *([("drift", drift)] if drift else []),
        ],
        coverage=poor_coverage([volume.shape for volume in volumes], options),
        cautions=list(filter(None, [upsampled(table["reason"]), _size_caution(content.header)])),
        reasons={reason: int((table["reason"] == reason).sum()) for reason in REASONS},
        rejected=list(
            rejected_rows(content.keys, {v.name: v.first - v.corner[0] for v in content.volumes})
        ),
        split=split_words(options.split, options.split_axis, options.fold),
        splits={name: int((kept & (table["split"] == name)).sum()) for name in SPLITS},
        labels=written.labels,
        leakage=measured_leakage(content.keys, options.tile, options.every, options.gap),
        fingerprint=written.fingerprint,
        seconds=seconds,
    )


def _size_caution(header: Header) -> str:
    """What is assumed where nobody says how wide a pixel is, in a sentence; empty if somebody does.

    A voxel of 1 nm along all three axes is what CloudVolume and others write where nobody said it.
    """
    if header.voxel_size == _UNSAID and header.options.voxel_size is None:
        return (
            "A file says a voxel of 1 x 1 x 1 nm, which programs write where nobody knows; by it "
            f"membranes are drawn {WIDTH:g} pixels wide, so say what is right with --voxel-size "
            "z,y,x."
        )
    if header.voxel_size is not None:
        return ""
    return (
        f"No file says the voxel size, so {ASSUMED_PIXEL:g} nm a pixel are assumed where membranes "
        f"are drawn ({WIDTH:g} nm wide) and neurites followed ({LEAST_AREA:,.0f} nm2 at least); "
        "say it in nm with --voxel-size z,y,x."
    )


def _tile_taken(asked: BuildOptions, options: BuildOptions) -> list[tuple[str, str]]:
    if options.tile == asked.tile:
        return []
    words = (
        f"{options.tile}, the largest of 512, 256 and 128 that fits with --search "
        f"{options.search}; another one with --tile"
    )
    return [("tile", words)]
