"""``bench data info``: say what a dataset holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.commands.options import Built, Data, Fold, Json, takes
from bench.commands.printing import print_pairs


@dataclass(frozen=True)
class InfoWords:
    """What ``bench data info`` is told."""

    name: Built = None
    data: Data = Path("data")
    fold: Fold = None
    as_json: Json = False


@takes(InfoWords)
def info(words: InfoWords) -> None:
    """Say what a dataset holds: counts, split, leakage, options."""
    from bench.triplets.dataset_paths import built_path, given_name

    path = built_path(given_name(words.name, words.data), words.data, words.fold)

    from bench.triplets.describe import describe
    from bench.triplets.file import TripletFile

    print_pairs(describe(TripletFile(path)), as_json=words.as_json)
