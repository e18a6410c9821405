"""What ``bench list`` prints, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.registry import METHODS, method_names, unknown

if TYPE_CHECKING:
    from bench.data.cards import Card

Pairs = list[tuple[str, str]]


def listing(what: str) -> Pairs:
    """Names and one line on each.

    Raises:
        UserError: there is no such list.
    """
    if what not in _LISTS:
        unknown("list", what, list(_LISTS))
    return _LISTS[what]()


def _methods() -> Pairs:
    return [
        (name, f"{METHODS[name].title} ({METHODS[name].kind})" if name in METHODS else "plug-in")
        for name in method_names()
    ]


def _datasets() -> Pairs:
    from bench.data.cards import CARDS, load_card

    return [(name, _described(load_card(name))) for name in CARDS]


def _described(card: Card) -> str:
    if card.phantom is None:
        return card.title
    return f"{card.title}; with other dials: {card.name}[noise=20]"


def _losses() -> Pairs:
    from bench.plan import LOSSES

    return list(LOSSES.items())


def _presets() -> Pairs:
    from bench.presets import PRESETS

    return [(name, preset.summary) for name, preset in PRESETS.items()]


_LISTS: dict[str, Callable[[], Pairs]] = {
    "methods": _methods,
    "datasets": _datasets,
    "losses": _losses,
    "presets": _presets,
}
