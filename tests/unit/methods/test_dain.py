"""DAIN-style: starts at the average, takes any size, and every part learns."""

import pytest
import torch
from torch import nn

from methods.dain import Dain, DainOptions

SMALL = DainOptions(
    flow_widths=(4, 6, 8),
    flow_decoder=(8,),
    flow_radius=1,
    kernel_widths=(4, 6),
    context_width=2,
    synthesis_width=4,
)


def frames(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, *shape, generator=generator).unbind()


def wake(net):
    """Give the layers that start at zero something to say."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.1)
    return net


@pytest.mark.parametrize("preset", Dain.presets)
def test_untrained_is_exactly_the_average(preset):
    before, after = frames(1, 1, 32, 32)  # one pixel at the coarsest level of the widest
    net = Dain(Dain.presets[preset]).eval()
    with torch.no_grad():
        assert torch.equal(net(before, after).middle, (before + after) / 2)


@pytest.mark.parametrize("size", [(32, 32), (37, 61), (5, 3)])
def test_any_size_and_every_extra(size):
    before, after = frames(2, 1, *size)
    net = wake(Dain(SMALL)).eval()
    with torch.no_grad():
        middle, extras = net(before, after)
    assert middle.shape == before.shape
    assert middle.isfinite().all()
    assert set(extras) == set(Dain.info.extras)
    for name, extra in extras.items():
        assert extra.shape == (2, 2 if name.startswith("flow") else 1, *size)
    assert (extras["importance_before"] > 0).all()


def test_first_step_already_moves_flow_kernels_and_synthesis():
    before, after = frames(2, 1, 64, 64)
    net = Dain(SMALL)
    (net(before, after).middle - before).square().mean().backward()
    heads = [net.synthesis[-1], *(h[-1] for h in net.kernels.heads)]
    heads += [decoder[-1] for decoder in net.flow.decoders]
    assert all(head.weight.grad.abs().max() > 0 for head in heads)


def test_flow_points_to_the_neighbours():
    """With the flow network replaced by the truth, a moving texture is met halfway."""
    texture = torch.nn.functional.avg_pool2d(torch.randn(1, 1, 68, 68), 5, stride=1)
    before, after = texture.roll(-2, dims=3), texture.roll(2, dims=3)

    class Known(nn.Module):
        def forward(self, source, target):
            there = torch.zeros(2, 2, 16, 16)
            there[0, 0], there[1, 0] = 4.0, -4.0
            return there, torch.zeros(2, 1, 16, 16)

    net = Dain(SMALL).eval()
    net.flow = Known()
    with torch.no_grad():
        middle, extras = net(before, after)
    inner = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(middle[inner], texture[inner])
    torch.testing.assert_close(extras["flow_before"][inner][:, 0], torch.full((1, 48, 48), -2.0))
    torch.testing.assert_close(extras["flow_after"][inner][:, 0], torch.full((1, 48, 48), 2.0))


def test_parameters_of_the_parts_taken_over_as_published():
    """Grey instead of colour takes 4 of 6 input channels (576 and 2 x 3,136 weights) away."""
    net = Dain(Dain.presets["paper"])
    assert sum(p.numel() for p in net.kernels.parameters()) == 5_514_112 - 576
    assert sum(p.numel() for p in net.context.parameters()) == 156_864 - 2 * 3_136
