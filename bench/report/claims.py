"""Each claim of the paper against what the store holds.

A claim is a family of comparisons: rows, datasets and metrics. It **holds** where the 95 %
interval of every one that was measured lies on the claimed side of zero; it **does not hold**
where one lies on the other side, after Holm's adjustment for the number of comparisons. In
between nothing is shown either way: **not settled**. Without an interval a comparison is not
measured. From a training shorter than the paper's every verdict is provisional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.report.absence import why_not
from bench.report.layer_table import Layer, load_layers
from bench.report.reported import Claim
from bench.report.selection import Selection
from bench.report.titles import row_title
from bench.scores.departures import provisional
from bench.scores.measurement import Measurement
from bench.scores.metrics import METRICS
from bench.scores.standings import LEVEL
from bench.scores.statistics import FEWEST, Interval, holm
from bench.store.records import NONE

Verdict = Literal["holds", "does not hold", "not settled", "not measured"]
VERDICTS: tuple[Verdict, ...] = ("holds", "does not hold", "not measured", "not settled")
_MEMBRANES = ("dice", "boundary_f1")
_PERCENT = 100.0
_LAYERS_AT = (1, 64, 512, 512)  # the shares change with the size
_SPREAD = "the spread of the repeats in place of an interval"


@dataclass(frozen=True)
class Comparison:
    """One row against another on one dataset and metric.

    Attributes:
        dataset: empty for layers.
        metric: what is compared.
        ours: the row claimed to be better.
        over: the row it is better than.
        measured: ours less the other (of layers, with kind ``ratio``: ours in percent of the
            other), with its interval; None where it was not measured.
        verdict: on this comparison alone.
        why: behind the verdict, in a few words.
        provisional: whether a training behind it is shorter than the paper's.
    """

    dataset: str
    metric: str
    ours: str
    over: str
    measured: Interval | None
    verdict: Verdict
    why: str = ""
    provisional: bool = False


@dataclass(frozen=True)
class Judgement:
    """A claim and what became of it.

    Attributes:
        claim: as reported.
        verdict: on the paper's datasets.
        why: behind the verdict.
        comparisons: on the datasets of the claim.
        elsewhere: the same on datasets that the claim does not speak of.
    """

    claim: Claim
    verdict: Verdict
    why: str
    comparisons: tuple[Comparison, ...]
    elsewhere: tuple[Comparison, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether anything the claim speaks of was measured, on whichever dataset."""
        return self.verdict != "not measured" or bool(self.elsewhere)

    @property
    def provisional(self) -> bool:
        """Whether a longer training may reverse the verdict."""
        return any(each.provisional for each in self.comparisons)


def judge(selection: Selection) -> list[Judgement]:
    """Every claim, in the paper's order."""
    return [_judge(selection, claim) for claim in selection.reported.claims]


def _judge(selection: Selection, claim: Claim) -> Judgement:
    if claim.kind == "seen":
        why = f"judged by eye in {claim.table}; the report draws it, and does not judge it"
        return Judgement(claim, "not measured", why, ())
    if claim.kind in ("ratio", "faster"):
        comparison = _layers(selection, claim)
        return Judgement(claim, comparison.verdict, comparison.why, (comparison,))
    others = tuple(name for name in selection.datasets if name not in claim.datasets)
    comparisons = _compare(selection, claim, claim.datasets)
    verdict, why = verdict_of(comparisons, almost=claim.almost)
    elsewhere = [c for c in _compare(selection, claim, others) if c.measured is not None]
    return Judgement(claim, verdict, why, tuple(comparisons), tuple(elsewhere))


def verdict_of(comparisons: Sequence[Comparison], *, almost: bool = False) -> tuple[Verdict, str]:
    """The verdict on a family of comparisons, and why.

    Args:
        comparisons: each with a verdict of its own.
        almost: nothing contradicts and something confirms is enough.
    """
    counts = dict.fromkeys(VERDICTS, 0)
    for comparison in comparisons:
        counts[comparison.verdict] += 1
    measured = len(comparisons) - counts["not measured"]
    if not measured:
        return "not measured", _absence(comparisons)
    part = "" if measured == len(comparisons) else f" ({counts['not measured']} not measured)"
    total = f"{measured} comparison{'s' if measured > 1 else ''}{part}"
    if counts["does not hold"]:
        return "does not hold", f"contradicted in {counts['does not hold']} of {total}"
    if counts["holds"] == measured or (almost and counts["holds"]):
        return "holds", f"confirmed in {counts['holds']} of {total}"
    return "not settled", (
        f"the interval includes zero in {counts['not settled']} of {total}; none contradicts"
    )


def _absence(comparisons: Sequence[Comparison]) -> str:
    """Each reason with the datasets it holds for."""
    datasets: dict[str, dict[str, None]] = {}
    for each in comparisons:
        datasets.setdefault(each.why, {})[each.dataset] = None
    return "; ".join(f"{why} ({', '.join(names)})" for why, names in datasets.items())


def _compare(selection: Selection, claim: Claim, datasets: Sequence[str]) -> list[Comparison]:
    family = [
        (dataset, metric, ours, over)
        for dataset in datasets
        for metric in claim.metrics
        for ours in claim.ours
        for over in claim.over
    ]
    pairs = [
        (_row(selection, ours, dataset, metric), _row(selection, over, dataset, metric))
        for dataset, metric, ours, over in family
    ]
    p_values = holm(
        [
            one.p_value(two, metric)
            for (_, metric, *_), (one, two) in zip(family, pairs, strict=True)
        ]
    )
    return [
        _comparison(member, one, two, p)
        for member, (one, two), p in zip(family, pairs, p_values, strict=True)
    ]


def _row(selection: Selection, row: str, dataset: str, metric: str) -> Measurement:
    method, loss = _words(row)
    read = selection.membranes if metric in _MEMBRANES else selection.scores
    return read((method,), loss, dataset)


def _comparison(
    member: tuple[str, str, str, str], ours: Measurement, over: Measurement, p_value: float
) -> Comparison:
    dataset, metric, *rows = member
    names = [row_title(None, *_words(row)) for row in rows]
    gain = ours.gain(over, metric)
    if gain is None:
        why = _missing([(names[0], ours), (names[1], over)])
        return Comparison(dataset, metric, names[0], names[1], None, "not measured", why)
    if not gain.known:
        few = f"fewer than {FEWEST} columns of tiles or slices"
        why = f"no interval: {few if gain.lacks else 'a score is not finite'}"
        return Comparison(dataset, metric, names[0], names[1], None, "not measured", why)
    lower = metric in METRICS and METRICS[metric].better == "lower"
    low, high = (-gain.high, -gain.low) if lower else (gain.low, gain.high)
    verdict: Verdict = "not settled"
    if low > 0:
        verdict = "holds"
    elif high < 0 and p_value < LEVEL:
        verdict = "does not hold"
    short = any(provisional(entry.record.config) for entry in (*ours.entries, *over.entries))
    return Comparison(dataset, metric, names[0], names[1], gain, verdict, provisional=short)


def _missing(rows: Sequence[tuple[str, Measurement]]) -> str:
    absent = [(name, row.entries) for name, row in rows if row.scores is None]
    if any(not entries for _, entries in absent):
        return "not run"
    reasons = [f"{name} {why_not(entries[0])}" for name, entries in absent]
    if not reasons and not rows[0][1].on(rows[1][1]).count:
        return "no test triplet that both have"
    return ", ".join(reasons) or "no such score"


def _words(row: str) -> tuple[str, str]:
    method, _, loss = row.partition(" ")
    return method, loss or NONE


def _layers(selection: Selection, claim: Claim) -> Comparison:
    profile = load_layers(selection.profile)
    metric, names = claim.metrics[0], (claim.ours[0].upper(), claim.over[0].upper())
    found = [_layer(profile.rows, name) if profile else None for name in names]
    ours, over = (None if layer is None else _cost(layer, metric) for layer in found)
    if profile is not None and profile.size != _LAYERS_AT:
        given, asked = (" x ".join(map(str, size)) for size in (profile.size, _LAYERS_AT))
        why = f"the profile is of {given}, the claim of {asked}; `bench profile --layers` has it"
        return Comparison("", metric, *names, None, "not measured", why)
    if ours is None or over is None:
        why = "not profiled; `bench profile --layers` does it"
        if profile is not None:
            why = "the profile has no such rows"
        return Comparison("", metric, *names, None, "not measured", why)
    if claim.kind == "faster":
        reach = Interval(ours.mean - over.mean, ours.low - over.high, ours.high - over.low, 0)
        verdict: Verdict = "holds" if reach.high < 0 else "not settled"
        if reach.low > 0:
            verdict = "does not hold"
        return Comparison("", metric, *names, reach, verdict, _SPREAD)
    ratio = _PERCENT * ours.mean / over.mean
    wanted = claim.value if claim.value is not None else float("nan")
    near = abs(ratio - wanted) <= claim.tolerance
    why = f"a count, without interval; {claim.tolerance:g} percentage points either way hold"
    measured = Interval(ratio, float("nan"), float("nan"), 0)
    return Comparison("", metric, *names, measured, "holds" if near else "does not hold", why)


def _layer(rows: Sequence[Layer], name: str) -> Layer | None:
    """The released code's form, with explicit attention: what the paper can have measured."""
    for row in rows:
        if row.layer.upper() == name and (row.form, row.implementation) == ("released", "explicit"):
            return row
    return None


def _cost(layer: Layer, metric: str) -> Interval | None:
    nan = float("nan")
    if metric in ("gmac", "memory"):
        peak = layer.forward.peak_mib if layer.forward else None
        counted = layer.gmac if metric == "gmac" else peak
        return None if counted is None else Interval(counted, nan, nan, 0)
    if layer.forward is None:
        return None
    seconds = layer.forward.seconds
    return Interval(1000 * seconds.median, 1000 * seconds.low, 1000 * seconds.high, 0)
