"""Where the page's figures come from: code, machines, datasets, presets, seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.base.files import canonical_json
from bench.scores.departures import Trained, told
from bench.scores.entry import Entry
from bench.scores.results import Results
from bench.volumes.formats.voxel_size import words as size_words

_UNKNOWN = "unknown"


@dataclass
class Origin:
    """One state of code and machine, and the stages that were computed in it.

    Attributes:
        facts: name and text.
        stages: what was computed, by cell.
    """

    facts: list[tuple[str, str]]
    stages: dict[str, list[str]] = field(default_factory=dict)


def origins(results: Results) -> list[Origin]:
    """Every state of code and machine that the results were computed in."""
    found: dict[str, Origin] = {}
    for entry in results.entries:
        for stage, done in entry.record.stages.items():
            key = canonical_json(done.provenance)
            origin = found.setdefault(key, Origin(_facts(done.provenance)))
            cell = f"{entry.cell.dataset}/{entry.folder.name}"
            origin.stages.setdefault(cell, []).append(stage)
    return list(found.values())


def dataset_facts(results: Results) -> list[list[tuple[str, str]]]:
    """What is known of each dataset, once for each fingerprint."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for entry in results.entries:
        found.setdefault((entry.cell.dataset, entry.dataset.fingerprint), _dataset(entry))
    return list(found.values())


def preset_facts(results: Results) -> list[tuple[str, str]]:
    """The training budgets in use, and the seeds trained with each."""
    budgets: dict[tuple[str, str], set[int]] = {}
    for entry in results.entries:
        if not entry.trained:
            continue
        budget = entry.record.config.get("preset")
        text = _words(budget) if isinstance(budget, dict) else _UNKNOWN
        budgets.setdefault((entry.cell.preset, text), set()).add(entry.cell.seed)
    return [
        (name, f"{text}; seeds {', '.join(map(str, sorted(seeds)))}")
        for (name, text), seeds in budgets.items()
    ]


def departures_of_presets(results: Results) -> list[tuple[str, str]]:
    """Where the trainings of each preset are not the paper's, in a sentence."""
    trained: dict[str, list[Trained]] = {}
    for entry in results.entries:
        if entry.trained:
            each = Trained(entry.cell.loss, entry.title, entry.record.config)
            trained.setdefault(entry.cell.preset, []).append(each)
    return [(name, sentence) for name, every in trained.items() if (sentence := told(every))]


def _facts(given: dict[str, Any]) -> list[tuple[str, str]]:
    packages = given.get("packages") or {}
    commit = given.get("commit") or _UNKNOWN
    return [
        ("commit", commit + (" with uncommitted changes" if given.get("dirty") else "")),
        ("packages", ", ".join(f"{name} {text}" for name, text in packages.items() if text)),
        ("Python", str(given.get("python") or _UNKNOWN)),
        ("system", str(given.get("system") or _UNKNOWN)),
        ("processor", f"{given.get('processor') or _UNKNOWN}, {given.get('cores', '?')} cores"),
        ("computed on", _device(given)),
    ]


def _device(given: dict[str, Any]) -> str:
    device, threads = given.get("device", _UNKNOWN), given.get("threads", "?")
    gpu = f" ({given['gpu']}, CUDA {given.get('cuda')})" if given.get("gpu") else ""
    return f"{device}{gpu}, {threads} {'thread' if threads == 1 else 'threads'}"


def _dataset(entry: Entry) -> list[tuple[str, str]]:
    facts, name = entry.dataset, entry.cell.dataset
    size, leakage, title = facts.voxel_size, facts.leakage, facts.title or "no title"
    rows = [
        ("dataset", name if title == name else f"{name}: {title}"),
        ("fingerprint", facts.fingerprint or _UNKNOWN),
        ("credit", facts.credit),
        ("licence", facts.licence),
        ("frames", f"{facts.tile} x {facts.tile} px" if facts.tile else ""),
        ("voxel size", f"{size_words(size)} nm (z, y, x)" if size else ""),
        ("triplets", _words(dict(facts.triplets)) if facts.triplets else ""),
        ("split", f"{facts.split or _UNKNOWN}, fold {entry.cell.fold}"),
        ("leakage", f"{leakage:.1%} of test triplets" if leakage is not None else ""),
    ]
    return [(name, text) for name, text in rows if text]


def _words(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {_plain(value)}"
        for name, value in values.items()
        if value is not None
    )


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
