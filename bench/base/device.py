"""Where torch computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.base.errors import UserError
from bench.base.words import unknown

if TYPE_CHECKING:
    import torch
    from torch import nn

_DEVICES = ["auto", "cpu", "cuda"]


def check_device(name: str) -> None:
    """Refuse a name that no device has; torch is not loaded for it.

    Raises:
        UserError: there is none; the nearest that there is.
    """
    if name not in _DEVICES:
        unknown("--device value", name, _DEVICES)


def check_threads(threads: int | None) -> None:
    """Refuse a number of threads that torch cannot compute with; None leaves it to torch.

    Raises:
        UserError: there are fewer than one.
    """
    if threads is not None and threads < 1:
        raise UserError(f"--threads must be at least 1, not {threads}.")


def choose_device(name: str) -> torch.device:
    """The device of a name: ``cpu``, ``cuda``, or ``auto``, CUDA where there is one.

    Raises:
        UserError: there is no such name, or CUDA was asked for and is absent.
    """
    import torch

    check_device(name)
    cuda = torch.cuda.is_available()
    if name == "cuda" and not cuda:
        raise UserError(
            "CUDA was asked for, but torch sees no CUDA device on this machine; "
            "use --device cpu or --device auto."
        )
    return torch.device("cuda" if cuda and name != "cpu" else "cpu")


def place(network: nn.Module, device: torch.device) -> None:
    """Move a network to where it computes, with its channels last in memory: faster there."""
    import torch

    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
