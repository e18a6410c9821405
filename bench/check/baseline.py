"""Accepted figures: taken from cells, kept in a file, read again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.base.errors import UserError
from bench.base.files import content_digest, write_text
from bench.base.provenance import provenance
from bench.check.watched import COMPUTE_ANEW, SEGMENTED, cut_of, is_stale, watched_scores
from bench.scores.entry import Entry
from bench.scores.metrics import METRICS
from bench.scores.statistics import PLACE
from bench.store.records import now

SCHEMA = 1
TRAINED = 10.0  # times the limits of a cell that is trained anew, on whatever machine


@dataclass(frozen=True)
class Baseline:
    """Accepted figures.

    Attributes:
        cells: for each cell its words, the fingerprint of its dataset, what cut it short
            (``--samples``, ``--max-triplets``), its scores by triplet and the factor by which its
            limits are widened (a training's are).
        reason: why they were accepted.
        origin: commit, machine, versions and time.
        config: the configuration whose figures they are, as a path from the file of accepted
            figures; None where they were taken from a store.
    """

    cells: list[dict[str, Any]]
    reason: str
    origin: dict[str, Any]
    config: str | None = None


def accept(entries: Iterable[Entry], reason: str, config: str | None = None) -> Baseline:
    """A baseline of these cells.

    Args:
        entries: the cells; each must have scores.
        reason: why these figures are right.
        config: see ``Baseline``.

    Raises:
        UserError: a cell has no scores or one that is not finite, its code has changed since, or
            no reason is given.
    """
    check_reason(reason)
    cells = []
    for entry in entries:
        table = watched_scores(entry)
        if is_stale(entry):
            raise UserError(
                f"{entry.title} on {entry.cell.dataset} was computed by other code than is "
                f"installed; {COMPUTE_ANEW} before its figures are accepted."
            )
        if table is None:
            raise UserError(
                f"{entry.title} on {entry.cell.dataset} is {entry.record.status} and has no "
                "scores; figures that are not there cannot be accepted."
            )
        cells.append(
            {
                "cell": entry.record.cell,
                "title": entry.title,
                "fingerprint": entry.dataset.fingerprint,
                "cut": cut_of(entry),
                "widen": TRAINED if entry.trained else 1.0,
                "scores": {
                    name: _figures(entry, table, name) for name in table.columns.drop(PLACE)
                },
            }
        )
    return Baseline(cells, reason, provenance() | {"accepted": now()}, config)


def _figures(entry: Entry, table: pd.DataFrame, name: str) -> list[Any]:
    """A column as JSON has it; what a triplet without labels has not is None."""
    values = table[name].tolist()
    if name in SEGMENTED:
        values = [None if math.isnan(value) else value for value in values]
    for triplet, value in zip(table["triplet"], values, strict=True):
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"{METRICS[name].title} of {entry.title} on {entry.cell.dataset} is {value} at "
                f"triplet {triplet}, which cannot be accepted; a prediction that equals the real "
                "slice, or a slice of one grey level, should be no test triplet."
            )
    return values


def check_reason(reason: str) -> None:
    """Refuse to accept figures for no reason.

    Raises:
        UserError: none is given.
    """
    if not reason.strip():
        raise UserError("New figures are accepted only with --reason TEXT that says why.")


def save_baseline(baseline: Baseline, path: Path) -> None:
    """Write accepted figures, with a digest over them."""
    content: dict[str, Any] = {
        "schema": SCHEMA, "reason": baseline.reason, "origin": baseline.origin,
        "config": baseline.config, "cells": baseline.cells,
    }  # fmt: skip
    content["digest"] = content_digest(content)
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def load_baseline(path: Path) -> Baseline:
    """Read accepted figures.

    Raises:
        UserError: there are none, they are damaged, or a newer version wrote them.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema, digest = content["schema"], content.pop("digest")
    except FileNotFoundError as error:
        raise UserError(
            f'There are no accepted figures in {path}; `bench check --accept --reason "..."` '
            "writes them."
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not a file of accepted figures ({error}).") from error
    if isinstance(schema, int) and schema > SCHEMA:
        raise UserError(f"{path} was written by a newer version of interslice; upgrade to read it.")
    if digest != content_digest(content):
        raise UserError(
            f"{path} is damaged (its digest does not fit); take it from the repository again."
        )
    return Baseline(content["cells"], content["reason"], content["origin"], content.get("config"))
