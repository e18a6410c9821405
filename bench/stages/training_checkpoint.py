"""A training on its way: what a checkpoint and a log hold of it, written and read again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.base.errors import DamagedError
from bench.base.files import write_text
from bench.store.checkpoints import below, load_optimiser, named, optimiser_tensors
from bench.store.records import CHECKPOINT
from bench.store.weights import load_tensors, save_tensors

_ROWS = "rows"  # of the log, in a checkpoint: beside it the log is only for readers

Row = dict[str, float]  # of the log: a step


@dataclass
class TrainingState:
    """What a checkpoint holds beside weights and optimiser."""

    step: int = 0
    best_loss: float = math.inf
    best_psnr: float = -math.inf
    best_step: int = 0
    seconds: float = 0.0


class Checkpoint(NamedTuple):
    """A training on its way: tensors, and what else it has to know, as it was written."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    @property
    def step(self) -> int:
        """Steps that were done."""
        return int(self.facts["state"]["step"])


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """What a killed training has left in a folder, if it has left anything.

    Raises:
        DamagedError: no training can go on from it.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    found = Checkpoint(*load_tensors(path))
    if _ROWS not in found.tensors:
        raise DamagedError(path, f"{path} does not hold the log of its training.")
    return found


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: Mapping[str, Tensor],
    state: TrainingState,
    rows: list[Row],
) -> None:
    """Write a checkpoint.

    Args:
        path: of it.
        model: as it is after the last step.
        optimiser: likewise.
        best: the weights that would be kept if the training ended now.
        state: of the training.
        rows: of its log.
    """
    tensors = named({"model": model.state_dict(), "best": best}) | optimiser_tensors(optimiser)
    columns = _columns(rows)
    values = [[row.get(column, math.nan) for column in columns] for row in rows]
    tensors[_ROWS] = torch.tensor(values, dtype=torch.float64)
    save_tensors(path, tensors, {"state": vars(state), "columns": columns})


def resume(
    found: Checkpoint, model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[TrainingState, dict[str, Tensor], list[Row]]:
    """Put model and optimiser where a checkpoint was written.

    Returns:
        The state of the training, the weights that would be kept, and the rows of the log.
    """
    tensors, facts = found
    model.load_state_dict(below("model.", tensors))
    load_optimiser(optimiser, tensors)
    rows = [
        {name: v for name, v in zip(facts["columns"], values, strict=True) if not math.isnan(v)}
        for values in tensors[_ROWS].tolist()
    ]
    return TrainingState(**facts["state"]), below("best.", tensors), rows


def write_log(path: Path, rows: list[Row]) -> None:
    """Rows as CSV; a column that a row does not have (validation, shares) stays empty there."""
    columns = _columns(rows)
    lines = [",".join(columns)]
    lines += [",".join(f"{row[c]:.9g}" if c in row else "" for c in columns) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def _columns(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
