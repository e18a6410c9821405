"""What a checkpoint holds of networks and their optimiser, as tensors with names."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_OPTIMISER = "optimiser."


def named(states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of several networks, each below the name of its own."""
    return {
        f"{state}.{name}": tensor
        for state, tensors in states.items()
        for name, tensor in tensors.items()
    }


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments of every parameter."""
    return {
        f"{_OPTIMISER}{number}.{name}": value
        for number, moments in optimiser.state_dict()["state"].items()
        for name, value in moments.items()
    }


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put moments back; the optimiser keeps its learning rates and other settings."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in below(_OPTIMISER, tensors).items():
        number, _, moment = name.partition(".")
        moments.setdefault(int(number), {})[moment] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
