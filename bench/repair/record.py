"""``repair.json``: what a repair did to each slice, with what, and how far to trust it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from bench.base.errors import UserError
from bench.base.files import write_text
from bench.repair.evidence import RECORD

SCHEMA = 1
# Options that say how the volume is read.
READ = ("region", "grey_range", "level", "axes", "channel", "voxel_size")


class ExpectedScore(BaseModel):
    """A score that a slice is expected to have.

    Attributes:
        score: that is expected.
        low: its interval begins there.
        high: it ends there.
        coverage: share of true scores that such intervals hold; None where too few slices could be
            hidden to say it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float
    low: float
    high: float
    coverage: float | None


class SliceRecord(BaseModel):
    """A slice that was filled, as a whole or in places, or that was to be filled.

    Attributes:
        slice: the number that the source gives it.
        filled: ``whole``, ``places``, or ``no`` where it was left because it cannot be trusted.
        reasons: what was wrong with it.
        boxes: of its places: top, bottom, left, right in pixels.
        before: number of the sound slice before it.
        after: number of the sound slice after it.
        fraction: of the way from that before to that after at which it lies; ``time`` in records of
            before.
        shift: of the slice after against that before, y and x in pixels.
        peak: their correlation there.
        unlikeness: of the two, where the tissue of one follows the other's: 1 less correlation.
        detail: how many times more fine detail one has than the other.
        expected: scores, by metric.
        mean_error: mean expected absolute error of its filled pixels, in grey levels.
        error: the file of its expected errors, from the folder of this one; uint8, in grey levels.
        error_sha256: of that file; None in records that were written before it was kept.
        pixels: how many were filled.
        sha256: of the slice as it was written, row by row.
        note: why it was left, or what has to be known of it.
        cautions: what has to be known of what it was filled from, and of damage beyond its places.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    slice: int
    filled: Literal["whole", "places", "no"]
    reasons: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    before: int
    after: int
    fraction: float = Field(validation_alias=AliasChoices("fraction", "time"))
    shift: tuple[int, int]
    peak: float
    unlikeness: float
    detail: float
    expected: Mapping[str, ExpectedScore] = {}
    mean_error: float | None = None
    error: str | None = None
    error_sha256: str | None = None
    pixels: int = 0
    sha256: str | None = None
    note: str = ""
    cautions: tuple[str, ...] = ()


class RepairRecord(BaseModel):
    """All of a repair.

    Attributes:
        schema_: of the file.
        source: the volume: absolute path, shape, type of its values, voxel size, grey range.
        out: the name of the volume that was written, which lies beside the folder of this file.
        first: the number of the slice at position 0.
        methods: with what gaps of each size were filled, and what its promises rest on.
        slices: by number.
        left: what was found and not filled: slice, reason and note.
        packages: versions.
        written: when, in UTC (ISO 8601); empty in records of before.
        options: that were given, but for those that change no byte.
        plan: the file of what was to be done, from the folder of this one; empty in records of
            before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: int = SCHEMA
    source: Mapping[str, Any]
    out: str
    first: int
    methods: Mapping[int, Mapping[str, Any]]
    slices: tuple[SliceRecord, ...]
    left: tuple[Mapping[str, Any], ...]
    packages: Mapping[str, Any]
    written: str = ""
    options: Mapping[str, Any] = {}
    plan: str = ""

    @property
    def read(self) -> dict[str, Any]:
        """The options with which the volume was read."""
        return {name: self.options[name] for name in READ if name in self.options}

    @property
    def filled(self) -> list[SliceRecord]:
        """The slices that were filled, as a whole or in places."""
        return [each for each in self.slices if each.filled != "no"]


def save_record(record: RepairRecord, folder: Path) -> None:
    """Write the record into the folder beside the volume."""
    write_text(folder / RECORD, record.model_dump_json(indent=1) + "\n")


def load_record(folder: Path) -> RepairRecord:
    """Read the record of a folder.

    Raises:
        UserError: it is missing, damaged, or of a newer version.
    """
    path = folder / RECORD
    try:
        text = path.read_text(encoding="utf-8")
        _check_schema(path, json.loads(text))
        return RepairRecord.model_validate_json(text)
    except (OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise UserError(f"{path} cannot be read ({first}); repeat the repair.") from error


def _check_schema(path: Path, content: object) -> None:
    """Refuse a newer record before its fields are looked at, some of which are not known here."""
    schema = content.get("schema_") if isinstance(content, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"{path} was written by a newer version of interslice; update interslice.")


def left_of(items: Sequence[Any], first: int) -> tuple[dict[str, Any], ...]:
    """What a plan leaves as it is: slice, reason and note."""
    return tuple(
        {
            "slice": first + item.finding.z,
            "reason": item.finding.reason,
            "note": item.why_left,
        }
        for item in items
        if not item.fills
    )
