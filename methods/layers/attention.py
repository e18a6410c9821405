"""Sparse self-attention over one, two or more levels: the attention-aware layer of SSAN.

A row index y is read as digits, coarse to fine. With the partition (8, 4), y = (32 q + 8 p' + p),
and likewise for columns. Attention runs once along each digit while the others stay fixed: along
q (positions 32 apart: long range), along p' (8 apart), along p (windows of 8 x 8: short range).
So () is dense self-attention, (P,) the interlaced sparse one, (R, P) the paper's two-level layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod, sqrt
from typing import Literal, cast

import torch
from torch import Tensor, nn

from methods.layers.affinity import (
    Grouping,
    Widths,
    add,
    attend_in_pieces,
    explicit_attention,
    fused_attention,
    project_and_add,
)

Form = Literal["equation", "released"]


def groupings(height: int, width: int, partition: tuple[int, ...]) -> list[Grouping]:
    """The passes over a map, long range first.

    Args:
        height: rows of the map.
        width: columns of the map.
        partition: window side of each level, outermost first; empty for dense attention.

    Raises:
        ValueError: the map cannot be divided so.
    """
    stride = prod(partition)
    if height % stride or width % stride:
        raise ValueError(
            f"Attention with partition {partition} needs a map whose sides are multiples of "
            f"{stride}, not {height} x {width}; pad it."
        )
    passes = [Grouping(height // stride, width // stride, stride)]
    for level in reversed(range(len(partition))):
        side = partition[level]
        passes.append(Grouping(side, side, prod(partition[:level])))
    return passes


class SelfAttention(nn.Module):
    """Self-attention within groups of positions, and its residual: Y = gamma Z + X (eq. 1-3).

    Two forms. ``equation`` follows the paper's text: queries, keys and values of C/k channels, an
    output projection, logits divided by sqrt(C/2). ``released`` follows the authors' code, which
    is SAGAN's: queries and keys of C/k (k = 8 there), values of C, biases, no output projection,
    no scaling.

    Attributes:
        gamma: weight of what attention found; 0 at the start, so the layer is the identity.
        fused: use torch's fused attention, which never stores the affinity matrix.
    """

    def __init__(
        self, channels: int, form: Form = "equation", k: int = 8, fused: bool = True
    ) -> None:
        super().__init__()
        self.widths = attention_widths(channels, form, k)
        released = form == "released"
        self.project = nn.Linear(channels, 2 * self.widths.query + self.widths.value, bias=released)
        self.output = (
            nn.Linear(self.widths.value, channels, bias=False)
            if self.widths.projects_output
            else nn.Identity()
        )
        self.gamma = nn.Parameter(torch.zeros(()))
        self.scale = 1.0 if released else 1.0 / sqrt(channels / 2)
        self.fused = fused

    def forward(self, image: Tensor, grouping: Grouping) -> Tensor:
        """Attend within each group of a BHWC map; returns BHWC."""
        # Projected before the permutation: fewer channels to move.
        projected = grouping.split(self.project(image))
        if self.fused and self.widths.query != self.widths.value and grouping.is_small:
            words = grouping, self.widths, self.scale
            return attend_in_pieces(image, self.gamma, projected, *words)
        attend = fused_attention if self.fused else explicit_attention
        found = attend(*self.widths.split(projected), self.scale)
        del projected
        found = grouping.merge(found, *image.shape[1:3])
        if self.fused and isinstance(self.output, nn.Linear):
            return project_and_add(image, self.gamma, found, self.output.weight)
        return add(image, self.gamma, self.output(found))


class AttentionAwareLayer(nn.Module):
    """Multi-level sparse self-attention (paper, "Attention-aware layer"; eq. 4-8).

    Args:
        channels: of the map, in and out.
        partition: window side of each level, outermost first: ``(8, 4)`` is the paper's two-level
            layer, ``(8,)`` interlaced sparse self-attention (SSA), ``()`` dense self-attention.
        form: see ``SelfAttention``.
        k: reduction of the query width.
        fused: see ``SelfAttention``.
    """

    def __init__(
        self,
        channels: int,
        partition: tuple[int, ...] = (8, 4),
        form: Form = "equation",
        k: int = 8,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.partition = partition
        self.passes = nn.ModuleList(
            SelfAttention(channels, form, k, fused) for _ in range(len(partition) + 1)
        )

    @property
    def gamma(self) -> Tensor:
        """The learnt weight of each pass, long range first."""
        return torch.stack([attention.gamma.detach() for attention in self._attentions()])

    def forward(self, image: Tensor) -> Tensor:
        """BCHW to BCHW, best in channels_last; H and W multiples of the partition's product.

        Raises:
            ValueError: H or W is not such a multiple.
        """
        # A view where the memory is channels_last, which is what the passes work on.
        positions = image.permute(0, 2, 3, 1)
        passes = groupings(image.shape[2], image.shape[3], self.partition)
        for attention, grouping in zip(self._attentions(), passes, strict=True):
            positions = attention(positions, grouping)
        return positions.permute(0, 3, 1, 2)

    def _attentions(self) -> Iterable[SelfAttention]:
        return cast(Iterable[SelfAttention], self.passes)


def attention_widths(channels: int, form: Form, k: int) -> Widths:
    """Channel counts of one attention.

    Raises:
        ValueError: k does not divide the channels.
    """
    if channels % k:
        raise ValueError(f"Attention cannot divide {channels} channels by k = {k}; change either.")
    narrow = channels // k
    return Widths(narrow, narrow, True) if form == "equation" else Widths(narrow, channels, False)


def macs(
    channels: int,
    height: int,
    width: int,
    partition: tuple[int, ...] = (8, 4),
    form: Form = "equation",
    k: int = 8,
) -> int:
    """Multiply-adds of one attention layer on one map, in closed form.

    Projections and matrix products; softmax, biases and the residual are left out. In ``equation``
    form this is the paper's equation 9 (dense) and 11 (two levels), to the unit.
    """
    widths = attention_widths(channels, form, k)
    projected = 2 * widths.query + widths.value + (widths.value if widths.projects_output else 0)
    per_position = sum(
        channels * projected + grouping.height * grouping.width * (widths.query + widths.value)
        for grouping in groupings(height, width, partition)
    )
    return height * width * per_position
