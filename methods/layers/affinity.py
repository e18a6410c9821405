"""Attention within groups of positions: with its affinity matrix, fused, or in pieces.

Gradients of the last two are written by hand, so that what is cheap to compute again is not kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

_WORTH_FUSING = 512  # positions in a group of unequal widths; measured on a CPU
_PIECE = 1 << 18  # affinities computed at once on a CPU
_MOST_GROUPS = 65_535  # that one call takes: CUDA's fused kernels count them in 16 bits


class Widths(NamedTuple):
    """Channels of one attention, of queries (and keys) and of values, and how it ends."""

    query: int
    value: int
    projects_output: bool

    def split(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values: views of the projection's channels."""
        query, key, value = torch.split(projected, [self.query, self.query, self.value], dim=-1)
        return query, key, value


class Grouping(NamedTuple):
    """Which positions attend to one another: a grid of ``height x width``, ``spacing`` apart."""

    height: int
    width: int
    spacing: int

    @property
    def is_small(self) -> bool:
        """Whether affinities of a few groups fit a core's cache."""
        return self.height * self.width < _WORTH_FUSING

    def split(self, image: Tensor) -> Tensor:
        """Gather the positions of each group: BHWC to (groups, positions, C)."""
        batch, _, columns, channels = image.shape
        spaced = image.reshape(
            *(batch, -1, self.height, self.spacing),
            *(columns // (self.width * self.spacing), self.width, self.spacing, channels),
        )
        groups = spaced.permute(0, 1, 3, 4, 6, 2, 5, 7)
        return groups.reshape(-1, self.height * self.width, channels)

    def merge(self, groups: Tensor, rows: int, columns: int) -> Tensor:
        """Put the positions back: the inverse of ``split``."""
        spaced = groups.reshape(
            *(-1, rows // (self.height * self.spacing), self.spacing),
            *(columns // (self.width * self.spacing), self.spacing),
            *(self.height, self.width, groups.shape[-1]),
        )
        return spaced.permute(0, 1, 5, 2, 3, 6, 4, 7).reshape(-1, rows, columns, groups.shape[-1])


def explicit_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """Softmax over the keys, affinity matrix and all; (groups, positions, channels) each."""
    affinity = torch.softmax(query @ key.transpose(1, 2) * scale, dim=-1)
    return affinity @ value


def fused_attention(query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
    """The same as ``explicit_attention`` by torch's fused kernels."""
    missing = value.shape[-1] - query.shape[-1]
    if missing:  # the kernels want one width for all; zeros leave the products as they are
        query, key = (functional.pad(tensor, (0, missing)) for tensor in (query, key))
    parts = [tensor[:, None].split(_MOST_GROUPS) for tensor in (query, key, value)]
    found = [
        functional.scaled_dot_product_attention(some_queries, keys, values, scale=scale)
        for some_queries, keys, values in zip(*parts, strict=True)
    ]
    return (found[0] if len(found) == 1 else torch.cat(found))[:, 0]


def add(image: Tensor, gamma: Tensor, found: Tensor) -> Tensor:
    """What attention found, weighted, to the image; in its memory where no gradient needs it."""
    in_place = not torch.is_grad_enabled() and found.dtype == image.dtype
    return torch.addcmul(image, gamma, found, out=found if in_place else None)


def project_and_add(image: Tensor, gamma: Tensor, found: Tensor, weight: Tensor) -> Tensor:
    """The output projection of what attention found, weighted, to the image."""
    changed: Tensor = _ProjectionAndSum.apply(image, gamma, found, weight)
    return changed


class _ProjectionAndSum(Function):
    """Does not keep what is projected, as autograd would: a map as large as the image.

    Gamma's gradient alone needs it; the backward pass computes it again.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor, gamma: Tensor, found: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(gamma, found, weight)
        return add(image, gamma, functional.linear(found, weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        gamma, *inputs = ctx.saved_tensors
        found, weight = (tensor.to(grad.dtype) for tensor in inputs)  # autocast's may be shorter
        projected = functional.linear(found, weight)
        to_gamma = projected.mul_(grad).sum()
        torch.mul(grad, gamma, out=projected)
        to_weight = projected.flatten(0, -2).t() @ found.flatten(0, -2)
        return grad, to_gamma, projected @ weight, to_weight


def attend_in_pieces(
    image: Tensor,
    gamma: Tensor,
    projected: Tensor,
    grouping: Grouping,
    widths: Widths,
    scale: float,
) -> Tensor:
    """Explicit attention, weighted, to the image; a few groups at a time, for small ones.

    Args:
        image: BHWC.
        gamma: weight of what attention finds.
        projected: queries, keys and values of ``grouping``'s groups.
        grouping: of the image.
        widths: of the projection's parts.
        scale: of the logits.

    Returns:
        BHWC.
    """
    changed: Tensor = _AttentionInPieces.apply(image, gamma, projected, grouping, widths, scale)
    return changed


class _AttentionInPieces(Function):
    """Nothing but the projection is kept for the backward pass, which computes the rest again."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, gamma: Tensor, projected: Tensor,
        grouping: Grouping, widths: Widths, scale: float,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(gamma, projected)
        ctx.words = grouping, widths, scale
        found = projected.new_empty(*projected.shape[:2], widths.value)
        for piece, target in zip(*_pieces(projected, found), strict=True):
            query, key, value = widths.split(piece)
            torch.bmm(_affinity(query, key, scale), value, out=target)
        return add(image, gamma, grouping.merge(found, *image.shape[1:3]))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        gamma, projected = ctx.saved_tensors
        grouping, widths, scale = cast(tuple[Grouping, Widths, float], ctx.words)
        to_gamma, to_projected = torch.zeros_like(gamma), torch.empty_like(projected)
        given = grouping.split(grad.to(projected.dtype))
        for piece, share, target in zip(*_pieces(projected, given, to_projected), strict=True):
            query, key, value = widths.split(piece)
            affinity = _affinity(query, key, scale)
            change = share @ value.transpose(1, 2)  # the gradient of the affinities, over gamma
            mean = (change * affinity).sum(-1, keepdim=True)
            to_gamma += mean.sum()
            change.sub_(mean).mul_(affinity).mul_(scale)  # that of the logits
            parts = [change @ key, change.transpose(1, 2) @ query, affinity.transpose(1, 2) @ share]
            torch.cat(parts, dim=-1, out=target)
            target.mul_(gamma)
        return grad, to_gamma, to_projected, None, None, None


def _affinity(query: Tensor, key: Tensor, scale: float) -> Tensor:
    """Softmax of the logits over the keys, in their memory."""
    empty = query.new_empty(1)
    logits = torch.baddbmm(empty, query, key.transpose(1, 2), beta=0, alpha=scale)
    return torch.softmax(logits, dim=-1, out=logits)


def _pieces(*groups: Tensor) -> list[tuple[Tensor, ...]]:
    """Views of a few groups each."""
    # A GPU wants large pieces, a core such as stay in its cache.
    budget = _PIECE if groups[0].device.type == "cpu" else 64 * _PIECE
    count = max(1, budget // groups[0].shape[1] ** 2)
    return [tensor.split(count) for tensor in groups]
