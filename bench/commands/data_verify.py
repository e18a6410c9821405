"""``bench data verify``: check the bytes of a dataset against its digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from bench.commands.options import Built, Data, Fold, Json, takes
from bench.commands.printing import print_json


@dataclass(frozen=True)
class VerifyDataWords:
    """What ``bench data verify`` is told."""

    name: Built = None
    data: Data = Path("data")
    fold: Fold = None
    as_json: Json = False


@takes(VerifyDataWords)
def verify(words: VerifyDataWords) -> None:
    """Check every byte of a dataset against its digests."""
    from bench.triplets.dataset_paths import built_path, given_name

    path = built_path(given_name(words.name, words.data), words.data, words.fold)

    from bench.triplets.verify import verify as problems_of

    problems = problems_of(path)
    if words.as_json:
        print_json({"file": str(path), "problems": problems})
    else:
        typer.echo("\n".join(problems) or f"{path}: every byte as it was written")
    if problems:
        raise typer.Exit(1)
