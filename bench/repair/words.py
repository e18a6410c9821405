"""Findings and plans in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bench.base.sentences import joined
from bench.repair.expected import FEWEST, JUDGED
from bench.repair.finding import PLACES, WHOLE, Finding
from bench.repair.plan import Item, Plan
from bench.repair.record import ExpectedScore, RepairRecord
from bench.scores.columns import EVERY
from bench.scores.metrics import METRICS
from bench.store.records import NONE
from bench.volumes.holes import as_ranges

_DIGITS = {"carried": 2, "dice": 2, "frc_10": 2, "psnr": 1}  # in the order of their columns
FEW = "*"  # the mark of an interval that no share of true scores is promised for
MATCHED = (
    "Scores and errors are of tissue, with brightness and contrast matched: those of a lost slice "
    "are not known."
)
_SCORE = {"psnr": "PSNR {:.1f} dB", "frc_10": "FRC {:.2f}"}  # in a sentence


def measured_words(finding: Finding) -> list[str]:
    """What a finding is, and what was measured of it: the number, its unit and its limit."""
    meaning, measure = WHOLE.get(finding.reason), PLACES.get(finding.reason)
    if finding.number is None or finding.limit is None:
        return [text for text in (meaning, measure) if text]
    number = f"{shown(finding.number)} ({finding.beyond:.1f} times its limit)"
    if measure is None:
        shows = [f"shows the section of the slice {finding.twin} it"] if finding.twin else []
        return [*shows, f"{meaning or 'number'}: {number}"]
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


def named_method(method: Mapping[str, Any]) -> str:
    """What a record's method is called, with the loss that it was trained under."""
    loss = method.get("loss", NONE)
    return str(method["method"] if loss == NONE else f"{method['method']} ({loss})")


def chosen_words(size: int, method: Mapping[str, Any]) -> str:
    """With what gaps of a size were filled, the file of its weights, and why."""
    file = method.get("weights_file")  # not in records of before
    weights = f", with the weights {file}" if file else ""
    return f"{gap_words(size)}: {named_method(method)}{weights}; {method['why']}."


def promised(record: RepairRecord) -> list[str]:
    """The metrics that some slice is expected to reach, in the order of their columns."""
    return [name for name in _DIGITS if any(name in each.expected for each in record.slices)]


def judged_words(record: RepairRecord) -> str:
    """The columns of expected scores that rest on triplets that were judged; empty if none do."""
    return joined(title_of(name) for name in promised(record) if name in JUDGED)


def gap_words(size: int) -> str:
    """What gaps of a size are called."""
    return "single slices" if size == 1 else f"gaps of {size} slices"


def metric_words(record: RepairRecord) -> list[str]:
    """What the columns of scores are that hidden slices lead to expect."""
    found = (name for name in promised(record) if name not in JUDGED)
    return [
        f"{title_of(name)}: {METRICS[name].hint}{'; 1 is perfect' * (name == 'frc_10')}."
        for name in found
    ]


def hidden_words(method: Mapping[str, Any]) -> list[str]:
    """What the promises for gaps of a size rest on: how many windows, and what these reached.

    Args:
        method: as a record has it; those of before lack some of it.
    """
    found = [_windows_words(method)]
    if reached := method.get("reached"):
        filled, copy, mean = (_scores_words(reached[name]) for name in ("filled", "copy", "mean"))
        found.append(
            f"Mean scores in them: {named_method(method)} {filled}; the mean of both neighbours "
            f"{mean}; a copy of the nearer one {copy}."
        )
    if brightness := method.get("brightness"):
        found.append(_brightness_words(**brightness))
    return found


def _windows_words(method: Mapping[str, Any]) -> str:
    count, tried = int(method["hidden"]), int(method.get("tried", method["hidden"]))
    if gauge := method.get("gauge"):
        return (
            f"{_hidden_words(tried)} that it did not learn from; {gauge} tells what it would reach "
            f"in {count} of the whole volume."
        )
    return f"{_hidden_words(count)}."


def _hidden_words(count: int) -> str:
    only = "Only " if count < FEWEST else ""
    could = "could be" if only else "was" if count == 1 else "were"
    return f"{only}{_counted(count, 'window')} of sound slices {could} hidden and filled alike"


def _scores_words(scores: Mapping[str, float | None]) -> str:
    known = (_SCORE[name].format(score) for name, score in scores.items() if score is not None)
    return ", ".join(known)


def _brightness_words(median: float, low: float | None, high: float) -> str:
    than = "grey levels brighter or darker than their neighbours foretell"
    if low is not None:
        return f"These windows were {low:.1f} to {high:.1f} {than}."
    return (
        f"Half of these windows were more than {median:.1f} {than}, 1 in 10 more than {high:.1f}."
    )


def left_words(left: Sequence[Mapping[str, Any]]) -> str:
    """How many findings of a record were left, of which kinds and where.

    For instance ``3 findings (2 stain, 1 fold) in 2 slices (3, 14)``.
    """
    kinds = Counter(str(each["reason"]) for each in left).most_common()
    slices = sorted({int(each["slice"]) for each in left})
    named = ", ".join(f"{count} {kind}" for kind, count in kinds)
    return (
        f"{_counted(len(left), 'finding')} ({named}) in {_counted(len(slices), 'slice')} "
        f"({as_ranges(slices)})"
    )


def title_of(metric: str) -> str:
    """What a column of expected scores is called."""
    return EVERY[metric].title


def score_words(metric: str, score: ExpectedScore | None) -> str:
    """An expected score with its interval; a dash where there is none."""
    if score is None:
        return "–"
    middle, low, high = (
        f"{number:.{_DIGITS[metric]}f}" for number in (score.score, score.low, score.high)
    )
    return f"{middle} [{low}, {high}]{FEW if score.coverage is None else ''}"


def shown(number: float) -> str:
    """A measured value, to two decimals below 10; alike for one that was read from a plan."""
    number = float(f"{number:.4g}")
    return f"{number:.2f}" if abs(number) < 10 else f"{number:.0f}"


def summary(plan: Plan) -> str:
    """What would be done, and what somebody has to decide."""
    if not plan.items:
        return "Nothing is missing or damaged."
    slices, places = plan.filled()
    left = sum(item.action == "leave" for item in plan.items)
    filled = f"{_counted(slices, 'slice')} and {_counted(places, 'place')} would be filled"
    done = f"{filled}, {_counted(left, 'finding')} left as {'it is' if left == 1 else 'they are'}."
    return f"{done} {undecided_words(plan)}".rstrip()


def undecided_words(plan: Plan) -> str:
    """What is to be done about places that nobody has decided on; empty where there are none."""
    if not plan.undecided:
        return ""
    one = plan.undecided == 1
    return (
        f"{_counted(plan.undecided, 'place')} {'is' if one else 'are'} not decided, and "
        f"{'stays as it is' if one else 'stay as they are'}, for some places that are found are "
        f'sound: look at {"it" if one else "them"} (--sheet), write "fill place" or "leave" '
        'in place of "look" in the plan (--plan-out), and give it back with --plan.'
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
        "undecided": plan.undecided,
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
        "twin": finding.twin,
        "box": None if place is None else list(place.box),
        "pixels": None if place is None else place.pixels,
        "action": item.action,
        "note": item.note,
        "caution": item.caution,
    }
