"""Densely connected convolutions and their fusion, of which only the input is kept.

Autograd keeps every concatenation and every ReLU: eleven maps a block in SSAN's residual dense
network. Here the backward pass computes them again, once, and walks the layers back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional


def dense_fusion(image: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Densely connected 3 x 3 convolutions with ReLU, then a 1 x 1 convolution of them all.

    Results and gradients are those of autograd to the last bit.

    Args:
        image: BCHW.
        parameters: weight and bias of each convolution in turn; the last one is the 1 x 1.

    Returns:
        B(outputs of the last convolution)HW, of the image's dtype, under autocast too.
    """
    # Under autocast the image comes in the short format of the convolution before.
    parameters = [parameter.to(image.dtype) for parameter in parameters]
    fused: Tensor = _DenseFusion.apply(image, image, *parameters)
    return fused


class _DenseFusion(Function):
    """Takes the image twice: as a part of every concatenation, and as it goes into the first layer.

    So autograd adds up the image's gradients in the order in which it would without us, which the
    last bits of the sum depend on.
    """

    @staticmethod
    def forward(ctx: Any, part: Tensor, image: Tensor, *parameters: Tensor) -> Tensor:
        del part
        ctx.save_for_backward(image, *parameters)
        weight, bias = parameters[-2:]
        with torch.autocast(image.device.type, enabled=False):
            return functional.conv2d(_concatenation(image, parameters[:-2]), weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        image, *parameters = ctx.saved_tensors
        features = _concatenation(image, parameters[:-2])
        total, *found = _convolution_gradients(grad, features, *parameters[-2:])
        through: Tensor | None = None
        for weight, bias in reversed(_pairs(parameters[:-2])):
            if through is not None:
                total, through = total.add_(through), None
            seen = weight.shape[1]
            share = torch.ops.aten.threshold_backward(total[:, seen:], features[:, seen:], 0)
            features = features[:, :seen].clone()  # the rest has served
            total = total[:, :seen]
            through, *own = _convolution_gradients(share, features, weight, bias)
            found = own + found
        return total, through, *found


def _concatenation(image: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """The image and what each convolution makes of all before it, side by side."""
    features = image
    for weight, bias in _pairs(parameters):
        grown = functional.conv2d(features, weight, bias, padding=1)
        features = torch.cat([features, grown.relu_()], dim=1)
    return features


def _convolution_gradients(
    grad: Tensor, image: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of image, weight and bias of a convolution that keeps the size of its image."""
    padding = [side // 2 for side in weight.shape[2:]]
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad, image, weight, list(bias.shape), [1, 1], padding, [1, 1], False, [0, 0], 1,
        [True, True, True],
    )  # fmt: skip
    return gradients


def _pairs(parameters: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution."""
    return list(zip(parameters[::2], parameters[1::2], strict=True))
