"""Weights and checkpoints as safetensors: numbers and text, never code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from bench.errors import UserError
from bench.files import atomic_path


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and a few facts atomically."""
    from safetensors.torch import save_file

    # safetensors stores plain rows; channels_last lives in the strides alone.
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={"facts": json.dumps(dict(facts))})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``save_tensors`` wrote.

    Raises:
        UserError: the file is missing, damaged or of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"The weights {path} cannot be read: {error}.") from error
    return tensors, facts


def save_weights(path: Path, model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write a module's parameters and buffers."""
    save_tensors(path, model.state_dict(), facts)


def load_weights(path: Path, model: nn.Module) -> None:
    """Put stored weights into a module of the same layout."""
    tensors, _ = load_tensors(path)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"The weights {path} do not fit the method they are for.") from error
