"""What can be profiled: a layer of the paper's table 2, or a whole method."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from bench.cells.variants import parse_variant
from methods.layers.attention import AttentionAwareLayer, Form, macs
from methods.layers.separable import separable_macs
from methods.layers.synthesis import KernelHead

LayerName = Literal["kel", "sa", "ssa", "aal"]
Implementation = Literal["explicit", "fused"]

PARTITIONS: dict[LayerName, tuple[int, ...]] = {"sa": (), "ssa": (8,), "aal": (8, 4)}
K = 8  # reduction of the query width, as in the authors' code
TAPS = 51  # of the kernel estimation, as in SepConv
_SMALL = 64


@dataclass(frozen=True)
class LayerSubject:
    """A layer on one feature map.

    Attributes:
        name: kernel estimation, dense, one-level or two-level attention.
        form: of attention, see ``methods.layers.attention.SelfAttention``; None for ``kel``.
        implementation: of attention: with the affinity matrix, or torch's fused kernels.
        channels: of the map.
        height: of the map; a multiple of 32 fits every layer.
        width: of the map, likewise.
    """

    name: LayerName
    form: Form | None
    implementation: Implementation | None
    channels: int
    height: int
    width: int

    @property
    def title(self) -> str:
        """The row's name."""
        return ", ".join(filter(None, (self.name, self.form, self.implementation)))

    @property
    def learns(self) -> bool:
        """Whether there is a backward pass to measure."""
        return True

    def build(self) -> nn.Module:
        """A fresh layer.

        Raises:
            ValueError: the channels cannot be divided by k.
        """
        if self.form is None:
            return KernelHead(self.channels, scale=1, taps=TAPS)
        fused = self.implementation == "fused"
        return AttentionAwareLayer(self.channels, PARTITIONS[self.name], self.form, K, fused)

    def inputs(self, device: torch.device, *, backward: bool) -> list[Tensor]:
        """The feature map, 1CHW; for ``kel`` both slices too, 11HW.

        In a network gradients go through the layer to what made the map.
        """
        size = (self.height, self.width)
        features = torch.randn(1, self.channels, *size, device=device)
        features = features.contiguous(memory_format=torch.channels_last).requires_grad_(backward)
        slices = [torch.rand(1, 1, *size, device=device) for _ in range(2)]
        return [features, *(slices if self.form is None else [])]

    def small(self) -> LayerSubject:
        """The same layer on a map that takes no time."""
        size = min(self.height, _SMALL), min(self.width, _SMALL)
        return dataclasses.replace(self, height=size[0], width=size[1])

    def closed_form(self) -> int:
        """Multiply-adds of the forward pass, from their formula."""
        if self.form is not None:
            sizes = (self.channels, self.height, self.width)
            return macs(*sizes, PARTITIONS[self.name], self.form, K)
        widths = 2 * self.channels**2 + self.channels * TAPS + TAPS**2
        networks = 4 * 9 * widths * self.height * self.width
        return networks + 2 * separable_macs(1, TAPS, self.height, self.width)


@dataclass(frozen=True)
class MethodSubject:
    """A method between two slices.

    Attributes:
        variant: as on the command line, ``ssan[k=4]``.
        preset: its widths.
        height: of the slices.
        width: of the slices.
    """

    variant: str
    preset: str
    height: int
    width: int

    @property
    def title(self) -> str:
        """The row's name."""
        return f"{self.variant} ({self.preset})"

    @property
    def learns(self) -> bool:
        """Whether there is a backward pass to measure."""
        return parse_variant(self.variant, self.preset).info.kind == "trained"

    def build(self) -> nn.Module:
        """A fresh, untrained method."""
        return parse_variant(self.variant, self.preset).build()

    def inputs(self, device: torch.device, *, backward: bool) -> list[Tensor]:
        """Two slices, 11HW in [0, 1]; no gradients go to them."""
        del backward
        return [torch.rand(1, 1, self.height, self.width, device=device) for _ in range(2)]

    def small(self) -> MethodSubject:
        """The same method on slices that take no time."""
        size = min(self.height, _SMALL), min(self.width, _SMALL)
        return dataclasses.replace(self, height=size[0], width=size[1])


Subject = LayerSubject | MethodSubject
