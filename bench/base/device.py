"""Where torch computes."""

from __future__ import annotations

import torch
from torch import nn

from bench.base.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device of a name: ``cpu``, ``cuda``, or ``auto``, CUDA where there is one.

    Raises:
        UserError: CUDA was asked for and is absent.
    """
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise UserError(
            "CUDA was asked for, but torch sees no CUDA device on this machine; "
            "use --device cpu or --device auto."
        )
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")


def place(network: nn.Module, device: torch.device) -> None:
    """Move a network to where it computes, with its channels last in memory: faster there."""
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
