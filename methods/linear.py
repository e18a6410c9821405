"""The null: the best linear filter of both neighbours. A method must beat it to matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from methods.interface import FittedInterpolator, Interpolation, MethodInfo, Triplets

_ROWS = 64  # lines of an image that are unfolded at once: bounds the memory of a fit


@dataclass(frozen=True)
class LinearOptions:
    """What to choose.

    Attributes:
        window: side in pixels of the filter on each neighbour, odd.
    """

    window: int = 7


class Linear(FittedInterpolator):
    """A constant plus one filter on each neighbour, by least squares over the training split.

    It smooths, sharpens, corrects contrast and shifts each neighbour by up to half its window, but
    alike everywhere: it cannot follow what moves one way here and another way there. Unfitted it
    returns the average.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="linear",
        title="Linear filter",
        reference="least-squares linear prediction",
        kind="fitted",
        revision=2,
    )
    Options = LinearOptions
    weight: Tensor
    bias: Tensor

    def __init__(self, options: LinearOptions | None = None) -> None:
        super().__init__(options)
        window = self.options.window
        if window < 1 or window % 2 == 0:
            raise ValueError(f"The window of 'linear' must be odd and positive, not {window}.")
        weight = torch.zeros(1, 2, window, window)
        weight[:, :, window // 2, window // 2] = 0.5
        self.register_buffer("weight", weight)
        self.register_buffer("bias", torch.zeros(1))

    def forward(self, before: Tensor, after: Tensor) -> Interpolation:
        """Filter both neighbours, edges replicated, and add up."""
        return Interpolation(functional.conv2d(self._pad(before, after), self.weight, self.bias))

    @torch.no_grad()
    def fit(self, triplets: Iterable[Triplets]) -> None:
        """Solve the normal equations, summed in float64 over every pixel of every triplet.

        Args:
            triplets: the training split, in batches of any size; read once.

        Raises:
            ValueError: there are no triplets.
        """
        equations = _NormalEquations(self.options.window)
        for triplet in triplets:
            padded = self._pad(triplet.before.double(), triplet.after.double())
            for image, truth in zip(padded, triplet.middle.double(), strict=True):
                equations.add(image, truth[0])
        products = equations.products
        if products is None:
            raise ValueError("The method 'linear' has no training triplets to be fitted on.")
        # Constant slices leave the system without full rank: then the smallest filter is taken.
        system, target = products[:-1, :-1], products[:-1, -1:]
        solution = torch.linalg.lstsq(system.cpu(), target.cpu(), driver="gelsd").solution[:, 0]
        self.weight.copy_(solution[:-1].view_as(self.weight))
        self.bias.copy_(solution[-1:])

    def _pad(self, before: Tensor, after: Tensor) -> Tensor:
        edge = self.options.window // 2
        return functional.pad(torch.cat([before, after], dim=1), (edge,) * 4, mode="replicate")


class _NormalEquations:
    """Sums over pixels of the products of all pairs of (filter inputs, 1, truth).

    Attributes:
        products: the sums; None before the first image.
    """

    def __init__(self, window: int) -> None:
        self.products: Tensor | None = None
        self._window = window
        # One table for all images: tables that come and go leave gaps that memory grows by.
        self._held = torch.empty(0)

    def add(self, image: Tensor, truth: Tensor) -> None:
        """Add the pixels of a triplet.

        Args:
            image: both neighbours, padded, 2HW.
            truth: the middle slice, HW.
        """
        window, (height, width) = self._window, truth.shape
        columns = 2 * window**2 + 2
        numbers = columns * min(_ROWS, height) * width
        if self._held.numel() != numbers:
            self._held = truth.new_empty(numbers)
        products = truth.new_zeros(columns, columns)
        for top in range(0, height, _ROWS):
            lines = min(_ROWS, height - top)
            table = self._held[: columns * lines * width].view(columns, lines * width)
            block = image[:, top : top + lines + window - 1]
            shifted = block.unfold(1, lines, 1).unfold(2, width, 1)  # neighbour, dy, dx, y, x
            table[:-2].view(shifted.shape).copy_(shifted)
            table[-2] = 1
            table[-1] = truth[top : top + lines].flatten()
            products += table @ table.T
        self.products = products if self.products is None else self.products + products
