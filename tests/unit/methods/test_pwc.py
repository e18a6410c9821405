"""The light PWC network: shapes, its start, and that it can learn a motion."""

import pytest
import torch

from methods.layers.pwc import FLOW_SCALE, LightPwc

pytestmark = pytest.mark.usefixtures("one_thread")


def network(widths=(8, 12, 16)):
    torch.manual_seed(0)
    return LightPwc(widths, decoder=(16, 12), radius=2)


def test_untrained_network_reports_no_motion_at_a_quarter_of_the_size():
    flow, extra = network()(torch.randn(2, 1, 32, 48), torch.randn(2, 1, 32, 48))
    assert flow.shape == (2, 2, 32 // FLOW_SCALE, 48 // FLOW_SCALE)
    assert extra.shape == (2, 1, 32 // FLOW_SCALE, 48 // FLOW_SCALE)
    assert flow.abs().max() == 0
    assert extra.abs().max() == 0


def test_gradients_reach_every_level_once_the_heads_have_moved():
    net = network()
    for decoder in net.decoders:
        torch.nn.init.normal_(decoder[-1].weight, std=0.1)
    flow, extra = net(torch.randn(1, 1, 32, 32), torch.randn(1, 1, 32, 32))
    (flow.square().sum() + extra.square().sum()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in net.parameters())


def test_it_learns_how_far_a_texture_moved():
    """Shifts of up to 3 px along x, told apart after a few steps on random textures."""
    net = network()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(1)

    def batch():
        noise = torch.randn(4, 1, 48, 48, generator=generator)
        texture = torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1) * 3
        shift = torch.randint(-3, 4, (4,), generator=generator)
        moved = torch.stack([t.roll(int(s), dims=2) for t, s in zip(texture, shift, strict=True)])
        return texture, moved, shift.float().view(4, 1, 1)

    def error():
        texture, moved, shift = batch()
        flow, _ = net(texture, moved)
        return (flow[:, 0, 2:-2, 2:-2] - shift).abs().mean() + flow[:, 1].abs().mean()

    for _ in range(150):
        loss = error()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        after = sum(error() for _ in range(10)) / 10
    assert after < 0.5  # at rest: 12 / 7 px
