"""Table 2: cost of the layers, from what `bench profile --layers` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.base.errors import UserError
from bench.report.selection import Selection
from bench.report.table import DASH, Column, Notes, Table, TableCell, TableRow, number
from bench.scores.standings import Emphasis

LAYERS = "layers.json"
SCHEMA = 1
_ORDER = ("kel", "sa", "ssa", "aal")
_MISSING = "not measured; run `bench profile --layers`."


class Seconds(BaseModel):
    """Run time of one pass: the median of the repeats, the fastest and the slowest."""

    median: float
    low: float
    high: float


class Pass(BaseModel):
    """What a pass costs."""

    model_config = ConfigDict(extra="ignore")

    seconds: Seconds
    peak_mib: float | None


class Layer(BaseModel):
    """One row of the profile."""

    model_config = ConfigDict(extra="ignore")

    layer: str
    form: str | None = None
    implementation: str | None = None
    parameters: int
    gmac: float | None
    forward: Pass | None = None
    backward: Pass | None = None
    computed: bool = False
    note: str = ""


class Profile(BaseModel):
    """What `bench profile --layers` leaves."""

    model_config = ConfigDict(extra="ignore")

    size: tuple[int, int, int, int]
    device: str
    provenance: dict[str, Any] = {}
    rows: tuple[Layer, ...]


def load_layers(folder: Path) -> Profile | None:
    """Read the profile of the layers; None where there is none.

    Raises:
        UserError: the file is damaged or of another layout.
    """
    path = folder / LAYERS
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise UserError(f"{path} has another layout; repeat `bench profile --layers`.")
        return Profile.model_validate(document)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise UserError(f"{path} cannot be read; repeat `bench profile --layers`.") from error


_COLUMNS = (
    Column("Memory (MiB)"),
    Column("GMAC"),
    Column("Parameters"),
    Column("Run time (ms)"),
    Column("Memory (MiB)", "Forward and backward"),
    Column("Run time (ms)", "Forward and backward"),
)


def layers(selection: Selection) -> list[Table]:
    """KEL, SA, SSA and AAL: memory, FLOPs, parameters, run time."""
    profile = load_layers(selection.profile)
    notes = Notes()
    rows = _empty(notes) if profile is None else _rows(profile, notes)
    caption = ("Cost of the layers.", *(_words(profile) if profile else ()))
    return [Table("2", caption, "Layer", _COLUMNS, tuple(rows), notes.listed())]


def _words(profile: Profile) -> list[str]:
    machine = profile.provenance.get("gpu") or profile.provenance.get("processor") or "unknown"
    return [
        f"Input {' x '.join(map(str, profile.size))}, on {profile.device} ({machine}); Wang et "
        "al. 2021 measured on a P40.",
        "Memory (peak) and run time of a forward pass, and of forward and backward together. GMAC: "
        "multiply-adds in 10^9, half as many as FLOPs. Run time: median [fastest, "
        "slowest] of the repeats. Best bold, second underlined, by unrounded values.",
    ]


def _empty(notes: Notes) -> list[TableRow]:
    marks = notes.mark(_MISSING)
    cells = tuple(TableCell(DASH, marks=marks) for _ in _COLUMNS)
    return [TableRow(name.upper(), cells) for name in _ORDER]


def _rows(profile: Profile, notes: Notes) -> list[TableRow]:
    known = [row for name in _ORDER for row in profile.rows if row.layer == name]
    numbers = [_numbers(row) for row in known]
    emphasis = [_emphasis([row[i] for row in numbers]) for i in range(len(_COLUMNS))]
    rows = [_row(row, i, numbers[i], emphasis, notes) for i, row in enumerate(known)]
    absent = {name.upper() for name in _ORDER} - {row.layer.upper() for row in known}
    return rows + ([row for row in _empty(notes) if row.label in absent] if absent else [])


def _numbers(row: Layer) -> tuple[float | None, ...]:
    forward, both = row.forward, row.backward
    return (
        forward.peak_mib if forward else None,
        row.gmac,
        float(row.parameters),
        1000 * forward.seconds.median if forward else None,
        both.peak_mib if both else None,
        1000 * both.seconds.median if both else None,
    )


def _row(
    row: Layer,
    index: int,
    numbers: tuple[float | None, ...],
    emphasis: list[list[Emphasis]],
    notes: Notes,
) -> TableRow:
    kinds = [word for word in (row.form, row.implementation) if word]
    label = row.layer.upper() + (f" ({', '.join(kinds)})" if kinds else "")
    said = f"computed, not run: {row.note}" if row.computed else row.note
    marks = notes.mark(said.rstrip(".") + ".") if said else ()
    times = {3: row.forward, 5: row.backward}
    why = notes.mark("not run.") if any(n is None for n in numbers) and not said else marks
    cells = []
    for column, value in enumerate(numbers):
        if value is None:
            cells.append(TableCell(DASH, marks=why))
            continue
        low, high, text = None, None, number(value, 0 if column in (0, 2, 4) else 3)
        cost = times.get(column)
        if cost is not None:
            low, high = 1000 * cost.seconds.low, 1000 * cost.seconds.high
            text = f"{number(value, 0)} [{number(low, 0)}, {number(high, 0)}]"
        if column == 2:
            text = f"{row.parameters:,}"
        cells.append(TableCell(text, value, low, high, emphasis[column][index]))
    return TableRow(label, tuple(cells), marks)


def _emphasis(values: list[float | None]) -> list[Emphasis]:
    """The least is the best."""
    known = sorted(value for value in values if value is not None)
    names: dict[int, Emphasis] = {0: "best", 1: "second"}
    if len(known) < 2:
        return ["" for _ in values]
    return ["" if value is None else names.get(known.index(value), "") for value in values]
