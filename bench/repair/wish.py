"""What is asked for of the method that fills, and the run on the volume that it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.errors import UserError
from bench.base.words import read_words, spelling
from bench.cells.config import RunConfig, load_config
from bench.repair.same_volume import WAY_OUT
from bench.triplets.dataset_paths import dataset_path
from bench.volumes.cards import fold_of, load_card

AUTO = "auto"


@dataclass(frozen=True)
class Wish:
    """What is asked for of the method.

    Attributes:
        method: a variant in the words of the command line, or ``auto``.
        loss: that a network is trained under; None for ``lm`` where there are labels, else ``l1``.
        dataset: of this volume, built or to be built.
        volume: how the dataset is built from it: the fields of a run that say so.
        run: the other fields of a run: preset, folders, device, threads, jobs.
        named: whether the dataset was named; it is else called as the volume is, and so may be
            what was measured on another one.
    """

    method: str
    loss: str | None
    dataset: str
    volume: dict[str, Any]
    run: dict[str, Any]
    named: bool = True

    @property
    def losses(self) -> tuple[str, ...]:
        """What a network is trained under."""
        if self.loss is not None:
            return (self.loss,)
        return ("lm",) if self.volume.get("labels") else ("l1",)


def gap_dataset(name: str, size: int) -> str:
    """The name of a volume's dataset of gaps of so many slices; what is in brackets stays there."""
    if size == 1:
        return name
    base, options = read_words(name) if "[" in name else (name, {})
    return spelling(base, options | {"gap": str(size)})


def check_dataset_name(name: str, size: int = 1) -> None:
    """Refuse a volume's name that cannot name its dataset of gaps of so many slices.

    Raises:
        UserError: it cannot; what to do about it.
    """
    try:
        load_card(gap_dataset(name, size))
    except UserError as error:
        raise UserError(f"{str(error).rstrip('.?')}; {WAY_OUT}") from error


def run_on_gaps(wish: Wish, size: int, methods: Sequence[str]) -> RunConfig:
    """The run that compares methods on gaps of a size; a dataset that is built needs no volume."""
    check_dataset_name(wish.dataset, size)
    name = gap_dataset(wish.dataset, size)
    words = {"methods": tuple(methods), "dataset": (name,), "losses": wish.losses, **wish.run}
    path = dataset_path(Path(wish.run.get("data", "data")), name, fold_of(name, None))
    return load_config(None, words if path.exists() else words | wish.volume)


def triplets_path(config: RunConfig) -> Path:
    """Where the triplets lie that are measured on."""
    [name] = config.dataset
    return dataset_path(config.data, name, fold_of(name, config.fold))
