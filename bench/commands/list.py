"""``bench list``: what can be named on the command line, without importing torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Data, Json, takes
from bench.commands.printing import print_pairs

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class ListWords:
    """What ``bench list`` is told."""

    what: Annotated[str, typer.Argument(help="methods, datasets, losses or presets")]
    data: Data = Path("data")
    as_json: Json = False


@takes(ListWords)
def list_names(words: ListWords) -> None:
    """List what can be named on the command line."""
    print_pairs(listed(words.what, words.data), as_json=words.as_json)


def listed(what: str, data: Path) -> Pairs:
    """Names and one line on each.

    Args:
        what: methods, datasets, losses or presets.
        data: folder of the datasets.

    Raises:
        UserError: there is no such list.
    """
    if what not in _LISTS:
        from bench.base.words import unknown

        unknown("list", what, list(_LISTS))
    return _LISTS[what](data)


def _methods(_: Path) -> Pairs:
    from bench.cells.registry import METHODS, method_names

    return [
        (name, f"{METHODS[name].title} ({METHODS[name].kind})" if name in METHODS else "plug-in")
        for name in method_names()
    ]


def _datasets(data: Path) -> Pairs:
    from bench.triplets.dataset_paths import dataset_names
    from bench.volumes.cards import CARDS

    pairs = []
    for name in dataset_names(data):
        card = CARDS.get(name)
        if card is None:
            words = f"built, in {data / name}"
        elif card.phantom is None:
            words = card.title
        else:
            words = f"{card.title}; with other dials: {name}[noise=20]"
        pairs.append((name, words))
    return pairs


def _losses(_: Path) -> Pairs:
    from bench.cells.registry import LOSSES

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
