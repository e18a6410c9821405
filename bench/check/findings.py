"""`bench check`: the findings of the gate for people, scripts and continuous integration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.base.files import printable, write_text
from bench.check.gate import Finding
from bench.scores.metrics import METRICS
from bench.scores.notation import finite, interval_text, signed

_COLUMNS = ("cell", "metric", "accepted", "now", "change [95 %]", "limit", "outcome")


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as ``bench check --json`` prints them."""
    return {
        "passed": not any(finding.trips for finding in findings),
        "findings": [
            {
                "cell": finding.cell,
                "metric": finding.metric or None,
                "outcome": finding.outcome,
                "accepted": finite(finding.accepted),
                "measured": finite(finding.measured),
                "change": finite(finding.change.mean) if finding.change else None,
                "low": finite(finding.change.low) if finding.change else None,
                "high": finite(finding.change.high) if finding.change else None,
                "limit": finite(finding.limit),
                "beyond_noise": finding.beyond_noise,
                "reason": finding.words or None,
            }
            for finding in findings
        ],
    }


def markdown(findings: Sequence[Finding]) -> str:
    """What changed, as a table for a pull request; one line where nothing did."""
    lines = [verdict(findings)]
    changed = [finding for finding in findings if finding.outcome != "same"]
    if changed:
        lines += [
            "",
            f"| {' | '.join(_COLUMNS)} |",
            "|---|---|---:|---:|---:|---:|---|",
            *(f"| {' | '.join(map(_escaped, _cells(finding)))} |" for finding in changed),
        ]
    return "\n".join(lines) + "\n"


def _escaped(cell: str) -> str:
    """A cell of a Markdown table: its bars would be read as borders."""
    return cell.replace("|", r"\|")


def verdict(findings: Sequence[Finding]) -> str:
    """The gate's word in one sentence."""
    worse = sum(finding.trips for finding in findings)
    if worse:
        return f"{worse} of {len(findings)} comparisons do not pass."
    better = sum(finding.outcome == "better" for finding in findings)
    word = f"All {len(findings)} comparisons pass."
    if better:
        them = "is better: accept it" if better == 1 else "are better: accept them"
        word += f' {better} {them}? `bench check --accept --reason "..."` does.'
    return word


def write_junit(findings: Sequence[Finding], path: Path) -> None:
    """The findings as a JUnit file: a test case each."""
    suite = ET.Element(
        "testsuite",
        name="bench check",
        tests=str(len(findings)),
        failures=str(sum(finding.trips for finding in findings)),
    )
    for finding in findings:
        case = ET.SubElement(
            suite, "testcase", classname=finding.cell, name=finding.metric or finding.outcome
        )
        if finding.trips:
            ET.SubElement(case, "failure", message=printable(sentence(finding)))
    write_text(path, ET.tostring(suite, encoding="unicode") + "\n")


def sentence(finding: Finding) -> str:
    """One finding in words."""
    if finding.change is None:
        return f"{finding.cell}: {finding.outcome}: {finding.words}"
    return (
        f"{finding.cell}: {_title(finding)} {finding.outcome}: "
        f"{_shown(finding, finding.accepted)} -> {_shown(finding, finding.measured)} "
        f"({finding.change.mean:+.{_digits(finding)}f}, "
        f"limit {_shown(finding, finding.limit)}{_noise(finding)})"
    )


def print_findings(findings: Sequence[Finding], console: Console) -> None:
    """Print what changed as a table, and the gate's word."""
    changed = [finding for finding in findings if finding.outcome != "same"]
    if changed:
        table = Table(pad_edge=False)
        for i, title in enumerate(_COLUMNS):
            # Where there is no room a name is folded, not cut.
            table.add_column(title, justify="right" if 2 <= i <= 5 else "left", overflow="fold")
        for finding in changed:
            table.add_row(*map(Text, _cells(finding)), style="red" if finding.trips else "green")
        console.print(table)
    console.print(verdict(findings), highlight=False, markup=False, soft_wrap=True)


def _cells(finding: Finding) -> list[str]:
    if finding.change is None:
        return [finding.cell, *[""] * 5, f"{finding.outcome}: {finding.words}"]
    return [
        finding.cell,
        _title(finding),
        _shown(finding, finding.accepted),
        _shown(finding, finding.measured),
        interval_text(finding.change, signed(_digits(finding))),
        _shown(finding, finding.limit),
        f"{finding.outcome}{_noise(finding)}",
    ]


def _noise(finding: Finding) -> str:
    """That a change may be chance; the limit alone says whether it passes."""
    if finding.beyond_noise:
        return ""
    return ", within noise" + ", yet beyond the limit: it fails" * finding.trips


def _shown(finding: Finding, value: float) -> str:
    return f"{value:.{_digits(finding)}f}"


def _title(finding: Finding) -> str:
    metric = METRICS.get(finding.metric)
    return metric.title if metric else finding.metric


def _digits(finding: Finding) -> int:
    metric = METRICS.get(finding.metric)
    return metric.digits if metric else 3
