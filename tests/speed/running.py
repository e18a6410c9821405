"""One benchmark, from its name to its document."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from typing import Any

import torch

from bench.base.provenance import compute_provenance, provenance
from speed.figures import Setting
from speed.rows import ROWS
from speed.shares import NAME as SHARES
from speed.shares import shares


def run(name: str, size: int | None, patience: float, threads: int) -> dict[str, Any]:
    """Run one benchmark, or take the shares, in this process; returns its document."""
    torch.set_num_threads(threads)
    gc.freeze()  # so that no turn begins with a search through all that was imported
    started = datetime.now(UTC)

    def tell(what: str) -> None:
        say(f"{name}: {what}")

    if name == SHARES:
        found = shares(size, tell)
    else:
        row = ROWS[name]
        result = row.measure(Setting(size, patience, tell))
        found = {"what": row.what, "reference": row.reference, **result.as_json()}
    return {
        "schema": 1, "name": name, **found, "date": started.isoformat(timespec="seconds"),
        "provenance": provenance() | compute_provenance(torch.device("cpu")),
    }  # fmt: skip


def say(line: str) -> None:
    """Tell what is going on, beside the table."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
