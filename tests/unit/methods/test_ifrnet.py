"""IFRNet: starts at the average, takes any size, every part learns, and its flow is a flow."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from methods.ifrnet import IfrNet, IfrNetOptions

SMALL = IfrNetOptions(widths=(4, 6, 8), side=4)


def frames(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, *shape, generator=generator).unbind()


def wake(net):
    """Give the layers that start at zero something to say."""
    for module in net.modules():
        if isinstance(module, nn.ConvTranspose2d) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.1)
    return net


@pytest.mark.parametrize("options", IfrNet.presets.values(), ids=str)
def test_untrained_is_exactly_the_average(options):
    before, after = frames(1, 1, 37, 61)
    net = IfrNet(options).eval()
    with torch.no_grad():
        middle, extras = net(before, after)
    assert torch.equal(middle, (before + after) / 2)
    assert torch.equal(extras["mask"], torch.full_like(before, 0.5))
    assert torch.equal(extras["warped_before"], before)


def test_the_paper_preset_is_the_small_network():
    """2.8 million parameters in the paper's table; grey takes two of three channels away."""
    counts = {
        name: sum(weights.numel() for weights in IfrNet(options).parameters())
        for name, options in IfrNet.presets.items()
    }
    assert counts == {"quick": 1_027_790, "medium": 1_596_454, "paper": 2_799_576}


@pytest.mark.parametrize("size", [(32, 32), (37, 61), (5, 3)])
def test_any_size_and_every_extra(size):
    before, after = frames(2, 1, *size)
    net = wake(IfrNet(SMALL)).eval()
    with torch.no_grad():
        middle, extras = net(before, after)
    assert middle.shape == before.shape
    assert middle.isfinite().all()
    assert set(extras) == set(IfrNet.info.extras)
    for name, extra in extras.items():
        assert extra.shape == (2, 2 if name.startswith("flow") else 1, *size)


def test_blank_slices_stay_blank_once_it_has_learnt_something():
    net = wake(IfrNet(SMALL)).eval()
    flat = torch.full((1, 1, 32, 32), 0.5)
    with torch.no_grad():
        middle = net(flat, flat).middle
    assert (middle - flat).abs().max() < 0.01


def test_first_step_already_moves_flow_mask_and_residual():
    before, after = frames(2, 1, 64, 64)
    net = IfrNet(SMALL)
    (net(before, after).middle - before).square().mean().backward()
    assert all(decoder.motion.weight.grad.abs().max() > 0 for decoder in net.decoders)
    mask, residual = net.decoders[-1].content.weight.grad.unbind(1)
    assert mask.abs().max() > 0
    assert residual.abs().max() > 0


def test_flow_points_to_the_neighbours_at_every_level():
    """Where the coarsest level says what the shift is, the texture is met."""
    side = 64
    texture = nn.functional.avg_pool2d(torch.randn(1, 1, side + 4, side + 4), 5, stride=1)
    before, after = texture.roll(-4, dims=3), texture.roll(4, dims=3)
    net = IfrNet(SMALL).eval()
    with torch.no_grad():
        # The finer decoders double what they are given, for their pixels are half as large.
        coarse = 4 / 2 ** (len(SMALL.widths) - 1)
        net.decoders[0].motion.bias.copy_(torch.tensor([-coarse, 0, coarse, 0]))
        middle, extras = net(before, after)
    inner = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(middle[inner], texture[inner], rtol=0, atol=1e-5)
    expected = torch.full((1, side - 16, side - 16), 4.0)
    torch.testing.assert_close(extras["flow_after"][inner][:, 0], expected)
    torch.testing.assert_close(extras["flow_before"][inner][:, 0], -expected)


@pytest.mark.parametrize("options", [{"widths": (8,)}, {"widths": (4, 6), "side": 8}])
def test_widths_that_make_no_network_are_refused(options):
    with pytest.raises(ValueError, match="give two widths or more"):
        IfrNet(IfrNetOptions(**options))
