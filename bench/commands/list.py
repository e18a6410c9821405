"""``bench list``: what can be named on the command line, without importing torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Data, Json, takes
from bench.commands.printing import print_pairs

Pairs = list[tuple[str, str]]
_LABELS = {"ids": "neuron ids", "membrane_mask": "membranes, no neuron ids", "": "no labels"}


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
    from bench.cells.registry import method_names

    return [(name, _method(name)) for name in method_names()]


def _method(name: str) -> str:
    from bench.cells.registry import METHODS

    if (method := METHODS.get(name)) is None:
        return "plug-in"
    if not method.extra:
        return f"{method.title} ({method.kind})"
    there = "installed" if method.installed else "not installed"
    needs = f"needs `pip install '.[{method.extra}]'`: {there}"
    return f"{method.title} ({method.kind}; {needs})"


def _datasets(data: Path) -> Pairs:
    from bench.triplets.dataset_paths import dataset_names
    from bench.volumes.cards import CARDS

    pairs = []
    for name in dataset_names(data):
        words = _of_card(name) if name in CARDS else _built(data, name)
        pairs.append((name, "; ".join(filter(None, words))))
    return pairs


def _of_card(name: str) -> list[str]:
    from bench.volumes.cards import CARDS

    card = CARDS[name]
    every = card.build.get("every", 1)
    return [
        card.title,
        _LABELS[card.label_kind],
        f"one of {every} slices is taken (every={every})" if every > 1 else "",
        f"with other dials: {card.name}[noise=20]" if card.generated else "",
    ]


def _built(data: Path, name: str) -> list[str]:
    """What is said of a dataset without a card."""
    return [f"built, in {data / name}", *_labels_of(next((data / name).glob("fold*/triplets.h5")))]


def _labels_of(path: Path) -> list[str]:
    """What the labels of a built dataset are; nothing where its file cannot be read."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            kind = json.loads(file.attrs["card"])["label_kind"] if "labels" in file else ""
    except (OSError, KeyError, ValueError):
        return []
    return [_LABELS.get(kind, kind)]


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
