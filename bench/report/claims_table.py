"""The claims as tables: one line each, and every comparison behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from bench.report.claims import VERDICTS, Comparison, Judgement, Verdict, verdict_of
from bench.report.remarks import departures_of, training_note
from bench.report.reported import Claim
from bench.report.score_cells import ends
from bench.report.selection import Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow, number
from bench.scores.metrics import METRICS
from bench.scores.notation import interval_text
from bench.scores.statistics import Interval

_TITLES = {
    "dice": "Dice",
    "boundary_f1": "F1",
    "memory": "Memory",
    "gmac": "GMAC",
    "seconds": "Run time",
}
_DIGITS = {"dice": 4, "boundary_f1": 4, "memory": 1, "gmac": 1, "seconds": 0}
_UNITS = {"memory": " %", "gmac": " %", "seconds": " ms"}
_CLAIM_COLUMNS = (
    Column("Reported", width=0.12), Column("Measured", width=0.2), Column("Verdict", width=0.14),
    Column("Why", width=0.28),
)  # fmt: skip
_COMPARISON_COLUMNS = (
    Column("Dataset", width=0.17), Column("Metric", width=0.12),
    Column("Ours less the other [95 %]", width=0.28), Column("Verdict", width=0.22),
)  # fmt: skip


def claims_tables(selection: Selection, judgements: Sequence[Judgement]) -> list[Table]:
    """What the paper reports beside what was measured, and the comparisons one by one."""
    return [_claims(selection, judgements), _comparisons(selection, judgements)]


def tally(judgements: Sequence[Judgement]) -> str:
    """How many claims met which verdict, in one line."""
    counts = [
        f"{verdict}: {sum(each.verdict == verdict for each in judgements)}" for verdict in VERDICTS
    ]
    return ", ".join(counts)


def _worded(verdict: Verdict, selection: Selection, *, provisional: bool) -> str:
    return f"{verdict} (provisional: preset `{selection.preset}`)" if provisional else verdict


def _provisional(selection: Selection, judgements: Sequence[Judgement]) -> tuple[str, ...]:
    """What the tables say of short trainings; nothing where no verdict rests on one."""
    every = [one for each in judgements for one in (*each.comparisons, *each.elsewhere)]
    if not any(one.provisional for one in every):
        return ()
    length = training_note(selection.preset, selection.every)
    return (
        f"Provisional: the networks were trained with {length}, not as long as theirs; a "
        "longer training may reverse the verdict.",
    )


def _claims(selection: Selection, judgements: Sequence[Judgement]) -> Table:
    notes = Notes()
    rows: list[TableRow] = []
    over = ""
    for each in judgements:
        if each.claim.table != over:
            over = each.claim.table
            heading = f"Table {over}" if over.isdigit() else over[:1].upper() + over[1:]
            rows.append(TableRow(heading, rule=bool(rows)))
        bare = each.verdict == "not measured" and not each.elsewhere
        marks = notes.mark(_place(each.claim))
        rows.append(TableRow(each.claim.text, _claim(selection, each), marks, unmeasured=bare))
    caption = (
        "Claims of Wang et al. 2021, reported and measured.",
        f"{tally(judgements)}.",
        f"Trained under preset `{selection.preset}`.",
        *filter(None, [departures_of(selection.every)]),
        *_provisional(selection, judgements),
        "A claim holds where every 95 % interval lies on its side of zero, and does not where one "
        "lies on the other side (Holm over its comparisons); in between it is not settled.",
        "None of these datasets is their own: "
        + "; ".join(f"{name}: {how}" for name, how in selection.reported.datasets.items())
        + ".",
        selection.reported.citation + ".",
    )
    return Table("claims", caption, "Claim", _CLAIM_COLUMNS, tuple(rows), notes.listed())


def _claim(selection: Selection, judgement: Judgement) -> tuple[TableCell, ...]:
    claim = judgement.claim
    measured = [each for each in judgement.comparisons if each.measured is not None]
    cell = TableCell(DASH)
    if len(measured) == 1 and measured[0].measured is not None:
        cell = _interval(measured[0].measured, measured[0].metric, relative=claim.kind == "ratio")
    elif measured:
        cell = TableCell(f"{len(measured)} comparisons, see their table")
    return (
        TableCell(_reported(claim), claim.value),
        cell,
        TableCell(_worded(judgement.verdict, selection, provisional=judgement.provisional)),
        TableCell(f"{judgement.why}{_beside(judgement)}"),
    )


def _reported(claim: Claim) -> str:
    if claim.value is None:
        return "by eye" if claim.kind == "seen" else "an order"
    digits = 0 if claim.value == int(claim.value) else 2 if abs(claim.value) < 10 else 1
    return f"{number(claim.value, digits, signed=claim.kind != 'ratio')} {claim.unit}"


def _beside(judgement: Judgement) -> str:
    """Whether the reported number lies in the interval, and what other datasets say."""
    words = ""
    claim, measured = judgement.claim, [c.measured for c in judgement.comparisons if c.measured]
    if claim.kind in ("gain", "faster") and claim.value is not None and len(measured) == 1:
        inside = measured[0].low <= claim.value <= measured[0].high
        words += f"; the reported number lies {'in' if inside else 'outside'} the interval"
    for dataset in dict.fromkeys(each.dataset for each in judgement.elsewhere):
        own = [each for each in judgement.elsewhere if each.dataset == dataset]
        verdict, why = verdict_of(own, almost=claim.almost)
        said = ", provisionally" if any(each.provisional for each in own) else ""
        words += f"; on {dataset}, not in the claim: {verdict}{said} ({why})"
    return words


def _place(claim: Claim) -> str:
    reading = f" Read as: {claim.reading}." if claim.reading else ""
    return f"{claim.place}: “{claim.quote}”.{reading}"


def _comparisons(selection: Selection, judgements: Sequence[Judgement]) -> Table:
    rows: list[TableRow] = []
    for each in judgements:
        family = [one for one in (*each.comparisons, *each.elsewhere) if one.measured is not None]
        if family:
            rows.append(TableRow(each.claim.text, rule=bool(rows)))
        rows += [_comparison(selection, each.claim, one) for one in family]
    if not rows:
        rows.append(TableRow("None of the claims was measured."))
    caption = (
        "Every comparison behind the claims.",
        "Paired over the test triplets both rows have, with the 95 % interval over columns of "
        "tiles and blocks of slices; of layers a ratio or a difference.",
        *filter(None, [departures_of(selection.every)]),
        *_provisional(selection, judgements),
    )
    return Table("comparisons", caption, "Comparison", _COMPARISON_COLUMNS, tuple(rows))


def _comparison(selection: Selection, claim: Claim, one: Comparison) -> TableRow:
    title = METRICS[one.metric].title if one.metric in METRICS else _TITLES[one.metric]
    cell = TableCell(DASH)
    if one.measured is not None:
        cell = _interval(one.measured, one.metric, relative=claim.kind == "ratio")
    verdict = _worded(one.verdict, selection, provisional=one.provisional)
    beyond = "" if not one.dataset or one.dataset in claim.datasets else " (not in the claim)"
    return TableRow(
        f"{one.ours} against {one.over}",
        (TableCell(one.dataset + beyond), TableCell(title), cell, TableCell(verdict)),
    )


def _interval(measured: Interval, metric: str, *, relative: bool) -> TableCell:
    digits = METRICS[metric].digits if metric in METRICS else _DIGITS[metric]
    write = partial(number, digits=digits, signed=not relative)
    text = interval_text(measured, write, _UNITS.get(metric, ""))
    return TableCell(text, measured.mean, *ends(measured))
