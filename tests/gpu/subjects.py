"""What is compared between devices: every method and every layer of ours, with its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from speed.subjects import triplet
from speed.warping import smooth_flow
from torch import Tensor, nn

from bench.cells.registry import METHODS
from bench.cells.variants import parse_variant
from methods.dain import DainOptions
from methods.features import load_features
from methods.interface import Interpolation, Triplets
from methods.layers.attention import AttentionAwareLayer, Form
from methods.layers.correlation import correlation
from methods.layers.dense import dense_fusion
from methods.layers.pwc import LightPwc
from methods.layers.rdn import ResidualDenseNetwork
from methods.layers.separable import separable_convolution
from methods.layers.synthesis import HybridNetwork, KernelHead, ResidualHead
from methods.layers.unet import UNet
from methods.layers.warp import adaptive_warp, backward_warp, fill_holes, project_flow
from methods.layers.window_sum import window_sum
from methods.losses import LossOptions, build_loss

_NOISE = 0.01  # standard deviation of what is added to weights
_GAMMA = 0.5
_CHANNELS = 32
_FORMS: tuple[Form, ...] = ("equation", "released")


class Subject(NamedTuple):
    """Something to be computed.

    Attributes:
        function: a module, or a function of tensors.
        inputs: on the CPU; gradients are taken of those that want one.
    """

    function: Callable[..., Any]
    inputs: list[Tensor]


Make = Callable[[], Subject]


def subjects(side: int, many: int) -> Iterator[tuple[str, Make]]:
    """All of them by name, made when they are called.

    Args:
        side: of slices and maps in pixels, a multiple of 16.
        many: side of a map that is cut into windows of 2 x 2.
    """
    yield from _methods(side)
    yield from _attention(side)
    yield from _layers(side)
    yield from _networks(side)
    yield from _losses(side)
    # CUDA counts the groups of a fused attention in 16 bits.
    name = f"attention (8, 2), equation, fused, {many**2 // 4:,} groups"
    yield name, partial(_attend, (8, 2), "equation", many, fused=True)


def _methods(side: int) -> Iterator[tuple[str, Make]]:
    for name, method in METHODS.items():
        for preset in ("quick", "medium") if method.kind == "trained" else ("quick",):
            title = f"{name}, {preset}" if method.kind == "trained" else name
            yield title, partial(_method, name, preset, side)


def _method(name: str, preset: str, side: int) -> Subject:
    batch = triplet(side)
    return Subject(shaken(parse_variant(name, preset).build()), [batch.before, batch.after])


def shaken(module: nn.Module) -> nn.Module:
    """A module with all weights off what they begin with.

    Heads and gamma begin at zero, and hide whatever comes before them.
    """
    with torch.no_grad():
        for name, weights in module.state_dict().items():
            if name.endswith("gamma"):
                weights.fill_(_GAMMA)
            elif weights.dim() == 4 and not weights.any():
                weights.normal_(0, weights[0].numel() ** -0.5)
            else:
                weights.add_(_NOISE * torch.randn_like(weights))
    return module


def _attention(side: int) -> Iterator[tuple[str, Make]]:
    for partition in ((), (8,), (4, 4), (4, 2, 2)):
        for form in _FORMS:
            for fused in (True, False):
                # Dense attention takes groups that are large enough to be fused in either form.
                here = side if partition else min(side, 32)
                name = f"attention {partition}, {form}, {'fused' if fused else 'explicit'}"
                yield name, partial(_attend, partition, form, here, fused=fused)


def _attend(partition: tuple[int, ...], form: Form, side: int, *, fused: bool) -> Subject:
    # Queries of 8 channels, the least that a card's fused kernels take.
    layer = AttentionAwareLayer(_CHANNELS, partition, form, _CHANNELS // 8, fused)
    return Subject(shaken(layer), [_map(_CHANNELS, side)])


def _map(channels: int, side: int) -> Tensor:
    image = torch.randn(1, channels, side, side)
    return image.contiguous(memory_format=torch.channels_last).requires_grad_()


def _layers(side: int) -> Iterator[tuple[str, Make]]:
    yield "separable convolution", partial(_separable, side)
    yield "correlation", partial(_correlation, side)
    yield "backward warp", lambda: Subject(backward_warp, [_map(3, side), _flow(side)])
    yield "adaptive warp", partial(_adaptive, side)
    yield "flow projection", partial(_projection, side)
    yield "hole filling", partial(_holes, side)
    yield "window sum", partial(_windows, side)


def _separable(side: int) -> Subject:
    taps = 25
    kernels = [(torch.randn(1, taps, side, side) / taps).requires_grad_() for _ in range(2)]
    return Subject(separable_convolution, [_map(2, side), *kernels])


def _correlation(side: int) -> Subject:
    function = partial(correlation, radius=4)
    return Subject(function, [_map(_CHANNELS, side), _map(_CHANNELS, side)])


def _adaptive(side: int) -> Subject:
    kernels = torch.rand(1, 16, side, side).requires_grad_()
    return Subject(adaptive_warp, [_map(12, side), _flow(side), kernels])


def _projection(side: int) -> Subject:
    weight = (torch.rand(1, 1, side, side) + 0.1).requires_grad_()
    return Subject(project_flow, [_flow(side), weight])


def _holes(side: int) -> Subject:
    return Subject(fill_holes, [_flow(side), torch.rand(1, 1, side, side) < 0.3])


def _windows(side: int) -> Subject:
    taps = torch.tensor([0, 1, side, side + 1])
    corner = torch.randint(side * (side - 1) - 1, (side**2,))
    table, weights = torch.randn(side**2, 12), torch.randn(side**2, len(taps))
    return Subject(window_sum, [table.requires_grad_(), weights.requires_grad_(), corner, taps])


def _flow(side: int) -> Tensor:
    return smooth_flow(side).requires_grad_()


def _networks(side: int) -> Iterator[tuple[str, Make]]:
    options = DainOptions()
    flow = options.flow_widths, options.flow_decoder, options.flow_radius
    yield "light PWC", lambda: Subject(shaken(LightPwc(*flow)), [_map(1, side), _map(1, side)])
    rdn = partial(ResidualDenseNetwork, 2, 16, 2, 2, 8)
    yield "residual dense network", lambda: Subject(shaken(rdn()), [_map(2, side)])
    yield "dense fusion", partial(_dense, side)
    yield "U-Net", lambda: Subject(shaken(UNet(2, 16)), [_map(2, side)])
    heads = {"residual head": partial(ResidualHead, 16, 2), "kernel head": lambda: _kernels(16)}
    for name, make in heads.items():
        yield name, partial(_head, make, side)
    hybrid = partial(HybridNetwork, 2, 16)
    yield "hybrid network", lambda: Subject(shaken(hybrid()), [_map(1, side), _map(1, side)])


def _dense(side: int) -> Subject:
    """What takes the place of a dense block where its maps are large."""
    shapes = [(8, 16, 3, 3), (8,), (8, 24, 3, 3), (8,), (16, 32, 1, 1), (16,)]
    parameters = [(torch.randn(shape) / 8).requires_grad_() for shape in shapes]
    return Subject(lambda image, *rest: dense_fusion(image, rest), [_map(16, side), *parameters])


def _kernels(channels: int) -> KernelHead:
    return KernelHead(channels, scale=2, taps=17)


def _head(make: Callable[[], nn.Module], side: int) -> Subject:
    return Subject(shaken(make()), [_map(16, side // 2), _map(1, side), _map(1, side)])


def _losses(side: int) -> Iterator[tuple[str, Make]]:
    yield "loss l1", partial(_loss, "l1", LossOptions(lowpass=1.0), side)
    yield "loss lf", partial(_loss, "lf", LossOptions(), side)
    yield "loss ls", partial(_loss, "ls", LossOptions(), side)
    yield "loss ls, plain", partial(_loss, "ls", LossOptions(style="plain"), side)


def _loss(name: str, options: LossOptions, side: int) -> Subject:
    features = None if name == "l1" else load_features("random")
    batch = triplet(side // 2)
    prediction = ((batch.before + batch.after) / 2).requires_grad_()
    return Subject(_Loss(build_loss(name, options, features)), [prediction, *batch])


class _Loss(nn.Module):
    """The total of a loss as a function of tensors."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, prediction: Tensor, *batch: Tensor) -> Tensor:
        total: Tensor = self.loss(Interpolation(prediction), Triplets(*batch)).total
        return total
