"""One benchmark, from its name to its document."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import torch

from bench.provenance import compute_provenance, provenance
from speed.figures import Setting
from speed.rows import ROWS


def run(name: str, size: int | None, patience: float, threads: int) -> dict[str, Any]:
    """Run one benchmark in this process; returns its document."""
    torch.set_num_threads(threads)
    row = ROWS[name]
    started = datetime.now(UTC)
    result = row.measure(Setting(size, patience, lambda what: say(f"{name}: {what}")))
    return {
        "schema": 1, "name": name, "what": row.what, "reference": row.reference,
        **result.as_json(),
        "date": started.isoformat(timespec="seconds"),
        "provenance": provenance() | compute_provenance(torch.device("cpu")),
    }  # fmt: skip


def say(line: str) -> None:
    """Tell what is going on, beside the table."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
