"""The rows of tables 1, 3 and 4 before they are measured."""

from __future__ import annotations

from dataclasses import dataclass

from bench.cells.registry import LOSSES, METHODS
from bench.report.selection import Selection
from bench.report.titles import loss_title, row_title
from bench.store.records import NONE

# Each row with every spelling of its variant.
EXTRACTORS = {
    "U-Net": ("ssan[extractor=unet]",),
    "SU-Net": ("ssan[extractor=sunet]",),
    "RDN": ("ssan[extractor=rdn]",),
    "SRDN": ("ssan", "ssan[extractor=srdn]"),
}
AGGREGATIONS = {
    "KEL": ("ssan[aggregation=kel]",),
    "SSA": ("ssan[aggregation=ssa]",),
    "AAL": ("ssan", "ssan[aggregation=aal]"),
}
_COMPARED = [
    *(("sepconv", loss) for loss in ("l1", "lf", "ls")),
    *(("dain", loss) for loss in ("l1", "ls")),
    *(("ssan", loss) for loss in ("l1", "lf", "ls")),
]


@dataclass(frozen=True)
class Line:
    """A row before it is measured.

    Attributes:
        label: what stands in front.
        methods: the spellings of its variant; none for a heading.
        loss: it was trained under.
        rule: whether a line is drawn above.
    """

    label: str
    methods: tuple[str, ...] = ()
    loss: str = NONE
    rule: bool = False


def ablation(selection: Selection, variants: dict[str, tuple[str, ...]]) -> list[Line]:
    """The rows under every loss that one of the variants (not SSAN itself) was trained under."""
    own = _variants(variants)
    found = {entry.cell.loss for entry in selection.entries if entry.cell.method in own}
    losses = [loss for loss in LOSSES if loss in found] or ["ls"]
    lines = list[Line]()
    for loss in losses:
        lines.append(Line(f"Under {loss_title(loss)}", rule=loss != losses[0]))
        lines += [
            Line(label, spellings, loss)
            for label, spellings in variants.items()
            if any(selection.shown.row(name, loss) for name in spellings)
        ]
    return lines


def all_methods(selection: Selection, *, ablations: bool) -> list[Line]:
    """The untrained methods, the paper's rows, and what else the store holds.

    Args:
        selection: what the report is about.
        ablations: whether the variants that tables 1 and 3 compare are among the rows.
    """
    others = {(entry.cell.method, entry.cell.loss) for entry in selection.entries}
    pairs = [
        (name, NONE)
        for name, method in METHODS.items()
        if method.kind != "trained" and (method.expected or (name, NONE) in others)
    ]
    shown = {*pairs, *_COMPARED}
    variants = set[str]() if ablations else _variants(EXTRACTORS) | _variants(AGGREGATIONS)
    rest = sorted(pair for pair in others - shown if pair[0] not in variants)
    lines = list[Line]()
    for group in (pairs, _COMPARED, rest):
        own = [pair for pair in group if selection.shown.row(*pair)]
        lines += [_line(selection, *pair, rule=bool(lines) and pair == own[0]) for pair in own]
    return lines


def _variants(ablation: dict[str, tuple[str, ...]]) -> set[str]:
    """The spellings of an ablation but for SSAN itself, which is no variant."""
    return {name for spellings in ablation.values() for name in spellings} - {"ssan"}


def _line(selection: Selection, method: str, loss: str, *, rule: bool = False) -> Line:
    cells = [cell for name in selection.datasets for cell in selection.cells((method,), loss, name)]
    label = row_title(cells[0] if cells else None, method, loss)
    return Line(label, (method,), loss, rule)
