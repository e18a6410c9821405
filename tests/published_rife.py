"""Random tensors with the names and shapes of the `flownet.pkl` of Practical-RIFE 4.0."""

from __future__ import annotations

import torch
from torch import Tensor

_WIDTHS = (192, 128, 96, 64)


def published() -> dict[str, Tensor]:
    """Those that a prediction uses, scaled so that what passes through them keeps its size."""
    generator = torch.Generator().manual_seed(0)
    found = {}

    def add(name: str, *shape: int) -> None:
        spread = (shape[1] * shape[2] * shape[3]) ** -0.5 if len(shape) == 4 else 0.1
        found[f"module.{name}"] = torch.randn(shape, generator=generator) * spread

    for number, width in enumerate(_WIDTHS):
        seen = 12 if number else 7
        layers = {"conv0.0": (seen, width // 2), "conv0.1": (width // 2, width)}
        layers |= {f"convblock.{place}": (width, width) for place in range(8)}
        for layer, (inputs, outputs) in layers.items():
            add(f"block{number}.{layer}.0.weight", outputs, inputs, 3, 3)
            add(f"block{number}.{layer}.0.bias", outputs)
            add(f"block{number}.{layer}.1.weight", outputs)
        add(f"block{number}.lastconv.weight", width, 5, 4, 4)
        add(f"block{number}.lastconv.bias", 5)
    return found
