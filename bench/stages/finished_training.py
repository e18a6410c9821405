"""A finished training, found in the folder of another cell and used again."""

from __future__ import annotations

from bench.base.errors import UserError
from bench.base.files import copy_file, file_digest
from bench.stages.stage import Context
from bench.store.records import LOG, WEIGHTS, StageRecord
from bench.store.weights import load_weights
from methods.interface import Interpolator


def take_over(context: Context, model: Interpolator) -> StageRecord | None:
    """Copy the weights and the log of a training with the same key.

    A cell has it that predicts with other tiles, or another dataset, and learned from this one.

    Args:
        context: of the cell.
        model: of the cell; it takes the weights.

    Returns:
        What the record of the other cell says of it; None if there is none.
    """
    for folder in context.store.folders():
        try:
            record = context.store.load(folder)
            done = record.stages.get("train") if record else None
            if folder == context.folder or done is None or done.key != context.keys.stages["train"]:
                continue
            if file_digest(folder / WEIGHTS) != done.digest:
                continue
            load_weights(folder / WEIGHTS, model)
        except (OSError, UserError):
            continue  # another cell's damage is that cell's business
        for name in (LOG, WEIGHTS):
            if (folder / name).exists():
                copy_file(folder / name, context.folder / name)
        title, note = context.cell.title, context.display.note
        note(f"  {title}: the same training is in {folder}, taken over.")
        return done
    return None
