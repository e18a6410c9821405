"""The separable operation equals the sum it is defined by, in value and in gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from methods.layers.separable import separable_convolution, separable_macs

SHAPES = [  # batch, channels, height, width, taps: one tile and several, taps beyond the image
    (2, 1, 9, 14, 5),
    (1, 3, 37, 70, 7),
    (1, 1, 8, 11, 51),
    (1, 2, 40, 33, 1),
    (1, 1, 130, 35, 51),
]


def double_loop(image: Tensor, vertical: Tensor, horizontal: Tensor) -> Tensor:
    taps = vertical.shape[1]
    height, width = image.shape[-2:]
    padded = functional.pad(image, (taps // 2,) * 4, mode="replicate")
    out = torch.zeros_like(image)
    for i in range(taps):
        for j in range(taps):
            weight = vertical[:, i : i + 1] * horizontal[:, j : j + 1]
            out = out + weight * padded[:, :, i : i + height, j : j + width]
    return out


def make(shape: tuple[int, int, int, int, int], dtype: torch.dtype) -> tuple[Tensor, ...]:
    batch, channels, height, width, taps = shape
    generator = torch.Generator().manual_seed(3)
    sizes = (batch, channels, height, width), *[(batch, taps, height, width)] * 2
    return tuple(
        torch.randn(size, generator=generator, dtype=dtype, requires_grad=True) for size in sizes
    )


def relative(result: Tensor, expected: Tensor) -> float:
    return float((result - expected).detach().norm() / expected.detach().norm())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_equal_the_double_loop(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype, tolerance: float
) -> None:
    inputs = make(shape, dtype)
    out, expected = separable_convolution(*inputs), double_loop(*inputs)
    weights = torch.randn(out.shape, dtype=dtype, generator=torch.Generator().manual_seed(4))
    assert relative(out, expected) < tolerance
    gradients = torch.autograd.grad(out, inputs, weights)
    for gradient, truth in zip(
        gradients, torch.autograd.grad(expected, inputs, weights), strict=True
    ):
        assert relative(gradient, truth) < tolerance


def test_gradcheck() -> None:
    assert torch.autograd.gradcheck(separable_convolution, make((2, 2, 4, 5, 3), torch.float64))


@pytest.mark.parametrize("needed", range(3))
def test_a_gradient_asked_for_alone_is_the_same(needed: int) -> None:
    inputs = make((1, 2, 12, 40, 5), torch.float64)
    expected = torch.autograd.grad(double_loop(*inputs).square().sum(), inputs)[needed]
    alone = [tensor.detach().requires_grad_(i == needed) for i, tensor in enumerate(inputs)]
    separable_convolution(*alone).square().sum().backward()
    torch.testing.assert_close(alone[needed].grad, expected, rtol=1e-10, atol=1e-10)
    assert [tensor.grad is not None for tensor in alone] == [i == needed for i in range(3)]


def test_memory_layout_of_the_inputs_does_not_matter() -> None:
    image, vertical, horizontal = (
        tensor.detach() for tensor in make((2, 3, 20, 44, 9), torch.float64)
    )
    layouts = (
        image.transpose(2, 3).contiguous().transpose(2, 3),
        vertical.contiguous(memory_format=torch.channels_last),
        torch.stack([horizontal, horizontal], dim=-1)[..., 0],
    )
    leaves = [tensor.requires_grad_() for tensor in layouts]
    out = separable_convolution(*leaves)
    expected_leaves = [tensor.requires_grad_() for tensor in (image, vertical, horizontal)]
    expected = double_loop(*expected_leaves)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    out.square().sum().backward()
    expected.square().sum().backward()
    for leaf, truth in zip(leaves, expected_leaves, strict=True):
        torch.testing.assert_close(leaf.grad, truth.grad, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2), (-5, 5)])
def test_delta_kernels_move_the_image(down: int, right: int) -> None:
    image = torch.rand(1, 2, 30, 50, generator=torch.Generator().manual_seed(0))
    vertical, horizontal = torch.zeros(1, 11, 30, 50), torch.zeros(1, 11, 30, 50)
    vertical[:, 5 - down] = 1.0
    horizontal[:, 5 - right] = 1.0
    moved = separable_convolution(image, vertical, horizontal)
    inner = (..., slice(5, -5), slice(5, -5))
    assert torch.equal(moved[inner], torch.roll(image, (down, right), (2, 3))[inner])


def test_beyond_the_border_the_image_is_replicated() -> None:
    image = torch.arange(12.0).view(1, 1, 3, 4)
    vertical, horizontal = torch.zeros(1, 5, 3, 4), torch.zeros(1, 5, 3, 4)
    vertical[:, 0] = 1.0  # two rows up
    horizontal[:, 4] = 1.0  # two columns right
    expected = torch.tensor([[2.0, 3.0, 3.0, 3.0]]).expand(3, 4)
    assert torch.equal(separable_convolution(image, vertical, horizontal)[0, 0], expected)


def test_autocast_does_not_shorten_the_sums() -> None:
    inputs = make((1, 1, 16, 40, 15), torch.float32)
    expected = torch.autograd.grad(separable_convolution(*inputs).square().sum(), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        out = separable_convolution(*inputs)
        gradients = torch.autograd.grad(out.square().sum(), inputs)
    assert out.dtype == torch.float32
    for gradient, truth in zip(gradients, expected, strict=True):
        assert relative(gradient, truth) < 1e-6


def test_only_the_inputs_are_kept_for_the_backward_pass() -> None:
    inputs = make((1, 1, 64, 64, 25), torch.float32)
    kept = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        separable_convolution(*inputs)
    padded = 88 * 88
    assert sum(kept) <= padded + sum(tensor.numel() for tensor in inputs)


@pytest.mark.parametrize(
    ("vertical", "horizontal"),
    [((1, 4, 8, 9), (1, 4, 8, 9)), ((1, 3, 8, 9), (1, 5, 8, 9)), ((1, 3, 4, 9), (1, 3, 4, 9))],
)
def test_kernels_that_do_not_fit_are_named(
    vertical: tuple[int, ...], horizontal: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"do not fit an image of shape \(1, 1, 8, 9\)"):
        separable_convolution(
            torch.zeros(1, 1, 8, 9), torch.zeros(vertical), torch.ones(horizontal)
        )


def test_multiply_adds_of_the_published_layer() -> None:
    assert separable_macs(channels=1, taps=51, height=512, width=512) == 2601 * 512 * 512
