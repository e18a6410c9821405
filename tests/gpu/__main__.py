"""``make gpu``: compare a CUDA card with the CPU, measure it, and leave ``gpu.json``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from speed.running import say

from bench.base.files import write_text
from gpu.deadline import first_line
from gpu.machine import machine, why_not
from gpu.parts import PARTS, run
from gpu.table import failures, markdown


def main() -> int:
    """Measure all parts; returns 1 where something differs or failed."""
    words = _words()
    if words.show:
        sys.stdout.write(markdown(words.out))
        return 0
    if (reason := why_not()) is not None:
        say(reason)
        return 0
    document = measure(torch.device("cuda"), words.out)
    sys.stdout.write(markdown(words.out))
    for failure in (found := failures(document)):
        say(failure)
    return 1 if found else 0


def measure(device: torch.device, target: Path) -> dict[str, Any]:
    """Every part in a process of its own; the file is written after each of them."""
    started = time.monotonic()
    document = {
        "schema": 1, "name": "gpu", "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(device), "seconds": 0.0, "parts": {},
    }  # fmt: skip
    for name in PARTS:
        # A kernel that fails badly leaves its process without the card.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            try:
                part = process.submit(run, name, device).result()
            except Exception as error:  # of whatever kind: the other parts are measured
                part = {"error": first_line(error), "rows": [], "cut": []}
        document["parts"][name] = part
        document["seconds"] = round(time.monotonic() - started, 1)
        write_text(target, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return document


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/speed/gpu.json"))
    parser.add_argument("--show", action="store_true", help="only print what was measured before")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
