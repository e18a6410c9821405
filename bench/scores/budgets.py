"""The same training at several budgets: what becomes of the scores with more crops.

The budgets of a training are those of its presets and of ``--samples``; everything else is the
same: method, widths, loss, crops, rates, dataset and fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.base.errors import UserError
from bench.base.files import content_digest
from bench.base.sentences import joined
from bench.scores.entry import Entry

_BUDGET = ("samples", "validations")  # what tells two budgets of one training apart


@dataclass(frozen=True)
class BudgetCurve:
    """A training at several budgets.

    Attributes:
        budgets: the cells, one a seed, by the number of crops that they have seen; in rising order.
    """

    budgets: Mapping[int, Sequence[Entry]]

    @property
    def entry(self) -> Entry:
        """The first cell of the longest training: what figures call the curve."""
        return self.budgets[max(self.budgets)][0]


def budget_curves(entries: Iterable[Entry]) -> list[BudgetCurve]:
    """The trainings of one dataset that were scored at two budgets or more.

    Args:
        entries: every record of the dataset; of two of one training, seed and budget the later
            one counts.
    """
    found: dict[str, dict[int, dict[int, Entry]]] = {}
    for entry in filter(_is_whole, entries):
        seeds = found.setdefault(_training(entry), {}).setdefault(crops_seen(entry), {})
        seeds[entry.cell.seed] = entry
    return [
        BudgetCurve({crops: list(seeds.values()) for crops, seeds in sorted(budgets.items())})
        for budgets in found.values()
        if len(budgets) > 1
    ]


def crops_seen(entry: Entry) -> int:
    """How many crops a training has seen; 0 where nothing was trained, or its epochs count."""
    preset = entry.record.config.get("preset")
    return preset.get("samples") or 0 if isinstance(preset, dict) else 0


def one_length(entries: Sequence[Entry], crops: int | None) -> tuple[list[Entry], list[str]]:
    """Of the trainings of a method, loss and dataset under one preset, those of one length.

    Seeds that were trained for different lengths are no trainings of one kind, and no mean is
    taken over them.

    Args:
        entries: of a store; of one name there may be several lengths.
        crops: the length that is wanted; None for that of most cells of a preset. Where a method
            has not that one, its longest counts.

    Returns:
        The cells that count, and a sentence for each preset of which some do not.

    Raises:
        UserError: no training has the length that is wanted.
    """
    usual = _usual(entries, crops)
    rows: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        rows.setdefault(_row(entry), []).append(entry)
    lengths = {row: _length(each, usual.get(row[-1], 0)) for row, each in rows.items()}
    left: dict[str, tuple[set[int], set[int]]] = {}
    for entry in entries:
        own, length = crops_seen(entry), lengths[_row(entry)]
        if own != length:
            others, shown = left.setdefault(entry.cell.preset, (set(), set()))
            others.add(own)
            shown.add(length)
    return [entry for entry in entries if crops_seen(entry) == lengths[_row(entry)]], [
        f"Networks of preset {preset} that were trained for {_numbers(others)} crops too are "
        f"shown for {_numbers(shown)}; --samples shows another length, the figure `budget` all."
        for preset, (others, shown) in left.items()
    ]


def _row(entry: Entry) -> tuple[str, ...]:
    cell = entry.cell
    return cell.method, cell.loss, cell.dataset, cell.preset


def _usual(entries: Iterable[Entry], crops: int | None) -> dict[str, int]:
    """The length of most cells of each preset; one that was cut short is a trial beside others."""
    found: dict[str, dict[int, list[Entry]]] = {}
    for entry in filter(_counts, entries):
        found.setdefault(entry.cell.preset, {}).setdefault(crops_seen(entry), []).append(entry)
    known = {length for lengths in found.values() for length in lengths}
    if crops is not None and crops not in known:
        raise UserError(
            f"No network of the store was trained for {crops:,} crops; there are trainings of "
            f"{_numbers(known)}."
        )
    return {
        preset: max(lengths, key=lambda each: (each == crops, *_weight(lengths[each]), each))
        for preset, lengths in found.items()
    }


def _weight(cells: Sequence[Entry]) -> tuple[bool, int]:
    whole = any(entry.record.config.get("samples") is None for entry in cells)
    return whole, len(cells)


def _length(row: Sequence[Entry], usual: int) -> int:
    lengths = {crops_seen(each) for each in row if _counts(each)} or set(map(crops_seen, row))
    return usual if usual in lengths else max(lengths)


def _counts(entry: Entry) -> bool:
    return entry.trained and entry.scores is not None


def _numbers(lengths: Iterable[int]) -> str:
    return joined(f"{each:,}" for each in sorted(lengths))


def _is_whole(entry: Entry) -> bool:
    """Whether it was trained, and scored on the whole test split."""
    whole = entry.record.config.get("max_triplets") is None
    return entry.trained and crops_seen(entry) > 0 and whole and entry.scores is not None


def _training(entry: Entry) -> str:
    """What the budgets of one training have in common."""
    config = entry.record.config
    preset = {name: v for name, v in config["preset"].items() if name not in _BUDGET}
    same = [config.get(name) for name in ("options", "loss", "dataset", "precision")]
    return content_digest([entry.cell.method, entry.cell.loss, entry.cell.fold, preset, *same])
