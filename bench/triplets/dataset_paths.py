"""Where datasets lie and which there are, without an import of what reads them."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.base.errors import UserError
from bench.base.words import unknown
from bench.volumes.cards import CARDS, fold_of, is_public, load_card

_FILE = "triplets.h5"


def dataset_path(root: Path, name: str, fold: int) -> Path:
    """Where the triplets of a dataset lie in the folder of datasets."""
    return root / name / f"fold{fold}" / _FILE


def built_names(root: Path) -> list[str]:
    """The datasets that have been built, for whichever fold."""
    return sorted({path.parents[1].name for path in root.glob(f"*/fold*/{_FILE}")})


def dataset_names(root: Path) -> list[str]:
    """Every known dataset: first those with a card, then what else has been built."""
    return list(dict.fromkeys([*CARDS, *built_names(root)]))


def given_name(name: str | None, root: Path) -> str:
    """The name that was given.

    Raises:
        UserError: none was; which there are.
    """
    if name:
        return name
    names = built_names(root)
    there = f"these are built in {root}: {', '.join(names)}."
    none = f"none is built in {root} yet, and `bench data build NAME` builds one."
    raise UserError(f"Say which dataset to look at; {there if names else none}")


def built_path(name: str, root: Path, fold: int | None) -> Path:
    """The triplet file of a dataset that has been built, of its card's fold unless one is given.

    Raises:
        UserError: it has not; the exact command that builds it.
    """
    name = load_card(name).name  # refuses what cannot be the name of a folder
    fold = fold_of(name, fold)
    path = dataset_path(root, name, fold)
    if not path.exists():
        raise _not_built(name, root, fold)
    return path


def anew(name: str, *added: str) -> str:
    """The command that builds a dataset anew, as it was built but for what is added.

    Args:
        name: of the dataset.
        added: what to give besides ``--replace``, an option or words that end in one.
    """
    given = ", ".join(["--replace", *added])
    said = " ".join(added)
    kept = [option for option in ("--source", "--labels", "--tile") if option not in said]
    return (
        f"`bench data build {shlex.quote(name)}` with {given} and every other option as before "
        f"({', '.join(kept)} and so on)"
    )


def _not_built(name: str, root: Path, fold: int) -> UserError:
    if not is_public(name) and name not in built_names(root):
        try:
            unknown("dataset", name, dataset_names(root))
        except UserError as error:
            return UserError(
                f"{str(error).rstrip('.?')} (a volume of your own becomes a dataset by "
                f"`bench data build {name} --source PATH`)."
            )
    card = load_card(name)
    command = f"bench data build {shlex.quote(name)}"
    command += "" if card.generated else " --source PATH [--labels PATH]"
    command += f" --fold {fold}" if fold != fold_of(name, None) else ""
    missing = f"The dataset '{name}' is not built for fold {fold}: `{command}`"
    if card.generated:
        return UserError(f"{missing} builds it, and so does `bench run`.")
    download = " (or --download in its place)" if card.files else ""
    given = "--download, or --source PATH" if card.files else "--source PATH"
    source = f"; its volume: {card.source}" if card.source else ""
    return UserError(
        f"{missing}{download} builds it, and `bench run` does if it is given {given}{source}."
    )
