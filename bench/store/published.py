"""Weights as others publish them, in pickles: their tensors are read, and no code is executed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from bench.base.errors import UserError


def read_published(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that ``torch.save`` wrote, by name.

    A pickle can name any function to be called while it is read. PyTorch's reader for weights
    alone makes tensors and plain containers, and stops at everything else.

    Raises:
        UserError: the file cannot be read, or holds anything else than named tensors.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"The weights {path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # a stranger's file may be broken in any way
        raise UserError(
            f"{path} is not a file of weights alone, and nothing in it was executed; give the "
            "file of tensors that the authors published."
        ) from error
    if not (isinstance(found, dict) and found) or any(
        not isinstance(tensor, Tensor) for tensor in found.values()
    ):
        raise UserError(f"{path} does not hold tensors by name; give the file that has them.")
    return {str(name): tensor for name, tensor in found.items()}
