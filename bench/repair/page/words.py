"""What the page says: a summary in sentences, the facts of each slice, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.base.files import canonical_json
from bench.base.sentences import joined
from bench.repair.finding import Finding
from bench.repair.gaps import Task
from bench.repair.record import ExpectedScore, RepairRecord, SliceRecord
from bench.repair.words import (
    MATCHED,
    gap_words,
    hidden_words,
    left_words,
    measured_words,
    named_method,
    promised,
    score_words,
    size_words,
    title_of,
)

Fact = tuple[str, str]

STATES = {"whole": "filled", "places": "filled in places", "no": "not filled"}
_HELD = "{} % of such intervals hold the true score"
_UNKNOWN = "too few slices could be hidden to say how many such intervals hold"


def worst_first(slices: Sequence[SliceRecord]) -> list[SliceRecord]:
    """What was refused, what was filled all the same, then by mean expected error."""

    def key(each: SliceRecord) -> tuple[bool, bool, float]:
        return each.filled != "no", not each.note, -_error(each)

    return sorted(slices, key=key)


def summary(record: RepairRecord) -> list[str]:
    """What was done, how far to trust it, and what was left."""
    if not record.slices:
        return ["Nothing was filled."]
    return [*_done(record), *_methods(record), MATCHED, *_errors(record.slices)]


def facts(each: SliceRecord, record: RepairRecord) -> list[Fact]:
    """What is known of a slice: name and text."""
    found = [("what was done", _what(each)), *_expected(each, record)]
    if each.mean_error is not None:
        found.append(("mean expected error", f"{each.mean_error:.1f} grey levels"))
    y, x = each.shift
    method = record.methods[each.after - each.before - 1]
    return [
        *found,
        ("unlikeness of the neighbours", f"{each.unlikeness:.2f} (1 less their correlation)"),
        ("from", f"slices {each.before} and {each.after}"),
        ("lies between them at", f"{each.fraction:.2f} (0: slice before, 1: slice after)"),
        ("shift between them", f"y {_signed(y)}, x {_signed(x)} px; correlation {each.peak:.2f}"),
        ("method", named_method(method)),
        ("why this method", method["why"]),
        *([("SHA-256", each.sha256)] if each.sha256 else []),
    ]


def _forced(each: SliceRecord) -> bool:
    """Whether it was filled though it cannot be trusted; a caution is no reason for that."""
    return each.filled != "no" and bool(each.note)


def said(each: SliceRecord) -> list[str]:
    """Why a slice was left, or what has to be known of it."""
    return [*filter(None, [each.note]), *each.cautions]


def reasons(task: Task) -> list[str]:
    """What was wrong with a slice, a line for each finding."""
    return [reason(item.finding) for item in task.items]


def reason(finding: Finding) -> str:
    """What is wrong, with what was measured of it."""
    words = [*measured_words(finding), *size_words(finding)]
    return f"{finding.reason}: {'; '.join(words)}" if words else finding.reason


def row(each: SliceRecord, record: RepairRecord) -> dict[str, Any]:
    """The cells of a slice in the table."""
    method = record.methods[each.after - each.before - 1]
    return {
        "slice": each.slice,
        "state": STATES[each.filled],
        "refused": each.filled == "no",
        "forced": _forced(each),
        "reasons": ", ".join(dict.fromkeys(each.reasons)),
        "error": "–" if each.mean_error is None else f"{each.mean_error:.1f}",
        "scores": [score_words(name, each.expected.get(name)) for name in promised(record)],
        "unlikeness": f"{each.unlikeness:.2f}",
        "between": f"{each.before}, {each.after}",
        "fraction": f"{each.fraction:.2f}",
        "shift": ", ".join(map(_signed, each.shift)),
        "method": named_method(method),
        "said": "; ".join(said(each)),
    }


def provenance(record: RepairRecord, digest: str) -> list[list[Fact]]:
    """Source, methods and versions.

    Args:
        record: of the repair.
        digest: of ``repair.json``.
    """
    packages = ", ".join(f"{name} {found}" for name, found in record.packages.items() if found)
    methods = [_method(size, method) for size, method in record.methods.items()]
    return [[*_source(record, digest), ("versions", packages)], *methods]


def _done(record: RepairRecord) -> Iterator[str]:
    numbers = {
        state: [each.slice for each in record.slices if each.filled == state] for state in STATES
    }
    whole, places, refused = (numbers[state] for state in ("whole", "places", "no"))
    if whole:
        yield f"{_counted(whole)} synthesised as a whole: {joined(whole)}."
    if places:
        yield f"{_counted(places)} filled in places: {joined(places)}."
    if refused:
        yield (
            f"{_counted(refused)} not filled, because the result could not be trusted: "
            f"{joined(refused)}."
        )
    forced = [each.slice for each in record.slices if _forced(each)]
    if forced:
        yield f"{_counted(forced)} filled by force, though not to be trusted: {joined(forced)}."
    if len(record.left) == 1:
        yield f"{left_words(record.left)} was left as it is; it is shown below."
    elif record.left:
        yield f"{left_words(record.left)} were left as they are; they are shown below."


def _methods(record: RepairRecord) -> Iterator[str]:
    for size, method in record.methods.items():
        yield (
            f"The method for {gap_words(size)} was {named_method(method)}: {method['why']}. "
            f"{' '.join(hidden_words(method))}"
        )
        if neurites := method.get("neurites"):  # not in records of before
            yield neurites


def _errors(slices: Sequence[SliceRecord]) -> Iterator[str]:
    known = [each for each in slices if each.mean_error is not None]
    if len(known) > 1:
        most, least = (pick(known, key=_error) for pick in (max, min))
        yield (
            f"The mean expected error is largest in slice {most.slice}, {most.mean_error:.1f} grey "
            f"levels of 255, and smallest in slice {least.slice}, {least.mean_error:.1f}."
        )
    elif known:
        yield f"The mean expected error is {known[0].mean_error:.1f} grey levels of 255."


def _what(each: SliceRecord) -> str:
    if each.filled == "no":
        return STATES["no"]
    if each.filled == "whole":
        return "synthesised as a whole"
    places = "1 place" if len(each.boxes) == 1 else f"{len(each.boxes)} places"
    return f"{places} filled, {each.pixels:,} pixels"


def _error(each: SliceRecord) -> float:
    return each.mean_error or 0.0


def _expected(each: SliceRecord, record: RepairRecord) -> Iterator[Fact]:
    """The expected scores; how far to trust their intervals once, where that is the same of all."""
    scores = {name: each.expected[name] for name in promised(record) if name in each.expected}
    held = {name: _held(score) for name, score in scores.items()}
    alike = len(scores) > 1 and len(set(held.values())) == 1
    for name, score in scores.items():
        words = score_words(name, score)
        yield f"expected {title_of(name)}", words if alike else f"{words}; {held[name]}"
    if alike:
        yield "the intervals of all of these", next(iter(held.values()))


def _held(score: ExpectedScore) -> str:
    return _UNKNOWN if score.coverage is None else _HELD.format(round(100 * score.coverage))


def _source(record: RepairRecord, digest: str) -> list[Fact]:
    source = record.source
    size, grey = source["voxel_size"], source["grey_range"]
    found = [
        ("source", source["path"]),
        ("shape (z, y, x)", " x ".join(f"{length:,}" for length in source["shape"])),
        ("type of its values", source["dtype"]),
        ("voxel size (nm)", "unknown" if size is None else _sides(size)),
        ("grey range", "" if grey is None else " to ".join(f"{end:g}" for end in grey)),
        ("written to", record.out if record.filled else ""),
        ("written at", record.written),
        ("options", ", ".join(f"{name} {text}" for name, text in record.options.items())),
        ("what was to be done", record.plan),
        ("repair.json, SHA-256", digest),
    ]
    return [(name, text) for name, text in found if text]


def _sides(size: Sequence[float | None]) -> str:
    return " x ".join("unknown" if side is None else f"{side:g}" for side in size)


def _method(size: int, method: Any) -> list[Fact]:
    options = ", ".join(
        f"{name} {canonical_json(value)}" for name, value in method["options"].items()
    )
    found = [
        ("gaps", gap_words(size)),
        ("method", named_method(method)),
        ("options", options),
        ("revision", str(method["revision"])),
        ("weights", method.get("weights_file", "")),
        ("weights, SHA-256", method["weights"] or ""),
        ("hidden windows", str(method["hidden"])),
    ]
    return [(name, text) for name, text in found if text]


def _counted(numbers: Sequence[int]) -> str:
    return "1 slice was" if len(numbers) == 1 else f"{len(numbers)} slices were"


def _signed(pixels: int) -> str:
    return f"{pixels:+d}".replace("-", "−") if pixels else "0"
