"""Which activations are computed again in the backward pass instead of being kept: large ones.

A network that works at the full resolution keeps more maps than a machine has memory for; where
its maps are small, keeping them is quicker. There is one rule for all methods, and no option.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

# 128 MiB in float32: 64 channels of both orders of one crop of 512 x 512.
LARGE = 1 << 25


def is_large(numbers: int) -> bool:
    """Whether a pass with gradients computes again what depends on a map of so many numbers."""
    return torch.is_grad_enabled() and numbers >= LARGE


def compute_again(segment: Callable[..., Tensor], *inputs: Tensor, large: bool) -> Tensor:
    """Run a segment of a network; of a large one its inputs alone are kept for the backward pass.

    The backward pass computes the segment again as far as its last kept tensor, and then follows
    the graph it would have followed without, so that gradients are the same to the last bit.

    Args:
        segment: draws no random numbers and changes no running statistics.
        inputs: of the segment.
        large: see ``is_large``; otherwise the segment is simply run.

    Returns:
        What the segment returns.
    """
    if not large:
        return segment(*inputs)
    result: Tensor = checkpoint(segment, *inputs, use_reentrant=False, preserve_rng_state=False)
    return result
