"""The same training at several budgets: what becomes of the scores with more crops.

The budgets of a training are those of its presets and of ``--samples``; everything else is the
same: method, widths, loss, crops, rates, dataset and fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.base.files import content_digest
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
