"""The dials of a generated volume: how every method's scores move while one of them is turned.

A store has such a study where it holds a generated dataset, the middle, and others that differ
from it by one dial and were scored with what was learned from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.cells.cell import NULL
from bench.report.figures.subject import Subject, label, method_of
from bench.scores.cell_scores import ceiling_scores, image_scores, membrane_scores
from bench.scores.entry import Entry
from bench.scores.measurement import Measurement
from bench.scores.results import Results
from bench.scores.statistics import Interval
from bench.triplets.dataset_variant import parse_dataset
from bench.volumes.cards import load_card
from bench.volumes.phantom import PhantomOptions

UNITS = {
    "deformation": "px", "noise": "grey levels", "blur": "px", "thickness": "nm", "drift": "px",
    "flicker": "grey levels",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Dial:
    """A dial and the datasets that show it.

    Attributes:
        name: for instance ``noise``.
        among: how all of these datasets were built otherwise than the middle: ``align=no``.
        middle: its value where everything was learned.
        settings: the datasets by the dial's value.
    """

    name: str
    among: tuple[str, ...]
    middle: float
    settings: dict[float, str]


def middles(datasets: Sequence[str]) -> list[str]:
    """The generated datasets that others are settings of."""
    plain = [name for name in datasets if not parse_dataset(name).options]
    return [name for name in plain if dials_of(datasets, name)]


def dials_of(datasets: Sequence[str], middle: str) -> list[Dial]:
    """The dials that were turned, each with the datasets that differ from the middle by it."""
    usual = parse_dataset(middle)
    phantom = load_card(usual.base).phantom
    if phantom is None:
        return []
    found: dict[tuple[str, tuple[str, ...]], dict[float, str]] = {}
    plain: dict[tuple[str, ...], str] = {(): middle}
    for name in datasets:
        variant = parse_dataset(name)
        same = (variant.base, variant.trained_on) == (usual.base, usual.trained_on)
        if name == middle or not same:
            continue
        turned = [key for key in variant.options if key in UNITS]
        among = tuple(
            f"{key}={variant.options[key]}" for key in sorted(variant.options) if key not in UNITS
        )
        if len(turned) == 1:
            value = float(variant.options[turned[0]])
            found.setdefault((turned[0], among), {})[value] = name
        elif not turned:
            plain[among] = name
    dials = []
    for (name, among), settings in found.items():
        value = float(getattr(PhantomOptions(**phantom), name))
        settings |= {value: plain[among]} if among in plain else {}
        dials.append(Dial(name, among, value, dict(sorted(settings.items()))))
    return sorted(dials, key=lambda dial: (list(UNITS).index(dial.name), dial.among))


def curves(results: Results, subject: Subject, dial: Dial) -> pd.DataFrame:
    """What every method of the middle scores at every setting; all test triplets count.

    Rejected ones too: the rules throw out what a dial that is turned up makes.

    Args:
        results: the store.
        subject: the cells of the middle.
        dial: that is turned.

    Returns:
        A row for each value, method and score: ``psnr`` and ``frc_10`` are gains over the null,
        ``gap`` is the Dice of the real slice less that of the method, ``ceiling`` is the former;
        with ``mean``, ``low``, ``high``, ``clusters`` and ``triplets``.
    """
    rows = []
    beside = [e for e in (subject.null,) if e is not None and e not in subject.scored]
    with_null = [*beside, *subject.scored]
    for value, dataset in dial.settings.items():
        cells = [(entry, _cells(results, entry, dataset)) for entry in with_null]
        null = next(
            (_scores(found) for entry, found in cells if method_of(entry) == NULL), _scores([])
        )
        for entry, found in cells:
            for score, interval, count in _measure(found, null):
                if score != "ceiling" or method_of(entry) == NULL:
                    name = "" if score == "ceiling" else label(entry)
                    rows.append([value, name, score, *interval[:4], count])
    columns = ["value", "method", "score", *Interval._fields[:4], "triplets"]
    return pd.DataFrame(rows, columns=columns)


def _cells(results: Results, entry: Entry, dataset: str) -> list[Entry]:
    names = ("method", "loss", "preset", "fold")
    return results.select(dataset=dataset, **{name: getattr(entry.cell, name) for name in names})


def _scores(cells: Sequence[Entry]) -> Measurement:
    return image_scores(cells, rejected=True)


def _measure(cells: list[Entry], null: Measurement) -> Iterator[tuple[str, Interval, int]]:
    scores = _scores(cells)
    for metric in ("psnr", "frc_10"):
        gain = scores.gain(null, metric)
        if gain is not None:
            yield metric, gain, scores.count
    membranes = membrane_scores(cells, rejected=True)
    real = ceiling_scores(cells, rejected=True).on(membranes)
    gap, ceiling = real.gain(membranes, "dice"), real.mean("dice")
    if gap is not None and ceiling is not None:
        yield "gap", gap, membranes.count
        yield "ceiling", ceiling, real.count
