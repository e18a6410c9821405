"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from bench.commands.wide_table import WideTable
from bench.report.table import TIES
from bench.run.summary import Row
from bench.scores.cautions import (
    interval_caution,
    leakage_caution,
    pixel_size_caution,
    saturation_caution,
    seeds_caution,
)
from bench.scores.cell_figures import Means
from bench.scores.departures import Trained, told
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.metrics import METRICS, SHOWN
from bench.scores.notation import interval_text, signed
from bench.scores.skill import SKILLS, beats
from bench.scores.standings import TIE

_GAPS = ("carried", "dice", "boundary_f1")
_OVER_LEFT_OUT = ("carried", "carried_area")
_AGREEMENT = "the real slice's segmentation (agreement)"


def print_rows(rows: list[Row], console: Console) -> None:
    """Print the tables of each dataset, and under them what has to be known to read them."""
    for dataset in dict.fromkeys(row.outcome.cell.dataset for row in rows):
        chosen = [row for row in rows if row.outcome.cell.dataset == dataset]
        _scores(dataset, chosen).print(console)
        _print_gains([row for row in chosen if row.figures.skill], console)
        console.print()
        for line in (*_legend(chosen), *_notes(chosen)):
            _say(line, console)
        _print_membranes([row for row in chosen if row.membranes], console)
        remarks = [line for row in chosen for line in (row.outcome.remark, *row.outcome.doubts)]
        for line in dict.fromkeys(filter(None, remarks)):
            _say(line, console)


def _say(line: str, console: Console) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _scores(dataset: str, rows: list[Row]) -> WideTable:
    count = max((row.figures.count for row in rows), default=0)
    several = _several_seeds(rows)
    title = f"{dataset}: test split, {count} triplets"
    table = WideTable(title, several, (METRICS[name].title for name in SHOWN))
    for row in rows:
        table.add_row(*_lead(row, several), *_numbers(row))
    return table


def _print_gains(rows: list[Row], console: Console) -> None:
    if not rows:
        return
    several = _several_seeds(rows)
    title = f"{rows[0].outcome.cell.dataset}: gain over linear [95 %]"
    table = WideTable(title, several, (METRICS[name].title for name in SKILLS))
    for row in rows:
        table.add_row(*_lead(row, several), *(_gain(row, name) for name in SKILLS))
    console.print()
    table.print(console)


def _print_membranes(rows: list[Row], console: Console) -> None:
    """What a segmenter makes of the frames; the gap to the ceiling leads."""
    if not rows:
        return
    facts = rows[0].figures.entry.facts.segment
    reference = facts.reference if facts else None
    against = "the labels" if reference == "labels" else _AGREEMENT
    title = f"{rows[0].outcome.cell.dataset}: membranes against {against}"
    gaps = [(row, row.membranes.gap) for row in rows if row.membranes]
    over = [(row, row.membranes.over_left_out) for row in rows if row.membranes]
    for table in (
        _differences(f"{title}, gap to real slice [95 %]", gaps, _GAPS),
        _differences(f"{title}, gain over no slice at all [95 %]", over, _OVER_LEFT_OUT),
        _membrane_scores(title, rows),
    ):
        if table is not None:
            console.print()
            table.print(console)
    console.print()
    for line in _membrane_notes(rows, reference):
        _say(line, console)


def _membrane_notes(rows: list[Row], reference: str | None) -> Iterator[str]:
    """What has to be known to read the tables of membranes."""
    dataset = rows[0].outcome.cell.dataset
    for caution in dict.fromkeys(row.figures.entry.segmenter_caution for row in rows):
        if caution:
            yield f"{dataset}: {caution}."
    cautions = (pixel_size_caution(dataset, row.figures.entry.dataset) for row in rows)
    yield from list(filter(None, cautions))[:1]
    if reference == "agreement":
        yield (
            "These scores are the agreement with the real slice's segmentation: the dataset has no "
            "labels."
        )


def _differences(
    title: str, rows: list[tuple[Row, Means]], names: tuple[str, ...]
) -> WideTable | None:
    """Paired differences with their intervals; None where nobody has any."""
    several = _several_seeds([row for row, _ in rows])
    shown = [name for name in names if any(name in means for _, means in rows)]
    table = WideTable(title, several, (MEMBRANE_METRICS[name].title for name in shown))
    for row, means in rows:
        cells = (interval_text(means[name], signed(3)) if name in means else "-" for name in shown)
        table.add_row(*_lead(row, several), *map(Text, cells))
    return table if shown else None


def _membrane_scores(title: str, rows: list[Row]) -> WideTable:
    """The scores of each row, and above them those of what it is to be compared with."""
    several, seen = _several_seeds(rows), set()
    lines: list[tuple[list[Text], Means]] = []
    for row in rows:
        found, facts = row.membranes, row.figures.entry.facts.segment
        if found is None or facts is None:
            continue
        if (facts.segmenter, found.n) not in seen:
            seen.add((facts.segmenter, found.n))
            blank = [Text("-")] * (2 if several else 1)
            lines += [([Text(name), *blank], means) for name, means in found.beside.items()]
        lines.append((_lead(row, several), found.means))
    names = [name for name in MEMBRANE_METRICS if any(name in means for _, means in lines)]
    table = WideTable(title, several, (MEMBRANE_METRICS[name].title for name in names))
    for lead, means in lines:
        table.add_row(*lead, *(_membrane_number(means, name) for name in names))
    return table


def _membrane_number(shown: Means, name: str) -> Text:
    metric = MEMBRANE_METRICS[name]
    return Text(f"{shown[name].mean:.{metric.digits}f}" if name in shown else "-")


def _legend(rows: list[Row]) -> Iterator[str]:
    """What the marks mean, if there are any, and what the numbers are to be measured by."""
    if any(row.marks.tied for row in rows):
        averaged = " Seeds are averaged first." if _several_seeds(rows) else ""
        yield f"{TIE} {TIES}{averaged}"
    yield from (row.scale for row in rows if row.scale)


def _several_seeds(rows: list[Row]) -> bool:
    return len({row.outcome.cell.seed for row in rows if row.outcome.cell.trained}) > 1


def _lead(row: Row, several: bool) -> list[Text]:
    """Which cell it is. As Text: the brackets of a variant's options would be read as markup."""
    cell = row.outcome.cell
    return [Text(w) for w in (cell.variant.text, cell.loss, *([str(cell.seed)] if several else []))]


def _numbers(row: Row) -> list[Text]:
    if not row.figures.means:
        return [Text(row.outcome.record.status, style="red")]
    return [_mean(row, name) for name in SHOWN]


def _mean(row: Row, name: str) -> Text:
    """A mean: bold if it is the best, marked if it cannot be told apart from the best."""
    if name not in row.figures.means:
        return Text("-")
    mark = f"{TIE} " if name in row.marks.tied else ""  # in front, so that digits stay in line
    mean = f"{row.figures.means[name].mean:.{METRICS[name].digits}f}"
    return Text(mark + mean, style="bold" if name in row.marks.best else "")


def _gain(row: Row, name: str) -> Text:
    gain = row.figures.skill.get(name)
    if gain is None:
        return Text("-")
    text = interval_text(gain, signed(METRICS[name].digits))
    return Text(text, style="green" if beats(gain) else "")


def _notes(rows: list[Row]) -> list[str]:
    notes = []
    for row in rows:
        cell, record = row.outcome.cell, row.outcome.record
        if record.failure is not None:
            reason = record.failure.reason.splitlines()[0]
            notes.append(f"{cell.title}: failed in {record.failure.stage}: {reason}")
        notes += [f"{cell.title}: {warning}" for warning in row.warnings]
    return list(dict.fromkeys([*notes, *filter(None, _cautions(rows)), *_deviations(rows)]))


def _deviations(rows: list[Row]) -> list[str]:
    """Which methods are not quite those of their papers."""
    infos = [row.outcome.cell.variant.info for row in rows]
    names = list(dict.fromkeys(info.name for info in infos if info.deviations))
    if not names:
        return []
    words = "departs from its paper" if len(names) == 1 else "depart from their papers"
    return [f"Where {', '.join(names)} {words} is a footnote of `bench report`."]


def _cautions(rows: list[Row]) -> Iterator[str]:
    """What holds for the table as a whole."""
    scored = [facts for row in rows if (facts := row.figures.entry.facts.score)]
    yield interval_caution(gain for row in rows for gain in row.figures.skill.values())
    yield seeds_caution(row.outcome.cell.seed for row in rows if row.outcome.cell.trained)
    yield told(
        Trained(row.outcome.cell.loss, row.outcome.cell.title, row.outcome.record.config)
        for row in rows
        if row.outcome.cell.trained
    )
    yield leakage_caution(max(row.figures.entry.dataset.leakage or 0.0 for row in rows))
    yield saturation_caution(max((facts.saturated for facts in scored), default=0.0))
