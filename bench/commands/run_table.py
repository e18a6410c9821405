"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from bench.commands.wide_table import WideTable
from bench.report.table import TIES
from bench.scores.answer import Answer
from bench.scores.answer_words import headline, paragraphs
from bench.scores.cautions import (
    interval_caution,
    leakage_caution,
    pixel_size_caution,
    saturation_caution,
    seeds_caution,
)
from bench.scores.ceiling import REAL
from bench.scores.cell_figures import Means
from bench.scores.columns import EVERY, SHOWN, ordered
from bench.scores.departures import Trained, first_look, told
from bench.scores.judge_words import judges_sentence
from bench.scores.judges import BY_EITHER, judgements
from bench.scores.membranes import MEMBRANE_METRICS
from bench.scores.metrics import METRICS
from bench.scores.notation import interval_text, signed
from bench.scores.skill import SKILLS, beats
from bench.scores.standings import TIE, Marks
from bench.scores.summary import Row, answers_of

# What 80 columns have room for; all of them are in --json.
_WORTH = ordered(
    ("carried", "adapted_rand_error", "voi_split", "voi_merge", "dice", "boundary_f1",
     "own_carried")
)  # fmt: skip
_GAPS = ("carried", "dice", "boundary_f1")  # the first two that were measured
_BEST = "*"  # where nothing can be bold
_OVER_LEFT_OUT = ("carried", "carried_area")
_UNCORRECTED = (
    f"{TIE} is corrected for the many comparisons of its column. The intervals of gains are not, "
    f"so that one may leave out zero beside a {TIE}."
)
_AGREEMENT = "the real slice's segmentation (agreement)"


def print_rows(rows: list[Row], console: Console) -> None:
    """Print of each dataset what has to be known to read its tables, the tables, what to take."""
    for answer in answers_of(rows):
        chosen = [row for row in rows if row.outcome.cell.dataset == answer.dataset]
        _print_notes(chosen, console)  # they may be many: the answer stays beside the tables
        for first in filter(None, (headline(answer), _first_look(chosen))):
            _say(f"{first}\n", console)
        _print_membranes([row for row in chosen if row.membranes], console)
        _print_judges([row for row in chosen if row.membranes], console)
        _scores(answer.dataset, chosen, starred=not console.is_terminal).print(console)
        _print_gains([row for row in chosen if row.figures.skill], console)
        console.print()
        for line in _legend(chosen, starred=not console.is_terminal):
            _say(line, console)
        _print_answer(answer, console)


def _first_look(rows: list[Row]) -> str:
    """That the order may turn, where the networks were trained for minutes."""
    presets = {row.outcome.cell.preset for row in rows if row.outcome.cell.trained}
    said = next(filter(None, map(first_look, presets)), "")
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _print_notes(rows: list[Row], console: Console) -> None:
    remarks = [line for row in rows for line in (row.outcome.remark, *row.outcome.doubts)]
    membranes = _membrane_notes([row for row in rows if row.membranes])
    lines = [*_notes(rows), *membranes, *dict.fromkeys(filter(None, remarks))]
    for line in lines:
        _say(line, console)
    if lines:
        console.print()


def _print_answer(answer: Answer, console: Console) -> None:
    """What to take; no word is broken, for this is to be read."""
    console.print()
    console.print(Text(f"{answer.dataset}: what to take", style="bold"))
    for paragraph in paragraphs(answer):
        console.print(Text(paragraph))
    console.print()


def _say(line: str, console: Console) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _scores(dataset: str, rows: list[Row], *, starred: bool) -> WideTable:
    count = max((row.figures.count for row in rows), default=0)
    several = _several_seeds(rows)
    title = f"{dataset}: test split, {count} triplets"
    table = WideTable(title, several, (METRICS[name].title for name in SHOWN))
    for row in rows:
        table.add_row(*_lead(row, several), *_numbers(row, starred=starred))
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
    """What a segmenter makes of the frames, beside the slice left out and the real slice."""
    if not rows:
        return
    against = "the labels" if _reference(rows) == "labels" else _AGREEMENT
    dataset = rows[0].outcome.cell.dataset
    title = f"{dataset}: membranes against {against}"
    gaps = [(row, row.membranes.gap) for row in rows if row.membranes]
    over = [(row, row.membranes.over_left_out) for row in rows if row.membranes]
    for table in (
        _membrane_scores(title, rows, starred=not console.is_terminal),
        _differences(f"{dataset}: gain over the slice left out [95 %]", over, _OVER_LEFT_OUT),
        _differences(f"{dataset}: gap to real slice [95 %]", gaps, _GAPS),
    ):
        if table is not None:
            table.print(console)
            console.print()


def _reference(rows: list[Row]) -> str | None:
    facts = rows[0].figures.entry.facts.segment
    return facts.reference if facts else None


def _print_judges(rows: list[Row], console: Console) -> None:
    """The same by two judges side by side, and whether they order the methods alike."""
    found = judgements([row.figures.entry for row in rows])
    if not found:
        return
    (judged,) = found
    _judges(judged.dataset, rows).print(console)
    console.print()
    _say(f"{judges_sentence(judged)}\n", console)


def _judges(dataset: str, rows: list[Row]) -> WideTable:
    """The scores of each row by either judge, below those of the real slice."""
    several = _several_seeds(rows)
    blank = [Text("-")] * (2 if several else 1)
    found = [(_lead(row, several), row.membranes.means) for row in rows if row.membranes]
    real = [([Text(REAL), *blank], row.membranes.ceiling) for row in rows if row.membranes]
    lines = [*real[:1], *found]
    names = [name for name in BY_EITHER if any(name in means for _, means in lines)]
    table = WideTable(f"{dataset}: two judges", several, (EVERY[name].title for name in names))
    for lead, means in lines:
        table.add_row(*lead, *(_mean(means, name, Marks()) for name in names))
    return table


def _membrane_notes(rows: list[Row]) -> Iterator[str]:
    """What has to be known to read the tables of membranes."""
    if not rows:
        return
    dataset = rows[0].outcome.cell.dataset
    for caution in dict.fromkeys(row.figures.entry.segmenter_caution for row in rows):
        if caution:
            yield f"{dataset}: {caution}."
    cautions = (pixel_size_caution(dataset, row.figures.entry.dataset) for row in rows)
    yield from list(filter(None, cautions))[:1]
    if _reference(rows) == "agreement":
        yield (
            "These scores are the agreement with the real slice's segmentation: the dataset has no "
            "labels."
        )


def _differences(
    title: str, rows: list[tuple[Row, Means]], names: tuple[str, ...]
) -> WideTable | None:
    """Paired differences with their intervals; None where nobody has any."""
    several = _several_seeds([row for row, _ in rows])
    shown = [name for name in names if any(name in means for _, means in rows)][:2]
    table = WideTable(title, several, (MEMBRANE_METRICS[name].title for name in shown))
    for row, means in rows:
        cells = (interval_text(means[name], signed(3)) if name in means else "-" for name in shown)
        table.add_row(*_lead(row, several), *map(Text, cells))
    return table if shown else None


def _membrane_scores(title: str, rows: list[Row], *, starred: bool) -> WideTable:
    """The scores of each row, and above them those of what it is to be compared with."""
    several, seen = _several_seeds(rows), set()
    lines: list[tuple[list[Text], Means, Marks]] = []
    for row in rows:
        found, facts = row.membranes, row.figures.entry.facts.segment
        if found is None or facts is None:
            continue
        if (facts.segmenter, found.n) not in seen:
            seen.add((facts.segmenter, found.n))
            blank = [Text("-")] * (2 if several else 1)
            beside = found.beside.items()
            lines += [([Text(name), *blank], means, Marks()) for name, means in beside]
        lines.append((_lead(row, several), found.means, row.marks))
    names = [name for name in _WORTH if any(name in means for _, means, _ in lines)]
    table = WideTable(title, several, (EVERY[name].title for name in names))
    for lead, means, marks in lines:
        cells = (_mean(means, name, marks, starred=starred) for name in names)
        table.add_row(*lead, *cells)
    return table


def _legend(rows: list[Row], *, starred: bool) -> Iterator[str]:
    """What the marks mean, if there are any, and what the numbers are to be measured by."""
    if starred and any(row.marks.best for row in rows):
        yield f"{_BEST} the best of its column"
    if any(row.marks.tied for row in rows):
        averaged = " Seeds are averaged first." if _several_seeds(rows) else ""
        yield f"{TIE} {TIES}{averaged}"
        if any(row.figures.skill or row.membranes for row in rows):
            yield _UNCORRECTED
    yield from (row.scale for row in rows if row.scale)


def _several_seeds(rows: list[Row]) -> bool:
    return len({row.outcome.cell.seed for row in rows if row.outcome.cell.trained}) > 1


def _lead(row: Row, several: bool) -> list[Text]:
    """Which cell it is. As Text: the brackets of a variant's options would be read as markup."""
    cell = row.outcome.cell
    return [Text(w) for w in (cell.variant.text, cell.loss, *([str(cell.seed)] if several else []))]


def _numbers(row: Row, *, starred: bool) -> list[Text]:
    if not row.figures.means:
        return [Text(row.outcome.record.status, style="red")]
    return [_mean(row.figures.means, name, row.marks, starred=starred) for name in SHOWN]


def _mean(means: Means, name: str, marks: Marks, *, starred: bool = False) -> Text:
    """A mean: bold if it is the best, marked if it cannot be told apart from the best.

    A file has no bold: there the best has a star.
    """
    if name not in means:
        return Text("-")
    sign = _BEST if starred and name in marks.best else TIE if name in marks.tied else ""
    mark = f"{sign} " if sign else ""  # in front, so that digits stay in line
    mean = f"{means[name].mean:.{EVERY[name].digits}f}"
    return Text(mark + mean, style="bold" if name in marks.best else "")


def _gain(row: Row, name: str) -> Text:
    gain = row.figures.skill.get(name)
    if gain is None:
        return Text("-")
    text = interval_text(gain, signed(METRICS[name].digits))
    return Text(text, style="green" if beats(gain) else "")


def _notes(rows: list[Row]) -> list[str]:
    """What has to be said of cells, once with the names of all that it is said of, and of all."""
    said: dict[str, dict[str, None]] = {}
    for row in rows:
        for line in (*_failure(row), *row.warnings):
            said.setdefault(line, {})[row.outcome.cell.title] = None
    notes = [f"{', '.join(titles)}: {line}" for line, titles in said.items()]
    return list(dict.fromkeys([*notes, *filter(None, _cautions(rows)), *_deviations(rows)]))


def _failure(row: Row) -> list[str]:
    failure = row.outcome.record.failure
    if failure is None:
        return []
    return [f"failed in {failure.stage}: {failure.reason.splitlines()[0]}"]


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
