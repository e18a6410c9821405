"""The file as the Markdown of docs/how-to/gpu.md, and what in it is not as it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOT_MEASURED = "Not measured: no card was at hand. `make gpu` measures it where there is one.\n"
_SIDES = ("reference", "ours")


def markdown(path: Path) -> str:
    """What the file of that path holds, or that there is none."""
    if not path.exists():
        return NOT_MEASURED
    document = json.loads(path.read_text(encoding="utf-8"))
    parts = document["parts"]
    blocks = [_machine(document)]
    for name, table in (("equality", _equality), ("costs", _costs), ("training", _training)):
        if name in parts:
            blocks.append("\n".join(table(parts[name]["rows"])))
            blocks += _remarks(parts[name])
    return "\n\n".join(blocks) + "\n"


def failures(document: dict[str, Any]) -> list[str]:
    """A line for whatever differs, or could not be measured though there was time for it."""
    return [
        f"{part}: {words}"
        for part, found in document["parts"].items()
        for words in [*([found["error"]] if "error" in found else []), *_wrong(found["rows"])]
    ]


def _wrong(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        if "error" in row:
            yield f"{row['name']}: {row['error']}"
        elif row.get("verdict") == "differs":
            yield f"{row['name']}: differs, float32 by {_pair(row['float32'])}"


def _machine(document: dict[str, Any]) -> str:
    facts = document["machine"]
    card = facts.get("gpu", "no card")
    return (
        f"{card}, {_number(facts.get('gpu_memory_gib'))} GiB, driver {facts.get('driver')}, CUDA "
        f"{facts.get('cuda')}, torch {facts['packages']['torch']}, {facts['cores']} cores "
        f"({facts['processor']}); {document['date'][:10]}, commit {(facts['commit'] or '')[:7]}, "
        f"{document['seconds']:.0f} s."
    )


def _remarks(part: dict[str, Any]) -> list[str]:
    """Sentences below a table."""
    remarks = []
    if "error" in part:
        remarks.append(f"Broken off: {part['error']}.")
    if part["cut"]:
        remarks.append(f"Not begun within {part['limit']:g} s: {'; '.join(part['cut'])}.")
    return remarks


def _equality(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| largest error of values / of gradients | float32 | float64 | bf16 | |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if "error" in row:
            yield f"| {row['name']} | | | | **failed**: {row['error']} |"
            continue
        errors = " | ".join(_pair(row[kind]) for kind in ("float32", "float64", "bf16"))
        words = "**differs**" if row["verdict"] == "differs" else row["verdict"]
        yield f"| {row['name']} | {errors} | {words} |"


def _pair(errors: dict[str, float | None]) -> str:
    return " / ".join(_number(errors[kind], ".0e") for kind in ("values", "gradients"))


def _costs(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| | reference | ours | ours / reference | memory of the reference | of ours |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        if "error" in row:
            yield f"| {row['name']} | **failed**: {row['error']} | | | | |"
            continue
        times = [_scaled(row[side], "seconds", 1000, "ms") for side in _SIDES]
        peaks = [_scaled(row[side], "peak_mib", 1, "MiB") for side in _SIDES]
        known = all(row[side] for side in _SIDES)
        ratio = row["ours"]["seconds"] / row["reference"]["seconds"] if known else None
        share = "-" if ratio is None else f"{ratio:.1%}"
        yield f"| {row['name']} | {times[0]} | {times[1]} | {share} | {peaks[0]} | {peaks[1]} |"


def _scaled(cost: dict[str, Any] | None, key: str, factor: float, unit: str) -> str:
    if cost is None:
        return "out of memory"
    return "-" if cost[key] is None else f"{factor * cost[key]:.3g} {unit}"


def _training(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield "| | images a second | the card is idle | steps | loss, first and last | peak memory |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        if "error" in row:
            yield f"| {row['name']} | **failed**: {row['error']} | | | | |"
            continue
        idle = "-" if row["idle"] is None else f"{row['idle']:.0%} ({row['idle_by']})"
        losses = f"{row['first_loss']:.4f}, {row['last_loss']:.4f}"
        memory = "-" if row["peak_mib"] is None else f"{row['peak_mib'] / 1024:.2f} GiB"
        rate = f"{row['images_per_second']:.3g}"
        yield f"| {row['name']} | {rate} | {idle} | {row['steps']} | {losses} | {memory} |"


def _number(value: float | None, layout: str = ".3g") -> str:
    return "-" if value is None else format(value, layout)
