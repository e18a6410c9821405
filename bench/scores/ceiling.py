"""What a segmenter left in its folder: its record, and the scores of real slices under it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from bench.base.errors import UserError
from bench.base.parquet import read_table
from bench.store.records import SCHEMA, WEIGHTS, load_document
from segmentation.training import Budget

RECORD = "segmenter.json"
CEILING = "ceiling.parquet"
REFERENCES = "references.parquet"
LEFT_OUT, LEFT_OUT_FLOW, TRUE_SEGMENTS = "left_out", "left_out_flow", "true_segments"
KINDS: Mapping[str, str] = {
    LEFT_OUT: "left out",
    LEFT_OUT_FLOW: "left out, with flow",
    TRUE_SEGMENTS: "true segments",
}
REAL = "real slice"  # what the ceiling is called among them


class SegmenterRecord(BaseModel):
    """What is known of a segmenter.

    Attributes:
        key: digest over the settings.
        settings: everything its weights depend on.
        threshold: probability above which a pixel is membrane.
        seed_threshold: the same for the seeds of segments; None in records of before it.
        reference: what the dataset's frames are compared with: ``labels`` or ``agreement``.
        carried: content key of what the ceiling and its references count of neurites; None where
            the dataset has no labels on both sides of a slice, and in records of before.
        files: SHA-256 of its weights, of the ceiling's two files and of its references.
        training: steps, seconds, slices, validation Dice and the threshold of seeds; empty if
            trained elsewhere.
        means: the ceiling: mean of every score over the kept test triplets.
    """

    model_config = ConfigDict(extra="forbid")

    record_schema: int = SCHEMA
    key: str
    settings: dict[str, Any]
    threshold: float
    seed_threshold: float | None = None
    reference: str
    carried: str | None = None
    files: dict[str, str]
    training: dict[str, Any] = {}
    means: dict[str, float | None]
    provenance: dict[str, Any]
    finished: str


def segmenter_steps(folder: Path) -> int | None:
    """For how many steps a segmenter was trained at most; None where that is not known."""
    try:
        settings = load_document(folder / RECORD, SegmenterRecord).settings
    except (OSError, UserError):
        return None
    trained = settings.get("trained_on", settings)
    steps: int | None = trained.get("budget", {}).get("steps")  # given weights have no budget
    return steps


def stopped_early(steps: int | None) -> bool:
    """Whether a segmenter was trained for fewer steps than usual; not where that is not known."""
    return steps is not None and steps < Budget.steps


def read_ceiling(folder: Path, segmenter: str | None) -> pd.DataFrame | None:
    """The scores of the real middle slices, of rejected triplets too.

    None where there are none, or those of other weights: a segmenter that was lost is trained
    anew in the same folder.

    Args:
        folder: of the segmenter.
        segmenter: SHA-256 of the weights that are asked for; None where a record is of before
            that was written.

    Raises:
        UserError: they are damaged, or cannot be read.
    """
    return _read(folder, CEILING, segmenter)


def read_references(folder: Path, segmenter: str | None) -> dict[str, pd.DataFrame]:
    """What becomes of neurites without a synthesised slice, by kind, of rejected triplets too.

    Empty where there are none. ``segmenter`` and errors as for ``read_ceiling``.
    """
    table = _read(folder, REFERENCES, segmenter)
    return {} if table is None else {kind: table[table["kind"] == kind] for kind in KINDS}


def _read(folder: Path, name: str, segmenter: str | None) -> pd.DataFrame | None:
    if not (folder / name).exists():
        return None
    if not (folder / RECORD).exists():
        return read_table(folder / name, None)
    files = load_document(folder / RECORD, SegmenterRecord).files
    if segmenter is not None and files.get(WEIGHTS, segmenter) != segmenter:
        return None
    return read_table(folder / name, files.get(name))
