"""Findings and plans in words and as JSON."""

from __future__ import annotations

from typing import Any

from bench.repair.finding import PLACES, WHOLE, Finding
from bench.repair.plan import Item, Plan


def measured_words(finding: Finding) -> list[str]:
    """What a finding is, and what was measured of it: the number, its unit and its limit."""
    meaning, measure = WHOLE.get(finding.reason), PLACES.get(finding.reason)
    if finding.number is None or finding.limit is None:
        return [text for text in (meaning, measure) if text]
    number = f"{shown(finding.number)} (limit {shown(finding.limit)})"
    if measure is None:
        return [f"{meaning or 'number'}: {number}"]
    what = "lack of texture" if finding.reason == "flat" else "departure from both"
    return [measure, f"{what}, in robust standard deviations: {number}"]


def size_words(finding: Finding) -> list[str]:
    """How large a place is, and where it lies; nothing of a whole slice."""
    if finding.place is None:
        return []
    box = finding.place.box
    return [
        f"{finding.place.pixels:,} pixels",
        f"rows {box.top}:{box.bottom}, columns {box.left}:{box.right}",
    ]


def shown(number: float) -> str:
    """A measured value, to three digits."""
    return f"{number:.2f}" if abs(number) < 10 else f"{number:.0f}"


def summary(plan: Plan, *, looked_at: bool = True) -> str:
    """One sentence: what would be done.

    Args:
        plan: what is to be filled.
        looked_at: whether somebody has looked at its places; those of no other plan are filled.
    """
    if not plan.items:
        return "Nothing is missing or damaged."
    if not looked_at and plan.filled()[1]:
        return _unseen(plan)
    slices, places = plan.filled()
    left = sum(item.action == "leave" for item in plan.items)
    filled = f"{_counted(slices, 'slice')} and {_counted(places, 'place')} would be filled"
    return f"{filled}, {_counted(left, 'finding')} left as {'it is' if left == 1 else 'they are'}."


def _unseen(plan: Plan) -> str:
    slices, places = plan.filled()
    they = "it" if places == 1 else "them"
    return (
        f"{_counted(slices, 'slice')} would be filled by --out; {_counted(places, 'place')} only "
        f"when you have looked at {they}: some are sound. --sheet draws {they}, --plan-out writes "
        "a plan; take the false ones out of it, and give it back with --plan."
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def as_json(plan: Plan) -> dict[str, Any]:
    """A plan as one JSON document; slices have the source's numbers."""
    slices, places = plan.filled()
    return {
        "source": plan.source,
        "shape": list(plan.shape),
        "slices": slices,
        "places": places,
        "findings": [_finding(item, plan.first) for item in plan.items],
    }


def _finding(item: Item, first: int) -> dict[str, Any]:
    finding = item.finding
    place = finding.place
    return {
        "slice": first + finding.z,
        "reason": finding.reason,
        "number": finding.number,
        "limit": finding.limit,
        "box": None if place is None else list(place.box),
        "pixels": None if place is None else place.pixels,
        "action": item.action,
        "note": item.note,
    }
