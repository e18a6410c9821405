"""One training on several processes that torchrun has started: who they are, how they keep in step.

A process by itself is the first of one. Every process computes its share of each batch; sums over
all of them come out the same to the bit everywhere, so that all networks stay the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.base.errors import UserError

_PATIENCE = timedelta(days=30)  # the first process may predict and segment for hours meanwhile


def launched() -> bool:
    """Whether torchrun has started this process beside others."""
    return distributed.is_torchelastic_launched() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def join(device: torch.device) -> None:
    """Meet the other processes; on CUDA each has a card of its own."""
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)


def leave() -> None:
    """Part from the other processes; one that still waits for this one ends with an error."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this is the process that writes."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def own_share(crops: int) -> slice:
    """Which crops of a batch are this process's; every process has one at least.

    Raises:
        UserError: there are fewer crops than processes.
    """
    if crops < count():
        raise UserError(
            f"{count()} processes cannot share the {crops} crops of a step; start at most {crops} "
            f"(torchrun --nproc-per-node {crops})."
        )
    number = distributed.get_rank() if distributed.is_initialized() else 0
    return slice(number * crops // count(), (number + 1) * crops // count())


def add_up(tensors: Iterable[Tensor]) -> None:
    """Replace each tensor by its sum over all processes, in one message a type."""
    if count() == 1:
        return
    of_kind: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        of_kind.setdefault(tensor.dtype, []).append(tensor)
    for own in of_kind.values():
        message = torch.cat([tensor.detach().reshape(-1) for tensor in own])
        distributed.all_reduce(message)
        parts: Sequence[Tensor] = message.split([tensor.numel() for tensor in own])
        for tensor, part in zip(own, parts, strict=True):
            tensor.detach().copy_(part.view_as(tensor))


def from_first(value: Any) -> Any:
    """What the first process gives, in all of them."""
    if count() == 1:
        return value
    message = [value]
    distributed.broadcast_object_list(message, src=0)
    return message[0]


def as_first(network: nn.Module) -> None:
    """Give a network the weights that it has in the first process, and norms that look at all.

    Raises:
        UserError: it normalises over the batch, which torch does over processes on CUDA alone.
    """
    if count() == 1:
        return
    if any(isinstance(part, _BatchNorm) for part in network.modules()):
        if next(network.parameters()).device.type != "cuda":
            raise UserError(
                "Batch normalisation over several processes needs CUDA; train in one process, or "
                "give the method norm=none."
            )
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for tensor in network.state_dict().values():
        distributed.broadcast(tensor, src=0)
