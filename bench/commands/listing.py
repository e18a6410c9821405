"""What ``bench list`` prints, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.words import unknown
from bench.cells.registry import LOSSES, METHODS, method_names

if TYPE_CHECKING:
    from bench.volumes.cards import Card

Pairs = list[tuple[str, str]]


def listing(what: str, data: Path) -> Pairs:
    """Names and one line on each.

    Args:
        what: methods, datasets, losses or presets.
        data: folder of the datasets.

    Raises:
        UserError: there is no such list.
    """
    if what not in _LISTS:
        unknown("list", what, list(_LISTS))
    return _LISTS[what](data)


def _methods(_: Path) -> Pairs:
    return [
        (name, f"{METHODS[name].title} ({METHODS[name].kind})" if name in METHODS else "plug-in")
        for name in method_names()
    ]


def _datasets(data: Path) -> Pairs:
    from bench.triplets.folders import dataset_names
    from bench.volumes.cards import CARDS

    return [
        (name, _described(CARDS[name]) if name in CARDS else f"built, in {data / name}")
        for name in dataset_names(data)
    ]


def _described(card: Card) -> str:
    if card.phantom is None:
        return card.title
    return f"{card.title}; with other dials: {card.name}[noise=20]"


def _losses(_: Path) -> Pairs:
    return list(LOSSES.items())


def _presets(_: Path) -> Pairs:
    from bench.cells.presets import PRESETS

    return [(name, preset.summary) for name, preset in PRESETS.items()]


_LISTS: dict[str, Callable[[Path], Pairs]] = {
    "methods": _methods,
    "datasets": _datasets,
    "losses": _losses,
    "presets": _presets,
}
