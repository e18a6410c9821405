"""The command that computes a cell."""

from __future__ import annotations

import re
import shlex

from bench.cells.presets import PRESETS
from bench.scores.ceiling import stopped_early
from bench.scores.entry import Entry

# A record has the name of a file of weights without its ending.
_FILE = re.compile(r"\b(weights|init)=([^,\]]+)")


def command(entry: Entry) -> str:
    """The ``bench run`` that computes a cell, with all its record says of how it was asked for.

    Sources of data, and files that a loss or a judge was given, are not among that.
    """
    cell, config = entry.cell, entry.record.config
    words: dict[str, object] = {"methods": _FILE.sub(r"\1=\2.safetensors", cell.method)}
    if entry.trained:
        words |= {"losses": cell.loss}
    words |= {"dataset": cell.dataset, "fold": cell.fold}
    if entry.trained:
        words |= {"seeds": cell.seed, "preset": cell.preset} | _of_budget(entry)
    words |= {name: config.get(name) for name in ("max_triplets", "predict_tile")}
    if stopped_early(entry.segmenter_steps):  # another judge would take this one's place
        words |= {"segmenter_steps": entry.segmenter_steps}
    given = ((name, value) for name, value in words.items() if value is not None)
    options = [(f"--{name.replace('_', '-')}", str(value)) for name, value in given]
    return shlex.join(["bench", "run", *(word for option in options for word in option)])


def _of_budget(entry: Entry) -> dict[str, object]:
    """What was asked for otherwise than the preset has it."""
    config, usual = entry.record.config, PRESETS.get(entry.cell.preset)
    own = config.get("preset")
    budget = own if isinstance(own, dict) else {}
    crop = budget.get("crop")
    precision = config.get("precision")
    return {
        "samples": config.get("samples"),
        "crop": crop if usual is not None and crop != usual.crop else None,
        "micro_batch": budget.get("micro_batch"),
        "precision": precision if precision != "float32" else None,
    }
